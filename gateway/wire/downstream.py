"""One client connection: reads heads, starts exchanges, answers, and notices when the client leaves."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from gateway.drive import Drive
from gateway.errors import BadRequest, ClientLeft, GatewayError, NoUpstream, RequestTimeout
from gateway.exchange import Exchange, Request
from gateway.wire.downstream_body import DownstreamBody
from gateway.wire.downstream_socket import BODY, HEAD, LINGER, NEVER
from gateway.wire.express import HeadTooLarge, Lane
from gateway.wire.grammar import ODD_BYTES_SO_FAR, empty_lines
from gateway.wire.headers import too_large
from gateway.wire.peer import Peer
from gateway.wire.replies import options_reply, own_reply

if TYPE_CHECKING:
    from gateway.wire.front import Front

# Requests answered from one read before others get their turn.
PIPELINED_TURN = 16
# What a client may send ahead of the reply it waits for; beyond it, it is not read.
LARGEST_SURPLUS = 65536


class Downstream(DownstreamBody):
    """The client's side of its exchanges, one after the other; `State` says where it is in the current one."""

    __slots__ = ("_checked", "_lane", "_peer", "_pumping", "_served", "_write_paused")

    def __init__(self, front: "Front") -> None:
        super().__init__(front)
        self._checked = 0  # how much of `_buffer` was looked at before
        self._served = False  # has had a request
        self._pumping = False
        self._write_paused = False

    def __repr__(self) -> str:
        return f"<Downstream {self._state.name} {self._exchange!r}>"

    # --- the connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        front = self._front
        self._peer = peer = Peer.of(transport, front.trusted)
        self._lane = Lane(front.heads(peer))
        if not front.admit(self):
            self._refuse_unread(NoUpstream("server.max_connections"))
            return
        self._expires_in(front.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self.expires_at = NEVER
        self._front.forget(self)
        self._left()

    def eof_received(self) -> None:
        """The client ended its side: it has left, whatever it was waiting for."""
        if self.transport is not None and self._state is not LINGER:
            self._left()
            self.close()

    def leave(self) -> None:
        self._left()
        super().leave()

    def _left(self) -> None:
        if self._tunnel and self.upstream is not None:
            self.upstream.hang_up()
        elif self._drive is not None:
            self._drive.interrupt(ClientLeft())

    def expire(self) -> None:
        if self._state is BODY:
            self._interrupt(RequestTimeout("body"))
        elif self._state is HEAD and self._buffer:
            self._refuse_unread(RequestTimeout("head"))
        else:
            super().expire()

    # --- reading ---

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state is HEAD and not self._write_paused:
            held = self._buffer
            self._checked = len(held)
            self._buffer = held + data if held else data
            self._pump()
        elif state is BODY:
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
        if self._read_paused and not self._write_paused:
            served = self._state is not BODY and len(self._buffer) <= LARGEST_SURPLUS
            if served:
                self._resume_reading()

    def _read_head(self) -> bool:
        data = self._buffer
        checked, self._checked = self._checked, 0  # whatever else this buffer turns out to hold is new
        try:
            found = self._lane.read(data)
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
                request, length, start = found
                self._begin(request, length, start)
                return True
            self._head_incomplete()
        return False

    def _head_incomplete(self) -> None:
        # The deadline of a later request runs from its first byte; that of the first one since accept.
        if self._served:
            self._served = False
            self._expires_in(self._front.header_timeout)

    def _begin(self, request: Request, length: int, start: int) -> None:
        front = self._front
        if not request.service and front.is_operators(request):
            self.flush()
            if not self._write_paused:  # else this comes up again when it is not
                front.hand_over(self, self._buffer)
            return
        self._served = True
        peer = self._peer
        client = peer.client(request) if request.forwarded_for else peer.address
        self._exchange = exchange = Exchange(request, self, client, peer.forwarded(request), length)
        error = self._take_body(exchange, request, start)
        if not request.service and request.target == b"*":
            self._answer_options(exchange)
        elif error is not None:
            self._run(front.reject(exchange, error))
        else:
            self._run(front.handle(exchange))

    def _run(self, pipeline: Coroutine[Any, Any, None]) -> None:
        self._drive = drive = Drive(pipeline, self._exchange_over)
        drive.step()
        if self._state is BODY and self.upstream is None and self._exchange is not None:
            self._pause_reading()

    # --- back-pressure ---

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

    def begin_reply(self, data: bytes, *, keep: bool, ends_reply: bool) -> None:
        """Send the reply's head, and what there is of its body, in one write.

        `keep`: the connection lives on after this reply. `ends_reply`: its end is what tells the client the reply's.
        """
        assert self._exchange is not None
        self._exchange.reply_started = True
        self._keep = keep
        self._ends_reply = ends_reply
        self._outbox.write(self.transport, data)  # as `write`, with a call less
        if self._write_paused and self.upstream is not None:
            self.upstream.pause_reading()

    def write_interim(self, head: bytes) -> None:
        """Send a 1xx head (RFC 9110, section 15.2)."""
        self.write(head)

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        if exchange.reply_started:
            self._cut()
            return
        exchange.status = error.answer.status
        exchange.reply_started = True
        self._keep = exchange.request.keep_alive and exchange.body_complete and self.stays_open()
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
        keep = self._keep = exchange.request.keep_alive and exchange.body_complete and self.stays_open()
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

    # --- the end of an exchange ---

    def _exchange_over(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._drive = self._body = None
        if self.transport is None or self._state is LINGER:
            return
        if self._keep and not self._front.draining and self._state is not BODY:
            self._state = HEAD
            self._expires_in(self._front.keepalive_timeout)
            if self._buffer or self._read_paused:
                self._pump()
            return
        if exchange is not None and exchange.body_complete and not self._buffer:
            self._close_after_reply()
        else:
            self._linger()
