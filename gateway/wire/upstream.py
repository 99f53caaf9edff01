"""One connection to an upstream: sends a request, and relays the reply to the client as it comes.

Bytes go from `data_received` here to `write` of the client: no task and no copy of ours in between; only what is small
waits, for the end of the event loop's turn.
The connection belongs to one exchange from `send` until the reply is whole; then its pool has it back, if it can be
used again. Whatever goes wrong ends in `_fail`, which wakes the exchange's pipeline with the reason.
"""

from typing import TYPE_CHECKING, Protocol

from gateway.drive import Parked
from gateway.errors import GatewayError, UpstreamError, UpstreamTimeout
from gateway.exchange import Exchange
from gateway.runtime import Runtime
from gateway.wire.express import Express, HeadTooLarge, Lane
from gateway.wire.framing import LARGE_READ, Framing, FramingError, UntilClose
from gateway.wire.grammar import ODD_BYTES_SO_FAR
from gateway.wire.relay import body_framing, client_reply, coding_of, is_bodiless, may_keep
from gateway.wire.reply_head import ReplyHead
from gateway.wire.tunnel import switching_head
from gateway.wire.upstream_socket import NEVER, UpstreamSocket

if TYPE_CHECKING:
    from gateway.wire.downstream import Downstream
    from gateway.wire.pool import Pool


class Attempt(Protocol):
    """Whoever sent the request, and hears of the reply before the client does."""

    def replied(self, reply: ReplyHead, now: float, *, begun: bool) -> bool:
        """The reply's head has come; True passes it on, False drops it, and `send`'s result is an UpstreamError.

        `begun`: so has what counts as its first byte, else `body_began` will follow.
        """

    def body_began(self, now: float) -> None:
        """The first byte of the reply's body has come."""


class UpstreamConnection(UpstreamSocket):
    """Carries one exchange after the other."""

    __slots__ = ("_attempt", "_buffer", "_lane", "_parked", "_reply", "_silent")

    def __init__(self, pool: "Pool", heads: Express[ReplyHead], runtime: Runtime) -> None:
        super().__init__(pool, runtime)
        self._lane = Lane(heads)
        self._buffer = b""  # the beginning of a reply's head
        self._silent = False  # the head of an event stream has come, and no event
        self._reply: ReplyHead | None = None
        self._attempt: Attempt | None = None
        self._parked: Parked[None] | None = None

    # --- the request ---

    def send(self, exchange: Exchange, client: "Downstream", data: bytes, attempt: Attempt) -> Parked[None]:
        """Send the request head, and what there is of its body, in one write; await the result for the reply's end.

        Raises there UpstreamError or UpstreamTimeout; the client has had no byte of the reply when
        `exchange.reply_started` is false.
        """
        assert self.transport is not None
        self._exchange = exchange
        self._attempt = attempt
        self._client = client
        parked: Parked[None] = Parked()
        self._parked = parked
        client.upstream = self
        now = exchange.sent_at = self._clock()
        self._total_at = exchange.started_at + self._total
        due = now + self._first_byte if exchange.body_complete or self.body_paused else NEVER
        self.expires_at = due = due if due < self._total_at else self._total_at
        if due < self.watched_until:
            self._deadlines.watch(self, due)
        self._outbox.write(self.transport, data)  # as `write`, with a call less
        return parked

    # --- the reply ---

    def data_received(self, data: bytes) -> None:
        framing = self._framing
        try:
            if framing is None:
                self._read_head(data)
            else:
                self._relay(framing, data)
        except FramingError as broken:
            self._fail(UpstreamError(f"invalid reply body: {broken}"))
        except HeadTooLarge:
            self._fail(UpstreamError("reply head too large"))
        except GatewayError as error:
            self._fail(error)

    def _relay(self, framing: Framing, data: bytes) -> None:
        client = self._client
        assert client is not None
        if self._silent:
            self._silent = False
            if self._attempt is not None:
                self._attempt.body_began(self._clock())
        client.write(framing.take(data))
        self.touch()
        if len(data) > LARGE_READ:
            self._give_way()
        if framing.done:
            self._finish(framing)

    def _read_head(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            self._fail(UpstreamError("sent bytes nobody asked for"))
            return
        if self._buffer:
            data = self._buffer + data
        while True:
            found = self._lane.read(data)
            if found is None:
                if ODD_BYTES_SO_FAR.search(data, max(0, len(self._buffer) - 2)):
                    raise UpstreamError("invalid reply head")
                self._buffer = data
                return
            reply, length, start = found
            if reply.status >= 200:
                break
            data, self._buffer = data[start:], b""
            if reply.status == 101:
                self._switch(exchange, reply, data)
                return
            self._interim(exchange, reply)
        self._begin(exchange, reply, length, data[start:])

    def _interim(self, exchange: Exchange, reply: ReplyHead) -> None:
        # RFC 9110, section 15.2: passed on, except 100, which the gateway says itself, and never to HTTP/1.0.
        if reply.status != 100 and exchange.request.minor and self._client is not None:
            self._client.write_interim(reply.before + reply.after + b"\r\n")

    def _begin(self, exchange: Exchange, reply: ReplyHead, length: int, body: bytes) -> None:
        client, attempt = self._client, self._attempt
        assert client is not None
        assert attempt is not None
        now = exchange.first_byte_at = self._clock()
        self._silent = reply.event_stream and not body
        if not attempt.replied(reply, now, begun=not self._silent):
            self._drop(exchange, reply, length, body)
            return
        client.upstream = self  # another attempt at this exchange may have ended just now
        exchange.status = reply.status
        self._reply = reply
        if length and len(body) == length and not is_bodiless(exchange, reply):
            self._pass_whole(exchange, reply, body, client)
            return
        self._framing = framing = body_framing(exchange, reply, length)
        keep = may_keep(exchange, framing) and client.stays_open()
        ends_reply = type(framing) is UntilClose or (reply.chunked and not exchange.request.minor)
        first = framing.take(body) if body else b""
        data = client_reply(exchange, reply, length, coding_of(exchange, reply, framing), first, keep=keep)
        client.begin_reply(data, keep=keep, ends_reply=ends_reply)
        exchange.replied_at = self._clock()
        if framing.done:
            self._finish(framing)
        else:
            self._buffer = b""
            self._deadlines.watch(self, min(now + self._idle, self._total_at))

    def _pass_whole(self, exchange: Exchange, reply: ReplyHead, body: bytes, client: "Downstream") -> None:
        """The reply came in one piece: it leaves in one, and needs no framing."""
        # measured: 0.9 us less, bench/micro/wire.py
        keep = exchange.request.keep_alive and exchange.body_complete and client.stays_open()
        length = exchange.bytes_out = len(body)
        data = client_reply(exchange, reply, length, b"", body, keep=keep)
        client.begin_reply(data, keep=keep, ends_reply=False)
        exchange.replied_at = self._clock()
        self._end(reusable=reply.keep_alive and exchange.body_complete)

    def _drop(self, exchange: Exchange, reply: ReplyHead, length: int, body: bytes) -> None:
        """Another upstream gets the request: this reply is for nobody."""
        framing = body_framing(exchange, reply, length)
        if body:
            framing.take(body)
        reusable = framing.done and not framing.surplus and reply.keep_alive and exchange.body_complete
        self._reply = reply
        self._end(reusable=reusable, error=UpstreamError(f"status {reply.status}"))

    def _switch(self, exchange: Exchange, reply: ReplyHead, data: bytes) -> None:
        client = self._client
        assert client is not None
        assert self._attempt is not None
        head = switching_head(exchange, reply)
        now = exchange.first_byte_at = self._clock()
        self._attempt.replied(reply, now, begun=True)
        exchange.status = 101
        self._reply = reply
        self._framing = UntilClose()
        client.begin_reply(head + data, keep=False, ends_reply=False)
        client.become_tunnel()
        self._deadlines.watch(self, min(self._clock() + self._idle, self._total_at))

    # --- the end ---

    def _finish(self, framing: Framing) -> None:
        exchange, reply = self._exchange, self._reply
        assert exchange is not None
        assert reply is not None
        exchange.bytes_out = framing.payload
        framed = reply.has_length or reply.chunked or framing.done
        self._end(reusable=framed and reply.keep_alive and not framing.surplus and exchange.body_complete)

    def _end(self, *, reusable: bool, error: GatewayError | None = None) -> None:
        """The reply is through, or given up: the pool has the connection back, then the exchange goes on."""
        parked, reply = self._parked, self._reply
        assert parked is not None
        assert reply is not None
        self._detach()
        if reusable:
            self._pool.put(self, reply.keep_alive_timeout)
        else:
            self.abort()
        if error is None:
            parked.resolve(None)
        else:
            parked.fail(error)

    def _detach(self) -> None:
        """The exchange is over for this connection."""
        client, framing = self._client, self._framing
        if framing is not None and self._exchange is not None:
            self._exchange.bytes_out = framing.payload
        if client is not None:
            client.upstream = None
            if self.body_paused:
                client.resume_body()
        if self.read_paused:
            self.resume_reading()
        self._exchange = self._attempt = self._client = self._parked = self._framing = None
        self._buffer = b""
        self._total_at = self.expires_at = NEVER

    def expire(self) -> None:
        if self._exchange is None:
            self.abort()
        elif self._framing is None:
            self._fail(UpstreamTimeout("first byte"))
        else:
            late = self._clock() >= self._total_at
            what = "total" if late else "client reads nothing" if self.read_paused else "idle"
            self._fail(UpstreamTimeout(what, blameless=what != "idle"))

    def eof_received(self) -> None:
        self._ended("closed")
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self._pool.lost(self)
        self._ended("reset" if exc else "")

    def _ended(self, how: str) -> None:
        framing = self._framing
        ending = framing.eof() if framing is not None and how == "closed" else None
        if ending is None or self._client is None or framing is None:
            self._fail(UpstreamError(f"connection {how}", silent=framing is None and not self._buffer))
            return
        self._client.write(ending)
        self._finish(framing)

    def _fail(self, error: GatewayError) -> None:
        parked = self._parked
        self.abort()
        self._detach()
        if parked is not None:
            parked.fail(error)

    def release(self) -> None:
        """The exchange ends without its reply: the client left, or the gateway gave up."""
        self._detach()
        self.abort()

    def hang_up(self) -> None:
        """The client ended the tunnel: so does the gateway, and nothing has failed."""
        parked = self._parked
        self.flush()
        self.release()
        if parked is not None:
            parked.resolve(None)
