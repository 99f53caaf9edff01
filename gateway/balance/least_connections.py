"""Least connections: the upstream that would be least busy for its weight if it took this request too."""

from collections.abc import Collection, Sequence

from gateway.balance.base import Options, turns
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime

# Beyond this many the best of two random ones is taken, which costs the same for any number.
LARGEST_SCAN = 64


class LeastConnections:
    """Compares (in_flight + 1) / weight; while all are idle, and among equals, upstreams take turns.

    Without the turns, a service that has one request at a time would send all of them to its heaviest upstream.
    """

    __slots__ = ("_cycle", "_place", "_random", "_turn", "_twice", "_upstreams")

    def __init__(self, upstreams: Sequence[Upstream], runtime: Runtime, options: Options) -> None:
        self._random = runtime.rng.random
        self.use(upstreams)

    def use(self, upstreams: Sequence[Upstream]) -> None:
        """Choose among these."""
        self._upstreams = tuple(upstreams)
        self._twice = self._upstreams * 2
        self._place = {upstream: place for place, upstream in enumerate(upstreams)}
        self._cycle = turns(upstreams)
        self._turn = int(self._random() * len(self._cycle))

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        """The least busy upstream that is not in `tried`."""
        # measured: 0.5 us at 4 upstreams, 3.0 us at 64, 0.5 us at 1,000, bench/micro/balance.py
        if not tried and len(self._upstreams) > LARGEST_SCAN:
            return self._best_of_two()
        cycle = self._cycle
        if not cycle:
            return None
        turn = self._turn
        self._turn = turn + 1 if turn + 1 < len(cycle) else 0
        start = self._place[cycle[turn]]
        upstreams: Sequence[Upstream] = self._twice[start : start + len(self._upstreams)]
        if tried:
            upstreams = [upstream for upstream in upstreams if upstream not in tried]
        return _least(upstreams) if upstreams else None

    def _best_of_two(self) -> Upstream:
        # Drawn by weight, so that idle upstreams have their share.
        cycle, random = self._cycle, self._random
        one = cycle[int(random() * len(cycle))]
        other = cycle[int(random() * len(cycle))]
        return _least((one, other))

    def __repr__(self) -> str:
        return f"<LeastConnections of {len(self._upstreams)}>"


def _least(upstreams: Sequence[Upstream]) -> Upstream:
    """The first of the least busy ones; simply the first while all are idle."""
    best = upstreams[0]
    load, weight, busy = best.in_flight + 1, best.weight, 0
    for upstream in upstreams:
        in_flight = upstream.in_flight
        busy |= in_flight
        # (in_flight + 1) / upstream.weight < load / weight, without floats
        if (in_flight + 1) * weight < load * upstream.weight:
            best, load, weight = upstream, in_flight + 1, upstream.weight
    return best if busy else upstreams[0]
