"""One service's upstreams, for as long as the service exists: how they are reached, and what is known of each."""

import ssl
from collections.abc import Iterator, Sequence
from functools import partial

from aiohttp import ClientSession

from gateway.attempt import Leg
from gateway.balance import registry as balance
from gateway.balance.base import Options, Strategy
from gateway.balance.budget import Budget
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
    """The upstreams of the service `name`; configured at once, and again by every reload."""

    def __init__(self, name: str, runtime: Runtime, heads: Express[ReplyHead], client: ClientSession | None) -> None:
        self._runtime = runtime
        self._heads = heads
        self._client = client
        self._service: Service | None = None
        self._tls: ssl.SSLContext | None = None
        self._health: HealthChecks | None = None
        self.group = Group(name, runtime)
        self.budget = Budget(0.0)  # of retries

    def configure(self, service: Service, tls: ssl.SSLContext | None) -> None:
        """Be what `service` says; upstreams that stay keep what was learned of them, and their connections."""
        before, was_tls = self._service, self._tls
        self.budget.share = service.retries.budget
        self._service, self._tls = service, tls
        same_way = before is not None and was_tls is tls and _way(before) == _way(service)
        known = {upstream.url: upstream for upstream in self.group.upstreams}
        upstreams = [self._upstream(entry, known.pop(entry.url, None), same_way) for entry in service.upstreams]
        self.group.configure(upstreams, partial(_strategy, service, self._runtime), service)
        for gone in known.values():
            _pool(gone).close()
        if not same_way or before is None or _asked(before) != _asked(service):
            self._check_health(service)

    def _upstream(self, entry: UpstreamEntry, known: Upstream | None, same_way: bool) -> Upstream:
        upstream = known if known is not None else Upstream(entry.url)
        upstream.weight = entry.weight
        upstream.priority = entry.priority
        if not (known is not None and same_way):
            self._connect(upstream)
        return upstream

    def _connect(self, upstream: Upstream) -> None:
        service = self._service
        assert service is not None
        if upstream.leg is not None:
            _pool(upstream).close()
        upstream.limit = service.max_connections
        tls = self._tls if upstream.tls else None
        pool = Pool(upstream, self._runtime, self._heads, service.timeouts, limit=upstream.limit, tls=tls)
        upstream.leg = Leg(pool, Destination(upstream.base, upstream.authority))

    def _check_health(self, service: Service) -> None:
        if self._health is not None:
            self._health.close()
        if not service.health.interval:
            for upstream in self.group.upstreams:
                self.group.checked(upstream, healthy=True)  # nobody else would ever say so
        self._health = HealthChecks(self.group, service.health, self._probe(service), self._runtime)
        self._health.start()

    def _probe(self, service: Service) -> Probe:
        path = service.health.path
        if path is None or self._client is None:
            return connect_probe
        headers = {name: value.get_secret_value() for name, value in service.request_headers.set.items()}
        return PathProbe(self._client, path, headers, self._tls)

    def pools(self) -> Iterator[Pool]:
        for upstream in self.group.upstreams:
            yield _pool(upstream)

    def close(self) -> None:
        """Close what is idle now, and what is busy once its exchange is over."""
        if self._health is not None:
            self._health.close()
        for pool in self.pools():
            pool.close()


def _way(service: Service) -> object:
    """What connections are made with; when it changes they are made anew."""
    return service.timeouts, service.max_connections


def _asked(service: Service) -> object:
    """What health checks are made with."""
    return service.health, service.request_headers.set


def _pool(upstream: Upstream) -> Pool:
    assert isinstance(upstream.leg, Leg)
    return upstream.leg.pool


def _strategy(service: Service, runtime: Runtime, upstreams: Sequence[Upstream]) -> Strategy:
    return balance.build(service.strategy, upstreams, runtime, Options(hash_key=service.hash_key))
