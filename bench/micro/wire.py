"""What one request costs inside the process, kernel left out: python -m bench.micro.wire

The whole gateway as `assembly` builds it (jwt, token bucket, least connections, metrics, access log) between transports
in memory: a request is handed to `Downstream.data_received`, its reply to `UpstreamConnection.data_received`. Prints
the best round in microseconds of CPU, for known heads, for heads that differ each time, for a refusal, and for a chunk
of a stream.
"""

import asyncio
import cProfile
import gc
import itertools
import os
import pstats
from typing import Any

from bench.micro.stopwatch import Stopwatch
from gateway.app import GC_THRESHOLD
from gateway.assembly import Assembly
from gateway.auth.jwt import mint
from gateway.config.tree import Config
from gateway.forward import Forward
from gateway.observe.access_log import AccessLog
from gateway.observe.record import Observer
from gateway.observe.sink import Sink
from gateway.observe.tallies import Tallies
from gateway.pipeline import Pipeline
from gateway.runtime import Runtime
from gateway.wire.downstream import Downstream
from gateway.wire.front import Front
from gateway.wire.upstream import UpstreamConnection

ROUNDS = 75
REQUESTS = 1_000
CHUNKS = 10_000
SECRET = "not-a-secret-only-a-benchmark-0123456789"
NO_LIMIT = {"bucket_size": 10**9, "refill_rate": "1000000/s"}
NO_MORE = {"bucket_size": 1, "refill_rate": "1/h"}
REPLY = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    + (b"Content-Length: 1500\r\nConnection: keep-alive\r\n\r\n" + b"x" * 1500)
)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"9b\r\n" + b"x" * 155 + b"\r\n"


class Transport(asyncio.Transport):
    """Takes what is written, and keeps the last of it."""

    last = b""

    def write(self, data: Any) -> None:
        self.last = data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


def head(token: str, number: int | None) -> bytes:
    names = [
        "Lang",
        "Package-Version",
        "OS",
        "Arch",
        "Async",
        "Runtime",
        "Runtime-Version",
        "Retry-Count",
        "Read-Timeout",
    ]
    lines = [
        "POST /v1/llm/chat/completions HTTP/1.1",
        "Host: 127.0.0.1:8080",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "Accept: application/json",
        "Content-Type: application/json",
        "User-Agent: OpenAI/Python 2.8.1",
        *(f"X-Stainless-{name}: something" for name in names),
        f"Authorization: Bearer {token}",
        "Content-Length: 1000",
    ]
    if number is not None:
        lines.append(f"traceparent: 00-{number + 1:032x}-{number + 1:016x}-01")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + b"y" * 1000


async def build(limit: dict[str, Any] = NO_LIMIT) -> tuple[Front, Assembly, str]:
    upstreams = [{"url": f"http://127.0.0.1:{port}/v1"} for port in (1, 2, 3, 4)]
    config = Config.model_validate(
        {
            "jwt": {"secret": SECRET},
            "ratelimit": limit,
            "services": {"llm": {"upstreams": upstreams, "strategy": "least_connections"}},
        }
    )
    runtime = Runtime()
    sink = Sink(os.open(os.devnull, os.O_WRONLY))
    observer = Observer(runtime, Tallies(), AccessLog(config.log, sink, runtime))
    parts = Assembly(config, runtime, None, lambda service, upstream: None)
    await parts.start()
    pipeline = Pipeline(parts.routes, Forward(runtime, observer), observer)
    front = Front(config.server, runtime, pipeline.handle, pipeline.reject, asyncio.Protocol, frozenset())
    for _, pool in parts.pools():
        connection = UpstreamConnection(pool, pool._heads, runtime)
        connection.connection_made(Transport())
        pool._open.add(connection)
        pool.put(connection, 100.0)
    return front, parts, mint(SECRET.encode(), "alice", now=runtime.wall(), ttl=3600)


def exchange(downstream: Downstream, data: bytes, reply: bytes) -> None:
    downstream.data_received(data)
    upstream = downstream.upstream
    assert upstream is not None
    upstream.flush()
    upstream.data_received(reply)
    downstream.flush()


async def main() -> None:
    watch = Stopwatch.asked(__doc__, ROUNDS)
    front, _, token = await build()
    known = head(token, None)
    refusing = connected((await build(NO_MORE))[0])
    exchange(refusing, known, REPLY)  # the one that passes
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    downstream = connected(front)
    number, numbers = watch.calls(REQUESTS), itertools.count()

    def same() -> None:
        for _ in range(number):
            exchange(downstream, known, REPLY)

    def different() -> None:
        for data in [head(token, next(numbers)) for _ in range(number)]:
            exchange(downstream, data, REPLY)

    if watch.profile:
        profile = cProfile.Profile()
        profile.runcall(same)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    watch.best("a request with a known head, and its reply", number, same)
    watch.best("the same with a head that differs each time", number, different)
    watch.best("(of which making that head)", number, lambda: [head(token, next(numbers)) for _ in range(number)])
    refused(watch, refusing, known)
    stream(watch, downstream, known)


def connected(front: Front) -> Downstream:
    downstream = front()
    downstream.connection_made(Transport())
    return downstream


def refused(watch: Stopwatch, downstream: Downstream, request: bytes) -> None:
    """Requests that are over the limit."""
    number = watch.calls(REQUESTS)

    def refusals() -> None:
        for _ in range(number):
            downstream.data_received(request)
            downstream.flush()

    watch.best("a request that is over its limit, refused", number, refusals)


def stream(watch: Stopwatch, downstream: Downstream, request: bytes) -> None:
    """Chunks of one event stream, after its head."""
    downstream.data_received(request)
    upstream = downstream.upstream
    assert upstream is not None
    upstream.data_received(STREAM)
    take, chunks = upstream.data_received, watch.calls(CHUNKS)

    def taken() -> None:
        for _ in range(chunks):
            take(CHUNK)
            downstream.flush()

    watch.best("one chunk of an event stream", chunks, taken)


if __name__ == "__main__":
    asyncio.run(main())
