"""Callers that ask a store again and again, and how long they waited for it."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence

from driving import ask
from limit_reference import rule

from gateway.limit.algorithm import Verdict
from gateway.limit.base import Rule
from gateway.limit.redis import RedisStore


def now() -> float:
    return asyncio.get_running_loop().time()


def percentile(values: Sequence[float], percent: float) -> float:
    return sorted(values)[int(len(values) * percent / 100)]


class Stolen:
    """Seconds in which this process could have run and another did: late turns of the loop less the CPU time in them.

    So what the code under test takes, in CPU or by waiting, is never in it.
    """

    TICK = 0.002

    def __init__(self) -> None:
        self._before = 0.0
        self._loop = asyncio.get_running_loop()
        self._turn, self._cpu = self._loop.time(), time.process_time()
        self._timer = self._loop.call_later(self.TICK, self._tick)

    @property
    def seconds(self) -> float:
        """So far, and of a turn that is late just now."""
        passed, used = self._loop.time() - self._turn, time.process_time() - self._cpu
        return self._before + max(0.0, passed - self.TICK - used)

    def _tick(self) -> None:
        self._before = self.seconds
        self._turn, self._cpu = self._loop.time(), time.process_time()
        self._timer = self._loop.call_later(self.TICK, self._tick)

    def stop(self) -> None:
        self._timer.cancel()


class Load:
    """Callers that ask again and again, what they were told, and how long they waited, less what was stolen of it."""

    def __init__(self, store: RedisStore, limit: Rule, callers: int = 8, pause: float = 0.01) -> None:
        self.store, self.limit, self.pause = store, limit, pause
        self.verdicts: list[tuple[float, Verdict]] = []
        self.waits: list[float] = []
        self._stolen = Stolen()
        self._tasks = [asyncio.ensure_future(self._call(random.Random(number))) for number in range(callers)]

    async def _call(self, rng: random.Random) -> None:
        while True:
            started, stolen = now(), self._stolen.seconds
            verdict = await ask(self.store, self.limit, rng.choice("abcdefgh"))
            self.waits.append(now() - started - (self._stolen.seconds - stolen))
            self.verdicts.append((now(), verdict))
            await asyncio.sleep(self.pause * rng.uniform(0.5, 1.5))

    async def some(self, seconds: float = 0.2) -> None:
        """Go on for a while; an error of a caller is one of the test."""
        done, _ = await asyncio.wait(self._tasks, timeout=seconds)
        for task in done:
            task.result()

    async def until(self, condition: Callable[[], object]) -> None:
        """Go on until it is so."""
        async with asyncio.timeout(10):
            while not condition():
                await self.some(0.01)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stolen.stop()

    def longest(self) -> float:
        return max(self.waits)

    def percentile(self, percent: float) -> float:
        return percentile(self.waits, percent)

    def waited_more_than(self, seconds: float) -> list[float]:
        return sorted(wait for wait in self.waits if wait > seconds)


@contextlib.asynccontextmanager
async def loaded(store: RedisStore, limit: Rule | None = None) -> AsyncIterator[Load]:
    load = Load(store, limit or rule(1_000_000, 1000))
    try:
        yield load
    finally:
        await load.stop()
