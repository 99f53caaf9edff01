"""Who has to wait, in order: a leaky bucket that queues lets one go on after the other."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from gateway.drive import Parked
from gateway.limit.algorithm import SECOND
from gateway.runtime import Memory

KEYS = 10_000
FINEST = 0.001
"""Seconds; timers of the event loop are no finer."""


class Line:
    """Waits that end in the order of their due times; equal names never overtake each other."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, Parked[None]]] = []
        self._sequence = count()
        self._last: Memory[str, float] = Memory(KEYS)  # when the last one of a name is due
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, name: str, delay_us: int) -> Parked[None]:
        """Something to await at once, for `delay_us`, and until those of `name` who came before have gone on."""
        # Two replies of a store may differ in how long they took, so the later delay alone would not keep the order.
        due = max(self._clock() + delay_us / SECOND, self._last.get(name) or 0.0)
        self._last.put(name, due)
        parked: Parked[None] = Parked()
        heappush(self._waiting, (due, next(self._sequence), parked))
        if self._waiting[0][2] is parked:
            self._set_timer(due)
        return parked

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(FINEST, due - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        now = self._clock()
        while self._waiting and self._waiting[0][0] <= now:
            parked = heappop(self._waiting)[2]
            if parked.drive is not None:  # else the client left
                parked.resolve(None)
        if self._waiting and self._timer is None:
            self._set_timer(self._waiting[0][0])
