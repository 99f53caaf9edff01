"""Batches that wait for a lane, and lanes that wait for a batch."""

import asyncio
from collections import deque
from collections.abc import Callable

from gateway.limit.batch import Batch

OUTSTANDING = 2  # batches on their way, as long as their replies come
STUCK = 0.005  # seconds that a batch waits for the reply to another before a spare lane takes it
MOST = 64  # batches that wait


class Queue:
    """Open or closed; closed, nothing waits in it and every lane has to prove itself.

    A batch that no lane has taken `timeout` seconds after its first check is given up: `overdue` gets it.
    """

    def __init__(self, clock: Callable[[], float], timeout: float, overdue: Callable[[Batch], None]) -> None:
        self._clock = clock
        self._timeout = timeout
        self._overdue = overdue
        self._open = False
        self._pending: deque[Batch] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._outstanding = 0

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def takes(self) -> bool:
        """Whether a check may wait here."""
        return self._open and len(self._pending) <= MOST

    @property
    def idle(self) -> int:
        """How many lanes have nothing to do."""
        return len(self._idle)

    def filling(self) -> Batch:
        """The batch that still takes something in; it will be sent."""
        pending = self._pending
        if pending and not pending[-1].full:
            return pending[-1]
        batch = Batch(self._clock())
        pending.append(batch)
        if self._idle and self._outstanding < OUTSTANDING:
            self._wake()
        else:
            asyncio.get_running_loop().call_later(STUCK, self._look_after, batch)
        return batch

    async def next(self) -> Batch | None:
        """The oldest batch, for a lane that has nothing to do; None when the queue is closed."""
        while self._open and not self._pending:
            waiter = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter
        if not self._open:
            return None
        self._outstanding += 1
        return self._pending.popleft()

    def ended(self) -> None:
        """A batch of `next` is no longer on its way."""
        self._outstanding -= 1

    def open(self) -> None:
        """From now on checks may wait here."""
        self._open = True

    def close(self) -> list[Batch]:
        """Nothing may wait here any more; what did."""
        self._open = False
        while self._idle:
            self._wake()
        pending = list(self._pending)
        self._pending.clear()
        return pending

    def _look_after(self, batch: Batch) -> None:
        if batch not in self._pending:
            return
        left = batch.born + self._timeout - self._clock()
        if self._idle:
            self._wake()
        elif left > 0:
            asyncio.get_running_loop().call_later(left, self._look_after, batch)
        else:
            self._pending.remove(batch)
            self._overdue(batch)

    def _wake(self) -> None:
        if self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
