"""One connection to Redis and what it carries: batch after batch, one at a time, each sent once."""

import asyncio
import logging
from typing import Protocol

from redis.asyncio import Connection
from redis.exceptions import NoScriptError, RedisError

from gateway.limit.batch import Batch
from gateway.limit.leases import Leases
from gateway.limit.script import digest, source
from gateway.limit.servers import CONNECT, Open
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.5
GRACE = 0.01
"""Seconds for a reply that is here already while the loop was late to look."""

FAILURES = (RedisError, OSError, ValueError)
"""What can come instead of a reply; TimeoutError is an OSError, a ValueError a reply that the script did not write."""


class Work(Protocol):
    """Where batches come from, and who is told what became of them and of the connection."""

    async def next(self) -> Batch | None:
        """The next batch; None when the connection has to prove itself first."""

    def probe(self) -> Batch:
        """A batch that only tells whether Redis answers, and may be written to."""

    def ended(self) -> None:
        """A batch of `next` is no longer on its way."""

    def answered(self, batch: Batch, reply: bytes) -> None:
        """`batch` was decided. ValueError when that is no reply."""

    def lost(self, batch: Batch, error: Exception) -> None:
        """`batch` was sent, or not, and nobody knows whether it was decided: it must not be sent again."""

    def proved(self) -> None:
        """A connection works."""

    def unreachable(self, error: Exception) -> None:
        """A connection could not be made, or is no more."""


class Lane:
    """Carries batches for `work`; each has `timeout` seconds from the moment its first check came."""

    def __init__(
        self, open_connection: Open, work: Work, leases: Leases, runtime: Runtime, *, replica: str, timeout: float
    ) -> None:
        self._open = open_connection
        self._work = work
        self._leases = leases
        self._runtime = runtime
        self._replica = replica
        self._timeout = timeout

    async def run(self) -> None:
        """Connect, carry batches until that fails, and again, with growing pauses, until cancelled."""
        pause = 0.0
        while True:
            connection: Connection | None = None
            try:
                connection = await self._connect()
                pause = 0.0
                while not _was_cancelled():
                    batch = await self._work.next()
                    await (self._prove(connection, self._timeout) if batch is None else self._carry(connection, batch))
            except FAILURES as error:
                self._work.unreachable(error)
            except Exception as bug:  # it must not end the lane, for then nobody would be answered
                log.exception("limiter store: a lane failed")
                self._work.unreachable(bug)
            finally:
                if connection is not None:
                    await connection.disconnect(nowait=True)
            if _was_cancelled():
                return
            await asyncio.sleep(pause * self._runtime.rng.uniform(0.75, 1.25))
            pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * pause))

    async def _connect(self) -> Connection:
        connection = await self._open()
        try:
            connection.socket_timeout = None  # from here on the time of each batch counts
            await self._prove(connection, CONNECT)  # and uploads the script
            await self._prove(connection, self._timeout)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def _prove(self, connection: Connection, seconds: float) -> None:
        batch = self._work.probe()
        self._work.answered(batch, await self._ask(connection, batch, self._runtime.clock() + seconds))
        if seconds <= self._timeout:
            self._work.proved()

    async def _carry(self, connection: Connection, batch: Batch) -> None:
        try:
            reply = await self._ask(connection, batch, batch.born + self._timeout)
            self._work.answered(batch, reply)
        except Exception as error:
            self._work.lost(batch, error)
            raise
        finally:
            self._work.ended()

    async def _ask(self, connection: Connection, batch: Batch, until: float) -> bytes:
        keys, words = batch.arguments(self._leases)
        batch.sent_at = self._runtime.clock()
        arguments: tuple[str | int, ...] = (len(keys), *keys, words, self._replica)
        try:
            return await self._call(connection, until, "EVALSHA", digest(), *arguments)
        except NoScriptError:  # not executed; EVAL decides and uploads in one step, so that no flush comes between
            return await self._call(connection, until, "EVAL", source(), *arguments)

    async def _call(self, connection: Connection, until: float, *words: str | int) -> bytes:
        packed = connection.pack_command(*words)
        try:
            async with asyncio.timeout(max(GRACE, until - self._runtime.clock())):
                await connection.send_packed_command(packed, check_health=False)
                reply = await connection.read_response(disable_decoding=True, disconnect_on_error=False)
        except TimeoutError:
            async with asyncio.timeout(GRACE):
                reply = await connection.read_response(disable_decoding=True, disconnect_on_error=False)
        if not isinstance(reply, bytes):
            raise ValueError(f"not a reply of the script: {type(reply).__name__}")  # noqa: TRY004
        return reply


def _was_cancelled() -> bool:
    """Whether this task was, although it goes on.

    redis-py sends each word of a handshake in `asyncio.wait_for`, which in CPython 3.11 swallows a cancellation that
    comes in the same turn of the loop as what it waits for; a lane that went on would keep the gateway from ending.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
