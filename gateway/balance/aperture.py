"""Which of many upstreams are compared for one request: a few new ones of a moving window, and the best of before.

The window is only as wide as the load asks for, as Finagle's aperture: most requests then find a connection open and
memory warm. A few with memory choose as well as many without ("Load balancing with memory", Mitzenmacher, Prabhakar
and Shah, FOCS 2002).
"""

from collections.abc import Sequence
from random import Random

from gateway.balance.upstream import Upstream

# New ones each time. measured: with the best two of before, p99 as of 16 without, bench/simulator
FRESH = 6
# The window begins with so many turns, and never has fewer.
NARROWEST = 64
# It is wider by so many when even the best one had more to do than this request, and else narrower by one.
WIDENS = 64


class Aperture:
    """Goes round a window of the `cycle`, which moves on a little with every lap, so that all have their turns.

    `kept` is to be set to the best two of what `some` gave. It counts turns, of which heavier ones have more.
    """

    __slots__ = ("_at", "_base", "_row", "_start", "_turns", "_width", "kept")

    def __init__(self, cycle: Sequence[Upstream], rng: Random) -> None:
        shuffled = list(cycle)
        rng.shuffle(shuffled)
        self._row = (*shuffled, *shuffled[:FRESH])
        self._turns = len(shuffled)
        self._base = self._at = self._start = 0
        self._width = min(NARROWEST, len(shuffled))
        self.kept: tuple[Upstream, ...] = ()

    def turn(self) -> Upstream:
        """Whose turn it is."""
        at = self._at + 1
        if at >= self._width:
            at = 0
            self._base = (self._base + 1) % self._turns
            if self._width > NARROWEST:
                self._width -= 1
        self._at = at
        start = self._start = (self._base + at) % self._turns
        return self._row[start]

    def some(self) -> Sequence[Upstream]:
        """Those to compare: the one whose turn it is, those after it, whose turns are over with that, and `kept`."""
        kept, width = self.kept, self._width
        if kept and kept[0].in_flight >= min(kept[0].weight + 1, kept[0].limit):
            self._width = min(width + WIDENS, self._turns)
        elif width > NARROWEST:
            self._width = width - 1
        self._at += FRESH - 1
        return self._row[self._start : self._start + FRESH] + kept
