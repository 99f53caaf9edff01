"""From the configuration to the parts: routes with their stages, pools, and TLS contexts."""

import ssl
from collections.abc import Iterator

from aiohttp import ClientSession

from gateway.auth import registry as auth
from gateway.auth.scheme_tools import Tools
from gateway.balance import registry as balance
from gateway.balance.base import Options
from gateway.balance.upstream import Upstream
from gateway.config.tree import Config, Server, Service
from gateway.forward import Forward, Leg
from gateway.limit.limits import Limits
from gateway.observe.record import Observer
from gateway.routes import Route, Routes
from gateway.runtime import Runtime
from gateway.wire.express import Express
from gateway.wire.headers import HeaderPlan
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.request_head import Destination


class Assembly:
    """The routes of a configuration, and the ways to their upstreams."""

    def __init__(
        self, config: Config, runtime: Runtime, observer: Observer, client: ClientSession | None = None
    ) -> None:
        self._runtime = runtime
        self._heads = Express(ReplyHead)
        self._legs: dict[Upstream, Leg] = {}
        self._upstreams: dict[str, list[Upstream]] = {}
        self.gate = gate = auth.build(config, Tools(runtime, client))
        self.limits = Limits(config, runtime)
        routes = {}
        for name, service in config.services.items():
            upstreams = self._upstreams[name] = self._connect(service)
            routes[name] = Route(
                service=name,
                authenticate=gate.authenticator(service).authenticate,
                limit=self.limits.limiters[name].permit,
                strategy=balance.build(service.strategy, upstreams, runtime, Options(hash_key=service.hash_key)),
                upstreams=upstreams,
                headers=HeaderPlan(
                    {name: value.get_secret_value() for name, value in service.request_headers.set.items()},
                    (*service.request_headers.remove, *gate.hidden),
                    forward_authorization=service.forward_authorization,
                ),
                attempts=service.retries.attempts,
            )
        self.routes = Routes(routes)
        self.forward = Forward(self._legs, observer)

    def _connect(self, service: Service) -> list[Upstream]:
        upstreams = []
        for option in service.upstreams:
            upstream = Upstream(option.url, option.weight)
            tls = client_tls(service.upstream_ca) if upstream.tls else None
            pool = Pool(upstream, self._runtime, self._heads, service.timeouts, limit=service.max_connections, tls=tls)
            self._legs[upstream] = Leg(pool, Destination(upstream.base, upstream.authority))
            upstreams.append(upstream)
        return upstreams

    def pools(self) -> Iterator[tuple[str, Pool]]:
        """Each service's name with each of its pools."""
        for name, upstreams in self._upstreams.items():
            for upstream in upstreams:
                yield name, self._legs[upstream].pool

    def checks(self) -> Iterator[tuple[bool, str]]:
        """For `/ready`: whether there are keys to verify tokens with, and whether each service has upstreams."""
        yield from self.gate.checks()
        yield from self.limits.checks()
        for name, upstreams in self._upstreams.items():
            yield bool(upstreams), f"service {name}: {len(upstreams)} of {len(upstreams)} upstreams available"

    def connections(self) -> Iterator[tuple[str, str, str, int]]:
        """Service, upstream, state and number of connections, for the metrics."""
        for name, pool in self.pools():
            yield name, pool.upstream.name, "idle", pool.idle
            yield name, pool.upstream.name, "active", pool.active

    def close(self) -> None:
        self.gate.close()
        self.limits.close()
        for _, pool in self.pools():
            pool.close()


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
