"""Holds connections open and counts the events that come: `python -m bench.event_client PORT COUNT`.

Writes a line when every connection has an answer; answers each line on standard input with a JSON line about the
time since the last one; leaves at the end of standard input.
"""

import asyncio
import json
import os
import re
import sys
import time
from typing import cast

import uvloop

from bench.load import TARGET

AT_ONCE = 50  # connections opened together; all at once would overrun a proxy's accept queue
LATE = 20_000_000  # ns
STAMP = re.compile(rb'"t":(\d{19})')
BODY = b'{"model":"constant","stream":true,"messages":[{"role":"user","content":"w"}]}'
HEAD = (
    "POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """One request and what comes back; `answered` is done with the first bytes."""

    def __init__(self, request: bytes, latencies: list[int]) -> None:
        self._request = request
        self._latencies = latencies
        self._rest = b""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self.answered.done():
            if not data.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"the proxy answered {data[:200]!r}")
            self.answered.set_result(None)
        data = self._rest + data
        whole = data.rfind(b"\n\n") + 1
        self._rest = data[whole:]
        for stamp in STAMP.findall(data, 0, whole):
            self._latencies.append(now - int(stamp))

    def connection_lost(self, error: Exception | None) -> None:
        raise SystemExit(f"the proxy closed a connection: {error}")


def summary(latencies: list[int], seconds: float) -> dict[str, float]:
    """Counts and milliseconds of the events in `latencies` (ns)."""
    ordered = sorted(latencies) or [0]
    return {
        "events": len(latencies),
        "seconds": seconds,
        "p50_ms": ordered[len(ordered) // 2] / 1e6,
        "p99_ms": ordered[len(ordered) * 99 // 100] / 1e6,
        "max_ms": ordered[-1] / 1e6,
        "late": sum(latency > LATE for latency in latencies),
    }


async def run(port: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    head = HEAD.format(target=TARGET, port=port, token=os.environ["BENCH_TOKEN"], length=len(BODY))
    latencies: list[int] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def join() -> None:
        async with gate:
            request = head.encode() + BODY
            _, connection = await loop.create_connection(lambda: Connection(request, latencies), "127.0.0.1", port)
            await connection.answered

    await asyncio.gather(*(join() for _ in range(count)))
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    since = loop.time()
    while await commands.readline():
        now = loop.time()
        print(json.dumps(summary(latencies, now - since)), flush=True)
        latencies.clear()
        since = now


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2])))
