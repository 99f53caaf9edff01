"""Which of many upstreams are compared for one request: a few new ones of a moving window, and the best of before.

The window is only as wide as the load asks for, as Finagle's aperture: most requests then find a connection open and
memory warm. A few with memory choose as well as many without ("Load balancing with memory", Mitzenmacher, Prabhakar
and Shah, FOCS 2002).
"""

from collections.abc import Sequence
from math import gcd
from random import Random

from gateway.balance.upstream import Upstream

# New ones each time. measured: with the best two of before, p99 as of 16 without, bench/simulator
FRESH = 6
# The window begins with so many turns, and never has fewer.
NARROWEST = 64
# It moves on after a lap; over more than so many turns, after one more lap for each so many: who comes into it is cold.
# measured: 50 us for a JSON request over 1,000 upstreams instead of 54 with two laps
ONE_LAP = 320
ONE_MORE = 24
# It is wider by so many turns when even the best had something to do, and narrower by an eighth with every lap.
WIDENS = 8


class Aperture:
    """Goes round a window of the `cycle`, which moves on a little with every lap, so that all have their turns.

    It counts turns, of which heavier ones have more.
    """

    __slots__ = (
        *("_at", "_base", "_divisor", "_kept", "_laps", "_narrowest"),
        *("_row", "_start", "_stays", "_turns", "_width"),
    )

    def __init__(self, cycle: Sequence[Upstream], rng: Random) -> None:
        shuffled = list(cycle)
        rng.shuffle(shuffled)
        self._row = (*shuffled, *shuffled[:FRESH])
        self._turns = len(shuffled)
        self._divisor = gcd(*(upstream.weight for upstream in cycle))  # weights say no more than their ratios
        self._base = self._at = self._start = 0
        self._width = self._narrowest = min(NARROWEST, len(shuffled))
        self._laps = 0
        self._stays = 1 + max(0, self._turns - ONE_LAP) // ONE_MORE
        self._kept: tuple[Upstream, ...] = ()

    def turn(self) -> Upstream:
        """Whose turn it is."""
        at = self._at + 1
        if at >= self._width:
            at = 0
            self._laps += 1
            if self._laps >= self._stays:
                self._laps = 0
                self._base = (self._base + 1) % self._turns
            self._width = max(self._narrowest, self._width - self._width // 8)
        self._at = at
        start = self._start = (self._base + at) % self._turns
        return self._row[start]

    def soon(self, number: int) -> Sequence[Upstream]:
        """So many of those whose turns come next, at most FRESH."""
        return self._row[self._start + 1 : self._start + 1 + number]

    def skip(self, number: int) -> None:
        """So many of these have had their turns."""
        self._at += number

    def some(self) -> Sequence[Upstream]:
        """Those to compare: the one whose turn it is, those after it, who lose theirs, and the best two of before."""
        self._at += FRESH - 1
        return self._row[self._start : self._start + FRESH] + self._kept

    def keep(self, best: Upstream, second: Upstream) -> None:
        """These were the best two; the first one gets the request."""
        self._kept = (best, second)
        if best.in_flight >= min(best.weight // self._divisor, best.limit):
            self._width = min(self._width + WIDENS, self._turns)
