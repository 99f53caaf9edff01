"""Requests that wait because every upstream is full: few, not for long, first come first served."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from gateway.balance.upstream import Upstream
from gateway.drive import Parked
from gateway.errors import NoUpstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime


class QueueOptions(Protocol):
    """At most `size` wait, each at most `timeout` seconds."""

    @property
    def size(self) -> int: ...
    @property
    def timeout(self) -> float: ...


class Waiter:
    """One request in the queue."""

    __slots__ = ("exchange", "expires_at", "parked", "watched_until")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.parked: Parked[Upstream] = Parked()
        self.expires_at = self.watched_until = float("inf")

    def expire(self) -> None:
        self.parked.fail(NoUpstream("all full; waited too long"))


class Queue:
    """Those who wait are in `waiters`. `find` gives an upstream with room for an exchange, or None."""

    options: QueueOptions

    def __init__(self, runtime: Runtime, find: Callable[[Exchange], Upstream | None]) -> None:
        self._runtime = runtime
        self._find = find
        self.waiters: deque[Waiter] = deque()
        self._waking = False

    async def wait(self, exchange: Exchange) -> Upstream:
        """An upstream with room, in turn. Raises NoUpstream; a client that leaves leaves the queue."""
        if len(self.waiters) >= self.options.size:
            raise NoUpstream("all full; too many wait")
        waiter = Waiter(exchange)
        self.waiters.append(waiter)
        self._runtime.deadlines.watch(waiter, self._runtime.clock() + self.options.timeout)
        try:
            return await waiter.parked
        finally:
            waiter.expires_at = float("inf")
            if waiter in self.waiters:
                self.waiters.remove(waiter)

    def wake(self) -> None:
        """There may be room: let those in whose turn it is, but not from within the exchange that made it."""
        if self.waiters and not self._waking:
            self._waking = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._waking = False
        while self.waiters:
            upstream = self._find(self.waiters[0].exchange)
            if upstream is None:
                return
            # The stage that waits runs on inside, and has begun its exchange before the next one is looked at.
            self.waiters.popleft().parked.resolve(upstream)
