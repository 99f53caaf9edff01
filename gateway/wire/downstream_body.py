"""A request body as it comes from a client: checked, counted, and passed on no faster than the upstream takes it."""

import asyncio
from typing import TYPE_CHECKING

from gateway.drive import Drive
from gateway.errors import BadRequest, GatewayError, PayloadTooLarge
from gateway.exchange import Exchange, Request
from gateway.wire.downstream_socket import BODY, BUSY, NEVER, NOTHING, DownstreamSocket
from gateway.wire.framing import (
    LARGE_READ,
    TINY_PACE,
    TINY_PIECE,
    BodyTooLarge,
    Chunked,
    Framing,
    FramingError,
    Length,
    UntilClose,
    tiny_chunks,
)
from gateway.wire.replies import CONTINUE

if TYPE_CHECKING:
    from gateway.wire.front import Front
    from gateway.wire.upstream import UpstreamConnection


class DownstreamBody(DownstreamSocket):
    """`upstream` is where the exchange's bytes go, once they do."""

    __slots__ = ("_body", "_drive", "_exchange", "upstream")

    def __init__(self, front: "Front") -> None:
        super().__init__(front)
        self.upstream: UpstreamConnection | None = None
        self._exchange: Exchange | None = None
        self._drive: Drive | None = None
        self._body: Framing | None = None

    def _take_body(self, exchange: Exchange, request: Request, start: int) -> GatewayError | None:
        """The body that begins at `start` of the buffer: the whole of it, or what there is so far."""
        data, length, limit = self._buffer, exchange.content_length, self._front.max_body_size
        end = start + length
        if len(data) >= end and not request.chunked:
            self._state = BUSY
            self.expires_at = NEVER
            if length:
                exchange.body = data[start:end]
                exchange.bytes_in = length
            self._buffer = data[end:]
            return PayloadTooLarge("content length") if length > limit else None
        self._state = BODY
        self._buffer = b""
        exchange.body_complete = exchange.body_replayable = False
        if length > limit:
            return PayloadTooLarge("content length")
        self._body = Chunked(limit=limit) if request.chunked else Length(length)
        self._expires_in(self._front.body_timeout)
        if len(data) == start:
            return None
        data = data[start:]
        return self._feed(exchange, self._piece_of(data) if self._is_tiny(data) else data)

    def _feed(self, exchange: Exchange, data: bytes) -> GatewayError | None:
        """Check the next bytes of the body, and keep those that pass in `exchange.body`."""
        body = self._body
        assert body is not None
        try:
            exchange.body += body.take(data)
        except FramingError:
            return BadRequest("chunked body")
        except BodyTooLarge:
            return PayloadTooLarge("chunked body")
        exchange.bytes_in = body.payload
        if body.done:
            self._state = BUSY
            self.expires_at = NEVER
            exchange.body_complete = True
            self._buffer = body.surplus
            self._body = None
        return None

    def _body_received(self, data: bytes) -> None:
        if self._is_tiny(data):
            self._pass_on(self._piece_of(data))
            return
        self._pass_on(data)
        if len(data) > LARGE_READ:
            self._read_on_after(0)

    def _pass_on(self, data: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        error = self._feed(exchange, data)
        if error is not None:
            self._interrupt(error)
            return
        upstream = self.upstream
        if upstream is not None and exchange.body:
            piece, exchange.body = exchange.body, b""
            upstream.write_body(piece)
        if self._tunnel and upstream is not None:
            upstream.touch()
        elif self._state is BODY:
            self.expires_at = self._front.runtime.clock() + self._front.body_timeout

    def _interrupt(self, error: GatewayError) -> None:
        if self._drive is not None:
            self._drive.interrupt(error)

    # --- in turns, and as fast as the upstream ---

    def _is_tiny(self, data: bytes) -> bool:
        return len(data) > TINY_PIECE and type(self._body) is Chunked and tiny_chunks(data)

    def _piece_of(self, data: bytes | memoryview) -> bytes:
        """What is taken now of many tiny chunks; the rest waits, so that others have their turns."""
        self._rest = memoryview(data)[TINY_PIECE:]
        if self._rest:
            self._front.watch_unread(self)
        self._read_on_after(TINY_PACE)
        return bytes(data[:TINY_PIECE])

    def _read_on_after(self, seconds: float) -> None:
        """Let others have their turn before the next read."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(seconds, self._read_on)

    def _read_on(self) -> None:
        rest, self._rest = self._rest, NOTHING
        if self.transport is None or self.transport.is_closing():
            return
        if rest and self._state is BODY:
            self._pass_on(self._piece_of(rest))
            return
        if rest:
            self.data_received(bytes(rest))
        if not self._read_paused and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_body(self) -> None:
        """The upstream does not keep up with the request body."""
        if self._state is BODY:
            self._pause_reading()

    def resume_body(self) -> None:
        self._resume_reading()

    # --- other beginnings ---

    def invite_body(self) -> None:
        """Say `100 Continue` (RFC 9110, section 10.1.1), unless the body comes anyway."""
        exchange = self._exchange
        if exchange is not None and self._state is BODY and not exchange.bytes_in:
            self.write(CONTINUE)

    def become_tunnel(self) -> None:
        """What the client sends goes to the upstream as it is, from now on and including what it already sent."""
        self._tunnel = True
        self._state = BODY
        self._body = UntilClose()
        self.expires_at = NEVER
        early, self._buffer = self._buffer, b""
        if early:
            self._pass_on(early)
        self._resume_reading()
