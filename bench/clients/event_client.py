"""Holds connections open and times the events that come: `python -m bench.clients.event_client PORT COUNT REQUEST`.

REQUEST is a file with the request that each connection sends. Writes a line when every connection has an answer;
answers each line on standard input with a JSON line about the time since the last one; leaves at the end of standard
input.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

from bench.figures import percentile

AT_ONCE = 50  # connections opened together; all at once would overrun a proxy's accept queue
STAMP = re.compile(rb'"t":(\d{19})')
SAMPLES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p999_ms": 0.999}


class Seen:
    """Nanoseconds: from the upstream to here of every event, and from one event of a stream to its next."""

    def __init__(self) -> None:
        self.latencies: list[int] = []
        self.gaps: list[int] = []


class Connection(asyncio.Protocol):
    """One request and what comes back; `answered` is done with the first bytes."""

    def __init__(self, request: bytes, seen: Seen) -> None:
        self._request = request
        self._seen = seen
        self._rest = b""
        self._last = 0
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
            self._seen.latencies.append(now - int(stamp))
            if self._last:
                self._seen.gaps.append(now - self._last)
            self._last = now

    def connection_lost(self, error: Exception | None) -> None:
        raise SystemExit(f"the proxy closed a connection: {error}")


def summary(seen: Seen, seconds: float, spent: float) -> dict[str, float]:
    """Counts, and milliseconds at some percentiles; `spent` are seconds of this client's CPU."""
    latencies, gaps = sorted(seen.latencies), sorted(seen.gaps)
    return {
        "events": len(latencies),
        "seconds": seconds,
        "client_cpu": spent / seconds if seconds else 0.0,
        **{name: percentile(latencies, share) / 1e6 for name, share in SAMPLES.items()},
        **{f"gap_{name}": percentile(gaps, share) / 1e6 for name, share in SAMPLES.items()},
    }


async def run(port: int, count: int, request: bytes) -> None:
    loop = asyncio.get_running_loop()
    seen = Seen()
    gate = asyncio.Semaphore(AT_ONCE)

    async def join() -> None:
        async with gate:
            _, connection = await loop.create_connection(lambda: Connection(request, seen), "127.0.0.1", port)
            await connection.answered

    await asyncio.gather(*(join() for _ in range(count)))
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    since, spent = loop.time(), time.process_time()
    while await commands.readline():
        now, used = loop.time(), time.process_time()
        print(json.dumps(summary(seen, now - since, used - spent)), flush=True)
        seen.latencies.clear()
        seen.gaps.clear()
        since, spent = loop.time(), time.process_time()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_bytes()))
