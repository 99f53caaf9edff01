"""One service's upstreams: how they are reached, which one is next, and what is known of each."""

import ssl
from collections.abc import Iterator, Sequence
from functools import partial

from aiohttp import ClientSession

from gateway.attempt import Leg
from gateway.balance import registry as balance
from gateway.balance.base import Options, Strategy
from gateway.balance.group import Group
from gateway.balance.health import HealthChecks, Probe
from gateway.balance.probe import PathProbe, connect_probe
from gateway.balance.upstream import Upstream
from gateway.config.service import Service, UpstreamEntry
from gateway.runtime import Runtime
from gateway.wire.express import Express
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.request_head import Destination


class Backend:
    """The upstreams of the service `name`; `tls` is for those whose URL says https."""

    def __init__(
        self,
        name: str,
        service: Service,
        tls: ssl.SSLContext | None,
        runtime: Runtime,
        heads: Express[ReplyHead],
        client: ClientSession | None,
    ) -> None:
        self._service = service
        self._tls = tls
        self._runtime = runtime
        self._heads = heads
        upstreams = [self._upstream(entry) for entry in service.upstreams]
        self.group = Group(name, upstreams, partial(_strategy, service, runtime), runtime, service)
        self._health = HealthChecks(self.group, service.health, self._probe(client), runtime)

    def _probe(self, client: ClientSession | None) -> Probe:
        path = self._service.health.path
        if path is None or client is None:
            return connect_probe
        headers = {name: value.get_secret_value() for name, value in self._service.request_headers.set.items()}
        return PathProbe(client, path, headers, self._tls)

    def start(self) -> None:
        """Begin what goes on in the background."""
        self._health.start()

    def _upstream(self, entry: UpstreamEntry) -> Upstream:
        service = self._service
        upstream = Upstream(entry.url, entry.weight, priority=entry.priority)
        upstream.limit = service.max_connections
        tls = self._tls if upstream.tls else None
        pool = Pool(upstream, self._runtime, self._heads, service.timeouts, limit=upstream.limit, tls=tls)
        upstream.leg = Leg(pool, Destination(upstream.base, upstream.authority))
        return upstream

    def pools(self) -> Iterator[Pool]:
        for upstream in self.group.upstreams:
            assert isinstance(upstream.leg, Leg)
            yield upstream.leg.pool

    def close(self) -> None:
        self._health.close()
        for pool in self.pools():
            pool.close()


def _strategy(service: Service, runtime: Runtime, upstreams: Sequence[Upstream]) -> Strategy:
    return balance.build(service.strategy, upstreams, runtime, Options(hash_key=service.hash_key))
