"""Endless event streams: `python -m bench.upstreams.event_server EVENTS_PER_SECOND PORT...`; one timer for all of them.

A POST is answered with a stream; a GET with the number of streams that are open.
"""

import asyncio
import sys
import time
from typing import cast

import uvloop

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
COUNT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
# 155 bytes, the size of a chat completion chunk with one word. The stamp is CLOCK_MONOTONIC, which processes share.
EVENT = b'data: {"t":%019d,"id":"chatcmpl-0","object":"chat.completion.chunk","choices":['
EVENT += b'{"index":0,"delta":{"content":" gateway"}}]}'
EVENT += b" " * (153 - len(EVENT % 0)) + b"\n\n"
CHUNK = b"%x\r\n" % len(EVENT % 0) + EVENT + b"\r\n"
GROUPS = 10  # streams are not in step: a tenth of them has an event at each tick


class Streams:
    """Who listens, in groups that take turns."""

    def __init__(self, per_second: float) -> None:
        self._tick = 1 / per_second / GROUPS
        self._groups: list[set[asyncio.Transport]] = [set() for _ in range(GROUPS)]
        self._turn = 0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._send()

    def join(self, transport: asyncio.Transport) -> None:
        min(self._groups, key=len).add(transport)

    def leave(self, transport: asyncio.Transport) -> None:
        for group in self._groups:
            group.discard(transport)

    def __len__(self) -> int:
        return sum(map(len, self._groups))

    def _send(self) -> None:
        for transport in self._groups[self._turn]:
            transport.write(CHUNK % time.monotonic_ns())
        self._turn = (self._turn + 1) % GROUPS
        self._due = max(self._due + self._tick, self._loop.time())
        self._loop.call_at(self._due, self._send)


class Connection(asyncio.Protocol):
    """A request without a body worth mentioning, and its answer."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" not in self._received:
            return
        if self._received.startswith(b"GET "):
            count = b"%d" % len(self._streams)
            self._transport.write(COUNT % (len(count), count))
            self._transport.close()
        else:
            self._transport.write(HEAD)
            self._streams.join(self._transport)
        self._received = b""

    def connection_lost(self, error: Exception | None) -> None:
        self._streams.leave(self._transport)


async def serve(per_second: float, ports: list[int]) -> None:
    streams = Streams(per_second)
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_server(lambda: Connection(streams), "127.0.0.1", port, backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
