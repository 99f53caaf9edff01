"""From a configuration to the parts: routes with their stages, and the upstreams behind them."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from aiohttp import ClientSession

from gateway.auth import registry as auth
from gateway.auth.gate import Gate
from gateway.auth.scheme_tools import Tools
from gateway.backend import Backend
from gateway.backend import Tools as BackendTools
from gateway.config.tree import Config, Server, Service
from gateway.limit.limits import Limits
from gateway.routes import Retries, Route, Routes
from gateway.runtime import Runtime
from gateway.wire.express import Express
from gateway.wire.grammar import OWN_OF_REPLIES
from gateway.wire.headers import HeaderPlan
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.tls import Tls

# One TLS context for all that trust the same authorities: the file's path, and what tells that it has changed.
Trust = tuple[str | None, int]


class Assembly:
    """The parts of one configuration; those of `before` that have not changed are taken over.

    Made, then started; only `start` touches what `before` shares. Raises ValueError or ConfigError for what cannot be
    used, and then `abandon` leaves `before` as it was.
    """

    def __init__(
        self,
        config: Config,
        runtime: Runtime,
        client: ClientSession | None,
        forget: Callable[[str, str], None],
        before: "Assembly | None" = None,
    ) -> None:
        """`forget(service, upstream)` ends the counting of an upstream that has left."""
        self._config = config
        self._before = before
        heads: Express[ReplyHead] = before._tools.heads if before is not None else Express(ReplyHead, OWN_OF_REPLIES)
        self._tools: BackendTools = BackendTools(runtime, heads, client, forget)
        schemes = before.gate.schemes if before is not None else ()
        self.gate: Gate = auth.build(config, Tools(runtime, client, {scheme.name: scheme for scheme in schemes}))
        self.limits: Limits = Limits(config, runtime, before.limits if before is not None else None)
        self._trust: dict[Trust, ssl.SSLContext] = dict(before._trust) if before is not None else {}
        self._contexts = {name: self._tls(service) for name, service in config.services.items()}
        self._plans = {name: _plan(service, self.gate.hidden) for name, service in config.services.items()}
        self._backends: dict[str, Backend] = {}
        self.routes = Routes({})

    def _tls(self, service: Service) -> ssl.SSLContext | None:
        if not any(upstream.is_secure for upstream in service.upstreams):
            return None
        file = service.upstream_ca
        trust = (file, Path(file).stat().st_mtime_ns if file is not None else 0)
        if trust not in self._trust:
            self._trust[trust] = client_tls(file)
        return self._trust[trust]

    async def start(self) -> None:
        """Begin what goes on in the background. Raises ConfigError when the limiters' store cannot be used."""
        self.gate.start()
        await self.limits.start()
        before = self._before._backends if self._before is not None else {}
        services = self._config.services
        self._backends = {name: before.get(name) or Backend(name, self._tools) for name in services}
        await asyncio.gather(*[self._backends[name].prepare(service) for name, service in services.items()])
        # From here on nothing waits and nothing fails: the upstreams and the routes to them change at once.
        self._before = None
        for name, service in services.items():
            self._backends[name].configure(service, self._contexts[name])
        for name in before.keys() - self._backends.keys():
            before[name].close()
        self.routes = Routes({name: self._route(name, service) for name, service in services.items()})

    def _route(self, name: str, service: Service) -> Route:
        retries, backend = service.retries, self._backends[name]
        authenticator, limiter = self.gate.authenticator(service), self.limits.limiters[name]
        return Route(
            service=name,
            authenticate=authenticator.authenticate,
            recall=authenticator.recall,
            limit=limiter.permit,
            permit=limiter.permit_at_once,
            group=backend.group,
            headers=self._plans[name],
            retries=Retries(retries.attempts, frozenset(retries.statuses), backend.budget),
            hedging=backend.hedging,
        )

    def abandon(self) -> None:
        """Never mind: `before` goes on."""
        self.gate.close()
        if self._before is not None:
            self.limits.close(self._before.limits)

    def retire(self, after: "Assembly") -> None:
        """Close what `after`, which has taken over, does not use."""
        self.gate.close()
        self.limits.close(after.limits)

    def close(self) -> None:
        """Close everything."""
        self.gate.close()
        self.limits.close()
        for backend in self._backends.values():
            backend.close()

    # --- what operators see ---

    def pools(self) -> Iterator[tuple[str, Pool]]:
        """Each service's name with each of its pools."""
        for name, backend in self._backends.items():
            for pool in backend.pools():
                yield name, pool

    def checks(self) -> Iterator[tuple[bool, str]]:
        """For `/ready`: the keys to verify tokens with, the limiters' store, and each service's upstreams."""
        yield from self.gate.checks()
        yield from self.limits.checks()
        counts = {name: [good for _, good in self._backends[name].group.states()] for name in self._backends}
        # One service that is down is no reason to take the others away from their callers.
        some = any(map(any, counts.values()))
        for name, states in counts.items():
            yield some, f"service {name}: {sum(states)} of {len(states)} upstreams available"

    def healthy(self) -> Iterator[tuple[tuple[str, str], int]]:
        """((service, upstream), 1 or 0) for the metrics: 0 while it is ejected or found down."""
        for name, backend in self._backends.items():
            for upstream, good in backend.group.states():
                yield (name, upstream), int(good)

    def connections(self) -> Iterator[tuple[str, str, str, int]]:
        """Service, upstream, state and number of connections, for the metrics."""
        for name, pool in self.pools():
            yield name, pool.upstream.name, "idle", pool.idle
            yield name, pool.upstream.name, "active", pool.active


def _plan(service: Service, hidden: tuple[str, ...]) -> HeaderPlan:
    headers = service.request_headers
    return HeaderPlan(
        {name: value.get_secret_value() for name, value in headers.set.items()},
        (*headers.remove, *hidden),
        forward_authorization=service.forward_authorization,
    )


def server_tls(options: Server) -> Tls | None:
    """TLS for clients, mutual when a client CA is given; None without a certificate."""
    if options.tls_cert is None or options.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    if options.tls_client_ca is not None:
        context.load_verify_locations(options.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return Tls(context, handshake_timeout=options.header_timeout)


def client_tls(ca: str | None) -> ssl.SSLContext:
    """TLS to upstreams: verified against the system's authorities, or only against those in the PEM file `ca`."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    return context
