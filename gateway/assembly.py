"""From the configuration to the parts: routes with their stages, pools, and TLS contexts."""

import ssl
from collections.abc import Iterator

from aiohttp import ClientSession

from gateway.auth import registry as auth
from gateway.auth.scheme_tools import Tools
from gateway.backend import Backend
from gateway.balance.budget import Budget
from gateway.config.tree import Config, Server, Service
from gateway.forward import Forward
from gateway.limit.limits import Limits
from gateway.observe.record import Observer
from gateway.routes import Retries, Route, Routes
from gateway.runtime import Runtime
from gateway.wire.express import Express
from gateway.wire.headers import HeaderPlan
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead


class Assembly:
    """The routes of a configuration, and the ways to their upstreams."""

    def __init__(
        self, config: Config, runtime: Runtime, observer: Observer, client: ClientSession | None = None
    ) -> None:
        heads = Express(ReplyHead)
        self._backends: dict[str, Backend] = {}
        self.gate = gate = auth.build(config, Tools(runtime, client))
        self.limits = Limits(config, runtime)
        routes = {}
        for name, service in config.services.items():
            backend = self._backends[name] = Backend(name, service, _tls(service), runtime, heads, client)
            routes[name] = Route(
                service=name,
                authenticate=gate.authenticator(service).authenticate,
                limit=self.limits.limiters[name].permit,
                group=backend.group,
                headers=HeaderPlan(
                    {name: value.get_secret_value() for name, value in service.request_headers.set.items()},
                    (*service.request_headers.remove, *gate.hidden),
                    forward_authorization=service.forward_authorization,
                ),
                retries=Retries(
                    service.retries.attempts, frozenset(service.retries.statuses), Budget(service.retries.budget)
                ),
            )
        self.routes = Routes(routes)
        self.forward = Forward(runtime, observer)

    async def start(self) -> None:
        """Begin what goes on in the background. Raises ConfigError when the limiters' store cannot be used."""
        self.gate.start()
        await self.limits.start()
        for backend in self._backends.values():
            backend.start()

    def pools(self) -> Iterator[tuple[str, Pool]]:
        """Each service's name with each of its pools."""
        for name, backend in self._backends.items():
            for pool in backend.pools():
                yield name, pool

    def checks(self) -> Iterator[tuple[bool, str]]:
        """For `/ready`: whether there are keys to verify tokens with, and whether each service has upstreams."""
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

    def close(self) -> None:
        self.gate.close()
        self.limits.close()
        for backend in self._backends.values():
            backend.close()


def _tls(service: Service) -> ssl.SSLContext | None:
    """One context for all of a service's upstreams: making one takes ten milliseconds."""
    secure = any(upstream.url.startswith("https:") for upstream in service.upstreams)
    return client_tls(service.upstream_ca) if secure else None


def server_tls(options: Server) -> ssl.SSLContext | None:
    """TLS for clients, mutual when a client CA is given; None without a certificate."""
    if options.tls_cert is None or options.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    if options.tls_client_ca is not None:
        context.load_verify_locations(options.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_tls(ca: str | None) -> ssl.SSLContext:
    """TLS to upstreams: verified against the system's authorities, or only against those in the PEM file `ca`."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    return context
