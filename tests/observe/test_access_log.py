"""What a line of the access log says, and what it never says."""

import asyncio
import os
import re

import orjson
import pytest
from observe_parts import Clock, Pipe, exchange_of

from gateway.config.tree import Log
from gateway.exchange import Exchange, Identity
from gateway.observe.access_log import LINES_AT_ONCE, AccessLog, path_of
from gateway.observe.record import BATCH, Observer
from gateway.observe.tallies import Tallies


def ended(**fields: object) -> Exchange:
    return exchange_of(started_at=1.0, ended_at=1.25, **fields)  # type: ignore[arg-type]


async def written(pipe: Pipe, *exchanges: Exchange, format: str = "json") -> list[bytes]:  # noqa: A002
    clock = Clock()
    clock.now = 1.25
    log = AccessLog(Log(format=format), pipe.sink, clock.runtime())
    log.add(exchanges)
    log.flush()
    return pipe.lines()


async def test_line_of_a_whole_exchange(pipe: Pipe) -> None:
    exchange = ended(
        **{"target": b"/v1/llm/chat?key=sesame", "service": "llm", "upstream": "10.0.0.1:8000", "status": 200},
        **{"sent_at": 1.01, "bytes_in": 12, "bytes_out": 345, "attempts": 1, "request_id": None},
    )
    exchange.request_id = b"req-1"
    exchange.traceparent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    [line] = await written(pipe, exchange)
    fields = orjson.loads(line)
    expected = {
        "time": "2026-09-21T14:13:20.250Z",
        "level": "info",
        "message": "request",
        "request_id": "req-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "client": "192.0.2.1",
        "method": "POST",
        "path": "/v1/llm/chat",
        "service": "llm",
        "upstream": "10.0.0.1:8000",
        "status": 200,
        "duration_ms": 250.0,
        "upstream_ms": 240.0,
        "bytes_in": 12,
        "bytes_out": 345,
        "subject": "alice",
        "attempts": 1,
        "error": None,
    }
    assert fields == expected


async def test_line_of_a_request_that_got_nowhere(pipe: Pipe) -> None:
    exchange = ended(status=401, error="unauthenticated: expired", identity=Identity(""))
    [line] = await written(pipe, exchange)
    fields = orjson.loads(line)
    assert (fields["service"], fields["status"], fields["error"]) == ("none", 401, "unauthenticated: expired")
    assert [fields[name] for name in ("upstream", "upstream_ms", "subject")] == [None, None, None]


async def test_client_that_left_is_499(pipe: Pipe) -> None:
    clock = Clock()
    log = AccessLog(Log(), pipe.sink, clock.runtime())
    observer = Observer(clock.runtime(), Tallies(), log)
    exchange = exchange_of()
    observer.begin(exchange)
    clock.now += 2
    exchange.status = 499
    observer.finish(exchange)
    observer.close()
    fields = orjson.loads(pipe.lines()[0])
    assert (fields["status"], fields["duration_ms"]) == (499, 2000.0)
    assert fields["request_id"] == fields["trace_id"] == exchange.request_id.decode()


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/v1/llm/chat?token=sesame", "/v1/llm/chat"),
        (b"/v1/llm/chat#token=sesame", "/v1/llm/chat"),
        (b"/?sesame", "/"),
        (b"/v1/llm/\xc3\xa9\xff\xfe", "/v1/llm/é\\xff\\xfe"),
        (b"*", "*"),
        (b"", "/"),
        (b"http://user:sesame@gateway/v1/llm?q", "/v1/llm"),
        (b"http://user:sesame@gateway", "/"),
        (b"user:sesame@gateway:443", "/"),
        (b"mailto:sesame@gateway", "/"),
    ],
)
def test_path_is_the_path_only(target: bytes, path: str) -> None:
    assert path_of(target) == path


async def test_bytes_that_are_not_utf8_are_escaped(pipe: Pipe) -> None:
    [line] = await written(pipe, ended(target=b"/v1/llm/\xff\x80"))
    assert orjson.loads(line)["path"] == "/v1/llm/\\xff\\x80"


@pytest.mark.parametrize("format", ["json", "text"])
async def test_hostile_text_stays_on_its_line(pipe: Pipe, format: str) -> None:  # noqa: A002
    """A subject comes out of a token's JSON, which may hold line ends, escape sequences and lone surrogates."""
    subject = 'a\n{"status": 200}\r\x1b[2J\u2028\udc80'
    lines = await written(pipe, ended(identity=Identity(subject)), ended(), format=format)
    assert len(lines) == 2
    assert not re.search(rb"[\x00-\x1f\x7f]", b"".join(lines))
    lines[0].decode("utf-8")


async def test_what_a_client_sends_cannot_grow_a_line_without_bounds(pipe: Pipe) -> None:
    exchange = ended(target=b"/" + b"\xff" * 60_000, identity=Identity("s" * 60_000))
    exchange.error = "e" * 60_000
    [line] = await written(pipe, exchange)
    assert len(line) < 12_000


async def test_text_is_one_readable_line(pipe: Pipe) -> None:
    exchange = ended(service="llm", upstream="10.0.0.1:8000", status=502, sent_at=1.01, attempts=2)
    exchange.error = "upstream_error: reset"
    exchange.request_id = b"req-1"
    [line] = await written(pipe, exchange, format="text")
    assert line.decode() == (
        "2026-09-21T14:13:20.250Z INFO request 502 POST /v1/llm/chat duration_ms=250.0 upstream_ms=240.0 "
        "client=192.0.2.1 subject=alice service=llm upstream=10.0.0.1:8000 attempts=2 bytes_in=0 bytes_out=0 "
        'request_id=req-1 trace_id= error="upstream_error: reset"'
    )


async def test_lines_are_rendered_in_batches_and_written_in_larger_ones(pipe: Pipe) -> None:
    observer = Observer(Clock().runtime(), Tallies(), AccessLog(Log(), pipe.sink, Clock().runtime()))
    chunks: list[int] = []
    write = pipe.sink.write

    def counted(chunk: bytes, lines: int = 1) -> None:
        chunks.append(lines)
        write(chunk, lines)

    pipe.sink.write = counted  # type: ignore[method-assign]
    written = LINES_AT_ONCE + BATCH + 1
    for _ in range(written):
        observer.finish(ended())
    observer.close()
    assert chunks == [LINES_AT_ONCE, BATCH + 1]
    assert len(pipe.lines()) == written


async def test_lines_of_a_quiet_gateway_leave_after_a_moment(pipe: Pipe) -> None:
    observer = Observer(Clock().runtime(), Tallies(), AccessLog(Log(), pipe.sink, Clock().runtime()))
    loop = asyncio.get_running_loop()
    for _ in range(2):
        observer.finish(ended())
        line = loop.run_in_executor(None, os.read, pipe.reading, 4096)
        assert orjson.loads(await asyncio.wait_for(line, 5))["message"] == "request"
    observer.close()


async def test_blocked_stdout_delays_no_request(pipe: Pipe) -> None:
    """FT-11: nobody reads the pipe; exchanges go on, memory stays bounded, every line is written or counted."""
    clock = Clock()
    log = AccessLog(Log(), pipe.sink, clock.runtime())
    tallies = Tallies()
    observer = Observer(clock.runtime(), tallies, log)
    exchanges = 10_000
    for number in range(exchanges):
        exchange = exchange_of(status=200, service="llm")
        observer.begin(exchange)
        observer.routed(exchange)
        observer.finish(exchange)
        if number % 500 == 0:
            await asyncio.sleep(0)
    observer.close()
    assert tallies.service("llm").requests["POST", 200] == exchanges
    assert pipe.sink.waiting <= 1 << 20
    dropped = pipe.sink.dropped
    assert dropped > 0
    lines = pipe.lines()
    assert len(lines) + dropped == exchanges
    assert all(orjson.loads(line)["status"] == 200 for line in lines)
