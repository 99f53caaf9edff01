"""A relay before a Redis that can refuse, stall, reset, delay, truncate or rewrite replies."""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

RESET_NOT_FIN = struct.pack("ii", 1, 0)


class FaultProxy:
    """`delay` is how long (seconds) replies take more, told for each; `rewrite` makes other bytes of a reply.

    `stalled` replies stay here until it is cleared, and then they come. `took` is how long (seconds) each reply was on
    its way, from the proxy to Redis and until the proxy let it go.
    """

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.port = 0
        self.delay: Callable[[], float] = lambda: 0.0
        self.rewrite: Callable[[bytes], bytes] = lambda reply: reply
        self.accepted = 0
        self.took: list[float] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def listen(self) -> Self:
        """Accept, on the port of before."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def refuse(self) -> None:
        """Refuse new connections, and reset those that are there."""
        assert self._server is not None
        self._server.close()
        self.reset()

    def reset(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
            writer.transport.abort()

    def stall(self) -> None:
        """No reply passes any more."""
        self._flowing.clear()

    def flow(self) -> None:
        """Replies pass again, first those that were held."""
        self._flowing.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        up_writer = replies = None
        asked: deque[float] = deque(maxlen=1)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
            replies = asyncio.ensure_future(self._replies(up_reader, writer, asked))
            while data := await reader.read(65536):
                asked.append(time.monotonic())
                up_writer.write(data)
        except OSError:
            pass
        finally:
            if replies is not None:
                replies.cancel()
            if up_writer is not None:
                up_writer.close()
            writer.close()
            self._writers.discard(writer)

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: deque[float]) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                if delay := self.delay():
                    await asyncio.sleep(delay)
                writer.write(self.rewrite(data))
                self.took.append(time.monotonic() - asked[0])
        except OSError:
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        async with asyncio.timeout(5):
            while self._writers:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def before(port: int) -> AsyncIterator[FaultProxy]:
    """A proxy before the Redis at `port`, for the length of a block."""
    proxy = await FaultProxy(port).listen()
    try:
        yield proxy
    finally:
        await proxy.close()
