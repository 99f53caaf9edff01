"""Exchanges as the stages leave them, a clock moved by hand, and a pipe that may be left unread."""

import os
import random
import threading

from gateway.errors import GatewayError
from gateway.exchange import Exchange, Identity, Request
from gateway.observe.sink import Sink
from gateway.runtime import Runtime


class Nowhere:
    """A client's side that answers nobody, and sets the status as the real one does."""

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        exchange.status = error.answer.status

    def invite_body(self) -> None: ...


def exchange_of(
    method: str = "POST",
    target: bytes = b"/v1/llm/chat",
    request_id: bytes | None = None,
    traceparent: bytes | None = None,
    **ended: object,
) -> Exchange:
    """An exchange of alice's; `ended` is what the stages would have set by its end."""
    request = Request()
    request.method, request.target = method, target
    request.request_id, request.traceparent = request_id, traceparent
    request.fields, request.minor = (), 1
    exchange = Exchange(request, Nowhere(), "192.0.2.1", b"", 0)
    exchange.identity = Identity("alice")
    for name, value in ended.items():
        setattr(exchange, name, value)
    return exchange


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = 1790000000.25

    def runtime(self) -> Runtime:
        return Runtime(clock=lambda: self.now, wall=lambda: self.wall, rng=random.Random(1))


class Pipe:
    """A real pipe with a sink at its writing end, which nobody reads before `read_to_end`."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.reading, self.writing = os.pipe()
        self.sink = Sink(self.writing, limit)
        self._open = True

    def read_to_end(self) -> bytes:
        """All that the sink has accepted; closes it."""
        chunks: list[bytes] = []
        reader = threading.Thread(target=lambda: chunks.extend(iter(lambda: os.read(self.reading, 1 << 20), b"")))
        reader.start()
        self.close_writing()
        reader.join(10)
        return b"".join(chunks)

    def lines(self) -> list[bytes]:
        """The same as lines, each of which must have ended."""
        *lines, rest = self.read_to_end().split(b"\n")
        assert rest == b""
        return lines

    def close_writing(self) -> None:
        if self._open:
            self._open = False
            self.sink.close(timeout=10)
            os.close(self.writing)

    def close(self) -> None:
        # The reading end first: a write that is stuck then fails.
        os.close(self.reading)
        self.close_writing()
