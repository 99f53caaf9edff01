"""The upstreams of one service: which of them may be used now, and which one is next.

Who is out, and for how long, changes seldom; a pick only looks at the time when the next change is due.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from gateway.balance.base import Strategy
from gateway.balance.outlier import Outlier, OutlierOptions
from gateway.balance.queue import Queue, QueueOptions
from gateway.balance.tier import Tier, shares
from gateway.balance.upstream import Upstream
from gateway.errors import NoUpstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

NEVER = float("inf")


class GroupOptions(Protocol):
    """As in a service's section of the configuration."""

    @property
    def outlier(self) -> OutlierOptions: ...
    @property
    def queue(self) -> QueueOptions: ...


class Group:
    """Picks among the best tier's available upstreams; waits when all are full; hears how exchanges went.

    When no upstream at all is available, those that only rest are used, and when there are none of these, all: a
    request that may fail is better than one that must. Empty until it is configured.
    """

    def __init__(self, service: str, runtime: Runtime) -> None:
        self.service = service
        self._clock = runtime.clock
        self._random = runtime.rng.random
        self._outlier = Outlier(runtime)
        self._queue = Queue(runtime, self._find)
        self.upstreams: tuple[Upstream, ...] = ()
        self._tiers: list[Tier] = []

    # --- who is there ---

    def configure(
        self, upstreams: Sequence[Upstream], build: Callable[[Sequence[Upstream]], Strategy], options: GroupOptions
    ) -> None:
        """From now on these are all, and `build` makes the strategy of those of one priority.

        Whoever stays keeps what is known of it, and who waits goes on waiting.
        """
        self._build = build
        self._outlier.options = options.outlier
        self._queue.options = options.queue
        self.replace(upstreams)

    def replace(self, upstreams: Sequence[Upstream]) -> None:
        """From now on these are all; whoever stays keeps what is known of it, newcomers among others start slowly."""
        if self.upstreams:
            for newcomer in set(upstreams).difference(self.upstreams):
                newcomer.joined_at = self._clock()
        self.upstreams = tuple(upstreams)
        self._tiers = [
            Tier(priority, [one for one in upstreams if one.priority == priority], self._build)
            for priority in sorted({upstream.priority for upstream in upstreams})
        ]
        self._refresh()

    def _refresh(self) -> None:
        """Find out who is available now, and when that changes by itself."""
        now = self._clock()
        self._changes_at = min((upstream.standing.changes_at(now) for upstream in self.upstreams), default=NEVER)
        for upstream in self.upstreams:
            if self._outlier.returns(upstream, now):
                log.info("service %s: upstream %s is tried again", self.service, upstream.name)
        wanted = self._usable(now)
        for tier in self._tiers:
            tier.use([upstream for upstream in tier.upstreams if wanted(upstream)])
        self._lots = shares(self._tiers)
        self._first = self._lots[0][1] if len(self._lots) == 1 else None
        self._queue.wake()

    def _usable(self, now: float) -> Callable[[Upstream], bool]:
        if any(upstream.standing.is_available(now) for upstream in self.upstreams):
            return lambda upstream: upstream.standing.is_available(now)
        if any(upstream.standing.is_good(now) for upstream in self.upstreams):
            return lambda upstream: upstream.standing.is_good(now)
        return lambda upstream: True

    # --- who is next ---

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        """The next upstream that is not in `tried` and has room; None when there is none, or others wait for room."""
        # measured: 0.15 us beside the strategy's own time, bench/micro/balance.py
        if self._queue.waiters:
            return None
        return self._find(exchange, tried)

    def _find(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        changes_at = self._changes_at
        if changes_at < NEVER and self._clock() >= changes_at:
            self._refresh()
        tier = self._first or self._drawn()
        if tier is not None:
            upstream = tier.strategy.pick(exchange, tried)
            if upstream is not None and upstream.in_flight < upstream.limit:
                return upstream
        return self._find_elsewhere(exchange, tried)

    def _drawn(self) -> Tier | None:
        """A tier by lot, each as likely as its share."""
        lot = self._random()
        for share, tier in self._lots:
            if lot < share:
                return tier
            lot -= share
        return self._lots[-1][1] if self._lots else None

    def _find_elsewhere(self, exchange: Exchange, tried: Collection[Upstream]) -> Upstream | None:
        """Tier after tier, past those that are full."""
        for tier in self._tiers:
            full = {upstream for upstream in tier.used if upstream.in_flight >= upstream.limit}
            upstream = tier.strategy.pick(exchange, full.union(tried))
            if upstream is not None:
                return upstream
        return None

    async def vacancy(self, exchange: Exchange) -> Upstream:
        """The next upstream, once it has room. Raises NoUpstream when that takes too long, or too many wait."""
        if not self.upstreams:
            raise NoUpstream("no address")
        return await self._queue.wait(exchange)

    # --- how it went ---

    def ended(self, upstream: Upstream) -> None:
        """An exchange there is over."""
        upstream.ended()
        if self._queue.waiters:
            self._queue.wake()

    def succeeded(self, upstream: Upstream) -> None:
        """A good reply came, after faults or rests."""
        upstream.standing.faults = upstream.standing.rests = 0

    def failed(self, upstream: Upstream) -> bool:
        """A fault of the upstream's own: no reply, a broken one, a 5xx but 503. Whether it is ejected for that."""
        now = self._clock()
        upstream.failed(now)
        seconds = self._outlier.judge(upstream, self.upstreams, now)
        if seconds:
            log.warning("service %s: upstream %s is ejected for %.0f s", self.service, upstream.name, seconds)
            self._refresh()
        return seconds > 0

    def asked_to_rest(self, upstream: Upstream, seconds: float | None) -> None:
        """The upstream said 429 or 503, and for how long, if it did; it is slowed down for that, never ejected."""
        if self._outlier.rest(upstream, seconds, self._clock()):
            self._refresh()

    def checked(self, upstream: Upstream, *, healthy: bool) -> None:
        """An active check has made up its mind."""
        standing = upstream.standing
        if standing.healthy != healthy:
            standing.healthy = healthy
            if healthy:
                upstream.joined_at = self._clock()
            log.warning("service %s: upstream %s is %s", self.service, upstream.name, "up" if healthy else "down")
            self._refresh()

    # --- what operators see ---

    def states(self) -> Iterator[tuple[str, bool]]:
        """Each upstream's name, and whether it is good: neither ejected nor found down by a check."""
        now = self._clock()
        for upstream in self.upstreams:
            yield upstream.name, upstream.standing.is_good(now)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue.waiters)

    def __repr__(self) -> str:
        return f"<Group {self.service} {self._tiers!r} waiting={self.waiting}>"
