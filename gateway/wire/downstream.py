"""One client connection: reads heads, starts exchanges, passes bodies on, and notices when the client leaves.

The connection is in one state at a time. HEAD: between requests, or a head is arriving. BODY: a request body is
arriving. BUSY: the request is whole, its reply is not. LINGER: the last reply is sent, what still comes is thrown
away, so that closing does not destroy the reply on its way (RFC 9112, section 9.6).
"""

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from gateway.drive import Drive
from gateway.errors import (
    BadRequest,
    ClientLeft,
    GatewayError,
    NoUpstream,
    PayloadTooLarge,
    RequestTimeout,
)
from gateway.exchange import Exchange, Request
from gateway.wire.express import HeadTooLarge
from gateway.wire.framing import (
    LARGE_READ,
    BodyTooLarge,
    Chunked,
    Framing,
    FramingError,
    Length,
    UntilClose,
    many_lines,
)
from gateway.wire.grammar import ODD_BYTES_SO_FAR, empty_lines
from gateway.wire.headers import too_large
from gateway.wire.peer import Peer
from gateway.wire.replies import CONTINUE, options_reply, own_reply
from gateway.wire.socket_state import has_arrived, reset_on_close

if TYPE_CHECKING:
    from gateway.wire.front import Front
    from gateway.wire.upstream import UpstreamConnection

NEVER = float("inf")
LINGER_SECONDS = 2.0
ARRIVAL_CHECK_SECONDS = 0.05
# Requests answered from one read before others get their turn.
PIPELINED_TURN = 16
# What a client may send ahead of the reply it waits for; beyond it, it is not read.
LARGEST_SURPLUS = 65536


class State(Enum):
    HEAD = auto()
    BODY = auto()
    BUSY = auto()
    LINGER = auto()


HEAD, BODY, BUSY, LINGER = State.HEAD, State.BODY, State.BUSY, State.LINGER


class Downstream(asyncio.Protocol):
    """The client's side of its exchanges, one after the other; see the states above."""

    __slots__ = (
        "_body",
        "_buffer",
        "_checked",
        "_drive",
        "_ends_reply",
        "_exchange",
        "_front",
        "_keep",
        "_peer",
        "_pumping",
        "_read_paused",
        "_rest",
        "_served",
        "_state",
        "_tunnel",
        "_write_paused",
        "expires_at",
        "transport",
        "upstream",
        "watched_until",
    )

    def __init__(self, front: "Front") -> None:
        self._front = front
        self.transport: asyncio.Transport | None = None
        self.upstream: UpstreamConnection | None = None  # where the exchange's bytes go, once they do
        self.expires_at = self.watched_until = NEVER
        self._state = HEAD
        self._buffer = b""  # the beginning of a head, or what came after the current request
        self._exchange: Exchange | None = None
        self._drive: Drive | None = None
        self._body: Framing | None = None
        self._checked = 0  # how much of `_buffer` was looked at before
        self._keep = True
        self._ends_reply = False  # the end of the connection is the end of the reply
        self._served = False  # has had a request
        self._pumping = False
        self._tunnel = False
        self._read_paused = False
        self._rest = b""  # of a read, and not yet looked at
        self._write_paused = False

    def __repr__(self) -> str:
        return f"<Downstream {self._state.name} {self._exchange!r}>"

    # --- the connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        front = self._front
        self._peer = Peer.of(transport, front.trusted)
        if not front.admit(self):
            self._refuse_unread(NoUpstream("server.max_connections"))
            return
        front.runtime.deadlines.watch(self, front.runtime.clock() + front.options.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.expires_at = NEVER
        self._front.forget(self)
        self._left()

    def eof_received(self) -> None:
        """The client ended its side: it has left, whatever it was waiting for."""
        if self.transport is not None and self._state is not LINGER:
            self._left()
            self.close()

    def leave(self) -> None:
        """The client has left; seen by looking at the socket, as nothing is being read from it."""
        self._left()
        if self.transport is not None:
            self.transport.abort()

    def _left(self) -> None:
        if self._tunnel and self.upstream is not None:
            self.upstream.hang_up()
        elif self._drive is not None:
            self._drive.interrupt(ClientLeft())

    @property
    def stays_open(self) -> bool:
        return not self._front.draining

    @property
    def is_idle(self) -> bool:
        return self._state is HEAD and not self._buffer

    def close(self) -> None:
        """Close once everything written has left."""
        if self.transport is not None:
            self.transport.close()
            if not self.transport.can_write_eof():
                # TLS: that we end it has to arrive; a client may take its time to agree (RFC 8446, section 6.1).
                self._end_once_arrived(reset=False)

    def expire(self) -> None:
        if self._state is BODY:
            self._interrupt(RequestTimeout("body"))
        elif self._state is HEAD and self._buffer:
            self._refuse_unread(RequestTimeout("head"))
        elif self._state is not BUSY and self.transport is not None:
            self.transport.abort()

    # --- reading ---

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state is HEAD and not self._write_paused:
            self._checked = len(self._buffer)
            self._buffer = self._buffer + data if self._buffer else data
            self._pump()
        elif state is BODY:
            if len(data) > LARGE_READ:
                self._in_turns(data)
            else:
                self._body_received(data)
        elif state is not LINGER:
            self._buffer += data
        if len(self._buffer) > LARGEST_SURPLUS:
            self._pause_reading()

    def _pump(self) -> None:
        """Start the requests that have arrived, until one has to wait for its reply."""
        if self._pumping:
            return
        self._pumping = True
        turns = PIPELINED_TURN
        while self._buffer and self._state is HEAD and self.transport is not None and not self._write_paused:
            if not turns:
                asyncio.get_running_loop().call_soon(self._pump)
                break
            turns -= 1
            if not self._read_head():
                break
        self._pumping = False
        served = self._state is not BODY and len(self._buffer) <= LARGEST_SURPLUS
        if served and self._read_paused and not self._write_paused:
            self._resume_reading()

    def _read_head(self) -> bool:
        data = self._buffer
        checked, self._checked = self._checked, 0  # whatever else this buffer turns out to hold is new
        try:
            found = self._front.heads(self._peer).read(data)
            if found is None and ODD_BYTES_SO_FAR.search(data, max(0, checked - 2)):
                raise BadRequest("control byte or bare line end")
        except HeadTooLarge:
            self._refuse_unread(too_large(data))
        except GatewayError as error:
            empty = empty_lines(data)
            if empty:  # RFC 9112, section 2.2: ignored before a request line
                self._buffer = data[empty:]
                return True
            self._refuse_unread(error)
        else:
            if found is not None:
                self._begin(found[0], found[1], found[2])
                return True
            self._head_incomplete()
        return False

    def _head_incomplete(self) -> None:
        # The deadline of a later request runs from its first byte; that of the first one since accept.
        if self._served:
            self._served = False
            front = self._front
            front.runtime.deadlines.watch(self, front.runtime.clock() + front.options.header_timeout)

    def _begin(self, request: Request, length: int, start: int) -> None:
        front = self._front
        if not request.service and front.is_operators(request):
            front.hand_over(self, self._buffer)
            return
        self._served = True
        peer = self._peer
        self._exchange = exchange = Exchange(request, self, peer.client(request), peer.forwarded(request), length)
        error = self._take_body(exchange, request, length, start)
        if request.target == b"*":
            self._answer_options(exchange)
        elif error is not None:
            self._run(front.reject(exchange, error))
        else:
            self._run(front.handle(exchange))

    def _take_body(self, exchange: Exchange, request: Request, length: int, start: int) -> GatewayError | None:
        data = self._buffer
        end = start + length
        if not request.chunked and len(data) >= end:
            self._state = BUSY
            self.expires_at = NEVER
            exchange.body = data[start:end]
            exchange.bytes_in = length
            self._buffer = data[end:]
            return PayloadTooLarge("content length") if length > self._front.max_body_size else None
        self._state = BODY
        self._buffer = b""
        exchange.body_complete = exchange.body_replayable = False
        if length > self._front.max_body_size:
            return PayloadTooLarge("content length")
        self._body = Chunked(limit=self._front.max_body_size) if request.chunked else Length(length)
        self._front.runtime.deadlines.watch(self, self._front.runtime.clock() + self._front.options.body_timeout)
        return self._feed(exchange, data[start:]) if len(data) > start else None

    def _run(self, pipeline: Coroutine[Any, Any, None]) -> None:
        self._drive = drive = Drive(pipeline, self._exchange_over)
        drive.step()
        if self._state is BODY and self.upstream is None and self._exchange is not None:
            self._pause_reading()

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
            self.expires_at = self._front.runtime.clock() + self._front.options.body_timeout

    def _interrupt(self, error: GatewayError) -> None:
        if self._drive is not None:
            self._drive.interrupt(error)

    # --- back-pressure ---

    def _in_turns(self, data: bytes) -> None:
        """Let others have their turn before the next read; many tiny chunks are taken a piece a turn."""
        if type(self._body) is Chunked and many_lines(data):
            data, self._rest = data[:LARGE_READ], data[LARGE_READ:]
        self._body_received(data)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self.data_received(rest)
        if not (self._rest or self._read_paused) and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._read_paused and self.transport is not None:
            self._read_paused = True
            if self._state is BODY:
                self.expires_at = NEVER  # the client's time does not run while it is not let send
            self.transport.pause_reading()
            self._front.watch_unread(self)

    def _resume_reading(self) -> None:
        if self._read_paused and self.transport is not None:
            self._read_paused = False
            if self._state is BODY and not self._tunnel:
                front = self._front
                front.runtime.deadlines.watch(self, front.runtime.clock() + front.options.body_timeout)
            if not self.transport.is_closing():
                self.transport.resume_reading()

    @property
    def unread(self) -> bool:
        """Reading is paused, so that the event loop would not notice the client leave."""
        return self._read_paused

    def pause_body(self) -> None:
        """The upstream does not keep up with the request body."""
        if self._state is BODY:
            self._pause_reading()

    def resume_body(self) -> None:
        self._resume_reading()

    def pause_writing(self) -> None:
        self._write_paused = True
        if self.upstream is not None:
            self.upstream.pause_reading()

    def resume_writing(self) -> None:
        self._write_paused = False
        if self.upstream is not None:
            self.upstream.resume_reading()
        if self._state is HEAD:
            self._pump()

    # --- the reply ---

    def invite_body(self) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.request.expect_continue and self._state is BODY and not exchange.bytes_in:
            self.write(CONTINUE)

    def begin_reply(self, head: bytes, body: bytes, *, keep: bool, ends_reply: bool) -> None:
        """Send the reply's head and what there is of its body in one write.

        `keep`: the connection lives on after this reply. `ends_reply`: its end is what tells the client the reply's.
        """
        assert self._exchange is not None
        self._exchange.reply_started = True
        self._keep = keep
        self._ends_reply = ends_reply
        if self.transport is not None:
            self.transport.write(head + body if body else head)
        if self._write_paused and self.upstream is not None:
            self.upstream.pause_reading()

    def write_interim(self, head: bytes) -> None:
        """Send a 1xx head (RFC 9110, section 15.2)."""
        self.write(head)

    def write(self, data: bytes) -> None:
        """Send more of the reply."""
        if data and self.transport is not None:
            self.transport.write(data)

    def become_tunnel(self) -> None:
        """What the client sends goes to the upstream as it is, from now on and including what it already sent."""
        self._tunnel = True
        self._state = BODY
        self._body = UntilClose()
        self.expires_at = NEVER
        early, self._buffer = self._buffer, b""
        if early:
            self._body_received(early)
        self._resume_reading()

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        if exchange.reply_started:
            self._cut()
            return
        exchange.status = error.answer.status
        exchange.reply_started = True
        self._keep = exchange.request.keep_alive and exchange.body_complete and self.stays_open
        self.write(self._own_reply(exchange, error, keep=self._keep))

    def _own_reply(self, exchange: Exchange, error: GatewayError, *, keep: bool) -> bytes:
        request = exchange.request
        return own_reply(
            error,
            exchange.request_id,
            self._front.runtime.wall(),
            keep=keep,
            minor=request.minor,
            limits=exchange.permit.headers,
            head_only=request.method == "HEAD",
        )

    def _answer_options(self, exchange: Exchange) -> None:
        keep = self._keep = exchange.request.keep_alive and exchange.body_complete and self.stays_open
        request_id = exchange.request.request_id or self._front.new_request_id()
        minor = exchange.request.minor
        self.write(options_reply(request_id, self._front.runtime.wall(), keep=keep, minor=minor))
        self._exchange_over()

    def _refuse_unread(self, error: GatewayError) -> None:
        """Refuse what did not become a request; nobody knows where the next one begins, so the connection ends."""
        self._buffer = b""
        exchange = self._front.malformed(self, self._peer)
        exchange.body_complete = False
        self._exchange = exchange
        self._run(self._front.reject(exchange, error))

    def _cut(self) -> None:
        """End the connection so that nobody takes the reply for a whole one."""
        self._keep = False
        if self.transport is None:
            return
        self._state = LINGER
        if self._ends_reply:
            self._end_once_arrived(reset=True)
        else:
            self.close()
        self._await_reader()

    def _end_once_arrived(self, *, reset: bool, later: bool = False) -> None:
        """Close at once, but not what is still on its way; what was written in this turn, TLS does not tell."""
        transport = self.transport
        if transport is None:
            return
        if has_arrived(transport) and (later or transport.can_write_eof()):
            if reset:
                reset_on_close(transport)
            transport.abort()
            return
        check = partial(self._end_once_arrived, reset=reset, later=True)
        asyncio.get_running_loop().call_later(ARRIVAL_CHECK_SECONDS, check)

    def _await_reader(self) -> None:
        """Give the client as long for what is left to read as it may be idle; who never reads would stay for ever."""
        front = self._front
        front.runtime.deadlines.watch(self, front.runtime.clock() + front.options.keepalive_timeout)

    # --- the end of an exchange ---

    def _exchange_over(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._drive = self._body = None
        if self.transport is None or self._state is LINGER:
            return
        if self._keep and self.stays_open and self._state is not BODY:
            self._state = HEAD
            front = self._front
            front.runtime.deadlines.watch(self, front.runtime.clock() + front.options.keepalive_timeout)
            if self._buffer or self._read_paused:
                self._pump()
            return
        if exchange is not None and exchange.body_complete and not self._buffer:
            self._state = LINGER
            self.close()
            self._await_reader()
            return
        self._linger()

    def _linger(self) -> None:
        transport = self.transport
        assert transport is not None
        self._state = LINGER
        self._buffer = b""
        if transport.is_closing():
            return
        self._resume_reading()
        if transport.can_write_eof():
            transport.write_eof()
            self._front.runtime.deadlines.watch(self, self._front.runtime.clock() + LINGER_SECONDS)
        else:
            self.close()
