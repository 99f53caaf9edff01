"""The access log: one line for each exchange, written in batches, off its path."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import orjson

from gateway.config.tree import Log
from gateway.exchange import Exchange
from gateway.observe.notation import Stamp, encodable, escaped, one_line
from gateway.observe.sink import Sink
from gateway.runtime import Runtime

# Waking the writing thread costs a fight for the interpreter, so it is not done for less.
LINES_AT_ONCE = 1024
# What a client may make us keep for a line.
LONGEST_PATH = 2048
LONGEST_TEXT = 256


class AccessLog:
    """Writes what ended exchanges were, as lines of `options.format`, to `sink`."""

    def __init__(self, options: Log, sink: Sink, runtime: Runtime) -> None:
        self._render = RENDERERS[options.format]
        self._sink = sink
        self._wall = runtime.wall
        self._clock = runtime.clock
        self._lines: list[bytes] = []
        self._stamp = Stamp()

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """Note exchanges that have ended."""
        render, stamp, epoch = self._render, self._stamp.at, self._wall() - self._clock()
        self._lines += [render(exchange, stamp(epoch + exchange.ended_at)) for exchange in exchanges]
        if len(self._lines) >= LINES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Hand over what was noted."""
        if self._lines:
            self._sink.write(b"".join(self._lines), len(self._lines))
            self._lines.clear()


@lru_cache(maxsize=1024)  # measured: 0.1 us instead of 0.6, bench/micro/observe.py
def path_of(target: bytes) -> str:
    """The path of a request target of any form: no query, no fragment, no name and password before a host."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    if path.startswith(b"/") or path == b"*":
        return escaped(path)
    return escaped(b"/" + path.partition(b"://")[2].partition(b"/")[2])


# measured: 1.0 us a line in batches, 2.3 us when orjson writes the whole of it; bench/micro/observe.py
JSON = (
    b'{"time":"%b","level":"info","message":"request","request_id":"%b","trace_id":"%b",%b,"upstream":%b,"status":%d,'
    b'"duration_ms":%.3f,"upstream_ms":%.3f,"bytes_in":%d,"bytes_out":%d,"attempts":%d}\n'
)
JSON_UNSENT = JSON.replace(b'"upstream_ms":%.3f', b'"upstream_ms":%b')


def _json(exchange: Exchange, time: bytes) -> bytes:
    request, sent_at, ended_at = exchange.request, exchange.sent_at, exchange.ended_at
    words = _words(
        exchange.client,
        request.method,
        request.target[:LONGEST_PATH],
        exchange.service,
        exchange.identity.subject[:LONGEST_TEXT],
        exchange.error[:LONGEST_TEXT],
    )
    line, upstream_ms = (JSON, (ended_at - sent_at) * 1000) if sent_at else (JSON_UNSENT, b"null")
    return line % (
        time,
        exchange.request_id,
        exchange.traceparent[3:35],
        words,
        orjson.dumps(exchange.upstream or None),  # which one of thousands would make each line's words new
        exchange.status,
        (ended_at - exchange.started_at) * 1000,
        upstream_ms,
        exchange.bytes_in,
        exchange.bytes_out,
        exchange.attempts,
    )


@lru_cache(maxsize=1024)
def _words(client: str, method: str, target: bytes, service: str, subject: str, error: str) -> bytes:
    """The text of a line, as the inside of a JSON object: mostly that of a line before."""
    words: dict[str, str | None] = {
        "client": client,
        "method": method,
        "path": path_of(target),
        "service": service,
        "subject": subject or None,
        "error": error or None,
    }
    try:
        return orjson.dumps(words)[1:-1]
    except TypeError:  # a lone surrogate somewhere, as a JSON token may carry
        return orjson.dumps({name: encodable(word) if word else word for name, word in words.items()})[1:-1]


def _text(exchange: Exchange, time: bytes) -> bytes:
    line = orjson.loads(_json(exchange, time))
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
RENDERERS: dict[str, Callable[[Exchange, bytes], bytes]] = {"json": _json, "text": _text}
