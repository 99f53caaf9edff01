"""Smooth weighted round robin, as nginx does it: exact shares over a cycle, and never two in a row without need."""

from collections.abc import Collection, Sequence
from math import gcd

from gateway.balance.base import Options
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime


class Weighted:
    """At each turn every upstream gains its weight, the one with most is picked and pays the weight of all.

    After as many turns as the weights add up to (over their divisor) all stand at zero again: so a cycle is found out
    once, turn by turn, and then only read.
    """

    __slots__ = ("_current", "_cycle", "_length", "_shift", "_turn", "_upstreams")

    def __init__(self, upstreams: Sequence[Upstream], runtime: Runtime, options: Options) -> None:
        self._shift = runtime.rng.random()  # equals begin at a random one: gateways must not march in step
        self.use(upstreams)

    def use(self, upstreams: Sequence[Upstream]) -> None:
        """Begin a cycle of these."""
        first = int(self._shift * len(upstreams))
        self._upstreams = (*upstreams[first:], *upstreams[:first])
        divisor = gcd(*(upstream.weight for upstream in upstreams)) or 1
        self._length = sum(upstream.weight for upstream in upstreams) // divisor
        self._current = [0] * len(upstreams)
        self._cycle: list[Upstream] = []
        self._turn = 0

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        """The upstream whose turn it is; those in `tried` lose theirs."""
        # measured: 0.2 us once the cycle is known, bench/micro/balance.py
        for _ in range(self._length):
            upstream = self._next()
            if not tried or upstream not in tried:
                return upstream
        return None

    def _next(self) -> Upstream:
        cycle, turn = self._cycle, self._turn
        if turn == len(cycle):
            cycle.append(self._advance())
        self._turn = turn + 1 if turn + 1 < self._length else 0
        return cycle[turn]

    def _advance(self) -> Upstream:
        current = self._current = [
            have + upstream.weight for have, upstream in zip(self._current, self._upstreams, strict=True)
        ]
        most = max(current)
        place = current.index(most)
        current[place] = most - sum(upstream.weight for upstream in self._upstreams)
        return self._upstreams[place]

    def __repr__(self) -> str:
        return f"<Weighted turn {self._turn} of {self._length}>"
