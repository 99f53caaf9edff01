"""An engine in real time: one task takes it from step to step and hands out the tokens."""

import asyncio
import contextlib
import time

from bench.model.engine import Engine, Sequence
from bench.model.metrics import Metrics


class Driver:
    """Use it as a context; tokens come out of `tokens()` of the sequence that `submit` gives.

    Steps follow each other by the engine's plan and not by when this process had time, so that being a little late
    does not add up. `lag` and `mean_lag` tell how late steps were, at worst and on average, in seconds; when they are
    not small beside a step, the machine was too slow for what was asked of it.
    """

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.engine = engine
        self.lag = 0.0
        self._steps = 0
        self._late = 0.0
        self._metrics = metrics
        self._feeds: dict[Sequence, asyncio.Queue[int]] = {}
        self._work = asyncio.Event()
        self._clock = time.monotonic  # uvloop's clock counts whole milliseconds

    @property
    def mean_lag(self) -> float:
        return self._late / max(self._steps, 1)

    async def __aenter__(self) -> "Driver":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def submit(self, prompt: int, output: int, hashes: tuple[int, ...]) -> Sequence:
        """Queue a request, as `Engine.submit`."""
        sequence = self.engine.submit(prompt, output, hashes, self._clock())
        self._feeds[sequence] = asyncio.Queue()
        self._work.set()
        return sequence

    async def token(self, sequence: Sequence) -> int:
        """The number of its next token, from 1 on, as soon as it is there."""
        return await self._feeds[sequence].get()

    def leave(self, sequence: Sequence) -> None:
        """Nobody reads `sequence` any more: it is aborted unless it has ended."""
        del self._feeds[sequence]
        self.engine.abort(sequence)

    async def _run(self) -> None:
        due = self._clock()
        while True:
            now = self._clock()
            if now - due > self.engine.setting.step:
                due = now
            took = self.engine.begin(now)
            if took is None:
                self._work.clear()
                await self._work.wait()
                due = self._clock()
                continue
            due += took
            await asyncio.sleep(due - self._clock())
            late = self._clock() - due
            self._steps, self._late, self.lag = self._steps + 1, self._late + late, max(self.lag, late)
            self._hand_out(due + late)

    def _hand_out(self, now: float) -> None:
        for sequence in self.engine.finish(now):
            self._metrics.token(sequence, now)
            feed = self._feeds.get(sequence)
            if feed is not None:
                feed.put_nowait(sequence.generated)
