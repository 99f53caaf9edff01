"""The access log: one line for each exchange, written in batches, off its path."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from gateway.config.tree import Log
from gateway.exchange import Exchange
from gateway.observe.notation import Stamp, encodable, escaped, one_line
from gateway.observe.sink import Sink
from gateway.runtime import Runtime

# measured: 5.4 us a line alone, 2.3 in batches of 64, 2.4 of 512: the loop need not be held longer than 0.15 ms
BATCH = 64
# Waking the writing thread costs a fight for the interpreter, so it is not done for less.
LINES_AT_ONCE = 1024
FLUSH_SECONDS = 0.1
# What a client may make us keep for a line.
LONGEST_METHOD = 32
LONGEST_PATH = 2048
LONGEST_TEXT = 256

# The arguments of `_json` after the first.
Record = tuple[float, bytes, bytes, str, str, bytes, str, str, int, float, float, int, int, str, int, str]


class AccessLog:
    """Collects what ended exchanges were, and writes them as lines of `options.format` to `sink`."""

    def __init__(self, options: Log, sink: Sink, runtime: Runtime) -> None:
        self._render = RENDERERS[options.format]
        self._sink = sink
        self._wall = runtime.wall
        self._records: list[Record] = []
        self._lines: list[bytes] = []
        self._waiting = 0
        self._stamp = Stamp()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, exchange: Exchange) -> None:
        """Note an exchange that has ended."""
        # Copies of what is needed: the exchange would keep its connection and body alive.
        request, sent_at, ended_at = exchange.request, exchange.sent_at, exchange.ended_at
        records = self._records
        records.append(
            (
                self._wall(),
                exchange.request_id,
                exchange.traceparent,
                exchange.client,
                request.method[:LONGEST_METHOD],
                request.target[:LONGEST_PATH],
                exchange.service,
                exchange.upstream,
                exchange.status,
                ended_at - exchange.started_at,
                ended_at - sent_at if sent_at else -1.0,
                exchange.bytes_in,
                exchange.bytes_out,
                exchange.identity.subject[:LONGEST_TEXT],
                exchange.attempts,
                exchange.error[:LONGEST_TEXT],
            )
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._tick)
        elif len(records) >= BATCH:
            self._write_lines()
            if self._waiting >= LINES_AT_ONCE:
                self.flush()

    def _tick(self) -> None:
        self._timer = None
        self.flush()

    def _write_lines(self) -> None:
        records, self._records = self._records, []
        render, stamp = self._render, self._stamp
        self._lines += [render(stamp, *record) for record in records]
        self._waiting += len(records)

    def flush(self) -> None:
        """Hand over what was collected."""
        self._write_lines()
        if self._waiting:
            self._sink.write(b"".join(self._lines), self._waiting)
            self._lines.clear()
            self._waiting = 0

    def close(self) -> None:
        """Hand over the rest; the sink stays open."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()


@lru_cache(maxsize=1024)  # measured: 0.1 us instead of 0.6, bench/micro/observe.py
def path_of(target: bytes) -> str:
    """The path of a request target of any form: no query, no fragment, no name and password before a host."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    if path.startswith(b"/") or path == b"*":
        return escaped(path)
    return escaped(b"/" + path.partition(b"://")[2].partition(b"/")[2])


# measured: 1.1 us a line with numbers filled in, 2.3 with orjson for the whole of it; bench/micro/observe.py
JSON = (
    b'{"time":"%b","level":"info","message":"request","request_id":"%b","trace_id":"%b",%b,"status":%d,'
    b'"duration_ms":%.3f,"upstream_ms":%b,"bytes_in":%d,"bytes_out":%d,"attempts":%d}\n'
)


# fmt: off
def _json(
    stamp: Stamp, wall: float, request_id: bytes, traceparent: bytes, client: str, method: str, target: bytes,
    service: str, upstream: str, status: int, seconds: float, upstream_seconds: float, bytes_in: int, bytes_out: int,
    subject: str, attempts: int, error: str,
) -> bytes:
    # fmt: on
    return JSON % (
        stamp(wall).encode(),
        request_id,
        traceparent[3:35],
        _words(client, method, target, service, upstream, subject, error),
        status,
        seconds * 1000,
        b"%.3f" % (upstream_seconds * 1000) if upstream_seconds >= 0 else b"null",
        bytes_in,
        bytes_out,
        attempts,
    )


@lru_cache(maxsize=1024)
def _words(client: str, method: str, target: bytes, service: str, upstream: str, subject: str, error: str) -> bytes:
    """The text of a line, as the inside of a JSON object: mostly that of a line before."""
    words = {
        "client": client,
        "method": method,
        "path": path_of(target),
        "service": service,
        "upstream": upstream or None,
        "subject": subject or None,
        "error": error or None,
    }
    try:
        return orjson.dumps(words)[1:-1]
    except TypeError:  # a lone surrogate somewhere, as a JSON token may carry
        return orjson.dumps({name: encodable(word) if word else word for name, word in words.items()})[1:-1]


def _text(stamp: Stamp, *record: Any) -> bytes:
    line = orjson.loads(_json(stamp, *record))
    words = [f"{line['time']} INFO request {line['status']} {line['method']} {_word(line['path'])}"]
    words += [f"{name}={_word(line[name])}" for name in TEXT_FIELDS if line[name] is not None]
    return " ".join(words).encode() + b"\n"


def _word(value: object) -> str:
    text = one_line(str(value))
    return f'"{text}"' if " " in text else text


TEXT_FIELDS = (
    *("duration_ms", "upstream_ms", "client", "subject", "service", "upstream", "attempts", "bytes_in", "bytes_out"),
    *("request_id", "trace_id", "error"),
)
RENDERERS: dict[str, Callable[..., bytes]] = {"json": _json, "text": _text}
