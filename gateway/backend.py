"""One service's upstreams, for as long as the service exists: where they are, how they are reached, what is known."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from urllib.parse import urlsplit

from aiohttp import ClientSession

from gateway.attempt import Leg
from gateway.balance import registry as balance
from gateway.balance.base import Options, Strategy
from gateway.balance.budget import Budget
from gateway.balance.discovery import Discovery
from gateway.balance.group import Group
from gateway.balance.health import HealthChecks, Probe
from gateway.balance.lookup import DEFAULT_PORTS, look_up
from gateway.balance.place import Place
from gateway.balance.probe import PathProbe, connect_probe
from gateway.balance.recent import Recent
from gateway.balance.upstream import Upstream
from gateway.config.service import Service, UpstreamEntry
from gateway.routes import Hedging
from gateway.runtime import Runtime
from gateway.wire.express import Express
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.request_head import Destination

# How long after an upstream has left its series stay in the metrics: scrapes see their last values.
FORGET_SECONDS = 300.0
# A first byte is late when it comes later than this share of them.
LATE = 0.95


@dataclass(frozen=True, slots=True)
class Tools:
    """What backends are made with; `forget(service, upstream)` ends the counting of one that has left."""

    runtime: Runtime
    heads: Express[ReplyHead]
    client: ClientSession | None
    forget: Callable[[str, str], None]


class Backend:
    """The upstreams of the service `name`: prepared, then configured, and so again by every reload."""

    def __init__(self, name: str, tools: Tools) -> None:
        self._tools = tools
        self._service: Service | None = None
        self._tls: ssl.SSLContext | None = None
        self._health: HealthChecks | None = None
        self._discoveries: dict[str, Discovery] = {}
        self._prepared: dict[str, Discovery] = {}
        self.group = Group(name, tools.runtime)
        self.budget = Budget(0.0)  # of retries
        self._hedging = Hedging(Budget(0.0, always=0), Recent(LATE))

    @property
    def hedging(self) -> Hedging | None:
        """When and how many second copies are sent; None = never."""
        return self._hedging if self._hedging.budget.share else None

    async def prepare(self, service: Service) -> None:
        """Look up the names that `service` has and the service before had not; changes nothing yet."""
        urls = {entry.url for entry in service.upstreams if entry.is_name} - self._discoveries.keys()
        self._prepared = {url: Discovery(url, look_up, self._tools.runtime) for url in urls}
        await asyncio.gather(*[discovery.look() for discovery in self._prepared.values()])

    def configure(self, service: Service, tls: ssl.SSLContext | None) -> None:
        """Be what `service` says; upstreams that stay keep what was learned of them, and their connections."""
        before, was_tls = self._service, self._tls
        self._service, self._tls = service, tls
        self.budget.share = service.retries.budget
        self._hedging.budget.share = service.hedging.budget
        self._discover(service)
        same_way = before is not None and was_tls is tls and _way(before) == _way(service)
        self._arrange(service, same_way)
        if not same_way or before is None or _asked(before) != _asked(service):
            self._check_health(service)

    def _discover(self, service: Service) -> None:
        known = self._discoveries | self._prepared
        self._prepared = {}
        self._discoveries = {entry.url: known.pop(entry.url) for entry in service.upstreams if entry.is_name}
        for discovery in self._discoveries.values():
            discovery.start(self._found_others)
        for gone in known.values():
            gone.close()

    def _found_others(self) -> None:
        assert self._service is not None
        self._arrange(self._service, same_way=True)

    def _arrange(self, service: Service, same_way: bool) -> None:
        known = {(one.url, one.host, one.port): one for one in self.group.upstreams}
        upstreams = []
        for entry in service.upstreams:
            for place in self._places(entry):
                upstream = known.pop(place[:3], None)
                stays = upstream is not None and same_way
                upstream = upstream or Upstream(place.url, address=(place.host, place.port))
                upstream.weight = entry.weight * place.weight
                upstream.priority = entry.priority + place.priority
                if not stays:
                    self._connect(upstream, service)
                _pool(upstream).tcp_keepalive = _tcp_keepalive(service)
                upstreams.append(upstream)
        self.group.configure(upstreams, partial(_strategy, service, self._tools.runtime), service)
        for gone in known.values():
            self._leave(gone)

    def _places(self, entry: UpstreamEntry) -> Sequence[Place]:
        if entry.is_name:
            return self._discoveries[entry.url].places
        parts = urlsplit(entry.url)
        return (Place(entry.url, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]),)

    def _connect(self, upstream: Upstream, service: Service) -> None:
        if upstream.leg is not None:
            _pool(upstream).close()
        upstream.limit = service.max_connections
        tls = self._tls if upstream.tls else None
        tools = self._tools
        pool = Pool(
            upstream,
            tools.runtime,
            tools.heads,
            service.timeouts,
            limit=upstream.limit,
            keepalive=service.keepalive_timeout,
            tls=tls,
        )
        upstream.leg = Leg(pool, Destination(upstream.base, upstream.authority))

    def _leave(self, upstream: Upstream) -> None:
        """What is in flight there finishes; later it is forgotten, unless it has come back."""
        _pool(upstream).close()
        asyncio.get_running_loop().call_later(FORGET_SECONDS, self._forget, upstream.name)

    def _forget(self, name: str) -> None:
        if all(upstream.name != name for upstream in self.group.upstreams):
            self._tools.forget(self.group.service, name)

    def _check_health(self, service: Service) -> None:
        if self._health is not None:
            self._health.close()
        if not service.health.interval:
            for upstream in self.group.upstreams:
                self.group.checked(upstream, healthy=True)  # nobody else would ever say so
        probe = self._probe(service)
        self._health = HealthChecks(self.group, service.health, probe, _shows_life, self._tools.runtime)
        self._health.start()

    def _probe(self, service: Service) -> Probe:
        path, client = service.health.path, self._tools.client
        if path is None or client is None:
            return connect_probe
        headers = {name: value.get_secret_value() for name, value in service.request_headers.set.items()}
        return PathProbe(client, path, headers, self._tls)

    def pools(self) -> Iterator[Pool]:
        for upstream in self.group.upstreams:
            yield _pool(upstream)

    def close(self) -> None:
        """Close what is idle now, and what is busy once its exchange is over."""
        for discovery in (*self._discoveries.values(), *self._prepared.values()):
            discovery.close()
        if self._health is not None:
            self._health.close()
        for pool in self.pools():
            pool.close()


def _way(service: Service) -> object:
    """What connections are made with; when it changes they are made anew."""
    return service.timeouts, service.max_connections, service.keepalive_timeout


def _asked(service: Service) -> object:
    """What health checks are made with."""
    return service.health, service.request_headers.set


def _pool(upstream: Upstream) -> Pool:
    assert isinstance(upstream.leg, Leg)
    return upstream.leg.pool


def _tcp_keepalive(service: Service) -> int:
    """Seconds of silence after which a sign of life is asked for; 0 where none can stand for a check."""
    health = service.health
    outlives_a_check = 1 <= health.interval < service.keepalive_timeout
    return ceil(health.interval) if health.path is None and outlives_a_check else 0


def _shows_life(upstream: Upstream) -> bool:
    return _pool(upstream).shows_life()


def _strategy(service: Service, runtime: Runtime, upstreams: Sequence[Upstream]) -> Strategy:
    return balance.build(service.strategy, upstreams, runtime, Options(hash_key=service.hash_key))
