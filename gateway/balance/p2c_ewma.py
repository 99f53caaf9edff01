"""Peak EWMA: of two drawn by lot, the one whose latest peak in latency times its queue is less (Finagle's rule)."""

from collections.abc import Collection, Sequence
from math import exp

from gateway.balance.base import Options, turns
from gateway.balance.upstream import FADING, Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime

# Of an upstream that has requests and never answered one, nothing good is expected.
SILENT = 1e6


class PeakEwma:
    """Load is the peak latency, faded since, times (in_flight + 1) over the weight; the lots are weighted too."""

    __slots__ = ("_clock", "_cycle", "_random")

    def __init__(self, upstreams: Sequence[Upstream], runtime: Runtime, options: Options) -> None:
        self._clock = runtime.clock
        self._random = runtime.rng.random
        self.use(upstreams)

    def use(self, upstreams: Sequence[Upstream]) -> None:
        """Draw from these."""
        self._cycle = turns(upstreams)

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        """The better one of two that are not in `tried`."""
        # measured: 0.6 us, whatever the number of upstreams, bench/micro/balance.py
        cycle, random = self._cycle, self._random
        if tried:
            cycle = [upstream for upstream in cycle if upstream not in tried]
        lots = len(cycle)
        if lots < 2:
            return cycle[0] if cycle else None
        place = int(random() * lots)
        one = cycle[place]
        other = cycle[place - 1 - int(random() * (lots - 1))]
        now = self._clock()
        return one if _load(one, now) <= _load(other, now) else other

    def __repr__(self) -> str:
        return f"<PeakEwma of {len(self._cycle)} lots>"


def _load(upstream: Upstream, now: float) -> float:
    waiting = upstream.in_flight
    if not upstream.peak:
        return SILENT + waiting if waiting else 0.0
    return upstream.peak * exp((upstream.unit_at - now) / FADING) * (waiting + 1) / upstream.weight
