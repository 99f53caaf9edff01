"""Clock, randomness, tasks and deadlines: everything a test wants to replace."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from gateway.outbox import Outbox

T = TypeVar("T")
K = TypeVar("K")


class Runtime:
    """What every part receives: `clock` (monotonic seconds), `wall` (Unix seconds), `rng`, `spawn`, `deadlines`,
    `outbox`."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self.clock = clock
        self.wall = wall
        self.rng = rng or random.Random()
        self.deadlines = Deadlines(clock)
        self.outbox = Outbox()
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Start a task and keep it alive until it ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Cancel what `spawn` started and wait for it."""
        self.deadlines.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Timed(Protocol):
    """Something with a deadline: `expires_at` in clock seconds (`inf` = none), and what to do then."""

    expires_at: float
    watched_until: float

    def expire(self) -> None: ...


class Deadlines:
    """Deadlines that cost an attribute each time they move later: one timer for the process, 50 ms coarse.

    An object sits in the bucket of the deadline it had when last looked at. Moving the deadline later is only
    `thing.expires_at = t`; the bucket finds out and passes the object on. Moving it earlier needs `watch` again.
    """

    TICK = 0.05
    FAR = 60.0  # seconds: nothing is held for longer than that once it has gone

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[int, list[Timed]] = {}
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, thing: Timed, expires_at: float) -> None:
        """Set `thing`'s deadline; cheap when it does not move before the bucket it sits in."""
        thing.expires_at = expires_at
        if expires_at < thing.watched_until:
            self._place(thing)

    def _place(self, thing: Timed) -> None:
        if self._timer is None and not self._buckets:
            self._last = int(self._clock() / self.TICK)
        look_at = min(thing.expires_at, self._last * self.TICK + self.FAR)
        bucket = max(int(look_at / self.TICK), self._last) + 1
        thing.watched_until = bucket * self.TICK
        self._buckets.setdefault(bucket, []).append(thing)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.TICK, self._tick)

    def _tick(self) -> None:
        now = self._clock()
        current = int(now / self.TICK)
        while self._last < current:
            self._last += 1
            for thing in self._buckets.pop(self._last, ()):
                if thing.watched_until == self._last * self.TICK:
                    self._look(thing, now)
        self._timer = asyncio.get_running_loop().call_later(self.TICK, self._tick) if self._buckets else None

    def _look(self, thing: Timed, now: float) -> None:
        thing.watched_until = float("inf")
        if thing.expires_at <= now:
            thing.expires_at = float("inf")
            thing.expire()
        elif thing.expires_at != float("inf"):
            self._place(thing)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._buckets.clear()


class Memory(Generic[K, T]):
    """A bounded dict: two generations of at most `size` entries, so that forgetting is O(1) and what is used stays."""

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, T] = {}
        self._old: dict[K, T] = {}

    def get(self, key: K) -> T | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: T) -> None:
        if len(self._young) >= self._size:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def forget(self, key: K) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        return len(self._young) + sum(key not in self._young for key in self._old)
