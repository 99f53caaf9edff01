"""One connection to an upstream: sends a request, and relays the reply to the client as it comes.

Bytes go from `data_received` here to `transport.write` of the client: no queue, no task, no copy of ours in between.
The connection belongs to one exchange from `send` until the reply is whole; then its pool has it back, if it can be
used again. Whatever goes wrong ends in `_fail`, which wakes the exchange's pipeline with the reason.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from gateway.drive import Parked
from gateway.errors import GatewayError, UpstreamError, UpstreamTimeout
from gateway.exchange import Exchange
from gateway.runtime import Deadlines
from gateway.wire.express import Express, HeadTooLarge
from gateway.wire.framing import LARGE_READ, Framing, FramingError, UntilClose
from gateway.wire.grammar import ODD_BYTES_SO_FAR
from gateway.wire.relay import body_framing, client_head, may_keep
from gateway.wire.reply_head import ReplyHead
from gateway.wire.tunnel import switching_head

if TYPE_CHECKING:
    from gateway.wire.downstream import Downstream
    from gateway.wire.pool import Pool

NEVER = float("inf")


class Attempt(Protocol):
    """Whoever sent the request, and hears of the reply before the client does."""

    def replied(self, reply: ReplyHead, now: float) -> bool:
        """The reply's head has come; True passes it on, False drops it, and `send`'s result is an UpstreamError."""


class UpstreamConnection(asyncio.Protocol):
    """Idle without an exchange, awaiting a reply head without a framing, else relaying a body."""

    __slots__ = (
        "_attempt",
        "_buffer",
        "_client",
        "_clock",
        "_deadlines",
        "_exchange",
        "_framing",
        "_heads",
        "_idle",
        "_parked",
        "_pool",
        "_reply",
        "_total_at",
        "body_paused",
        "expires_at",
        "read_paused",
        "reused",
        "transport",
        "watched_until",
    )

    def __init__(self, pool: "Pool", heads: Express[ReplyHead], deadlines: Deadlines) -> None:
        self._pool = pool
        self._heads = heads
        self._deadlines = deadlines
        self._clock = pool.clock
        self._idle = pool.timeouts.idle or NEVER
        self.transport: asyncio.Transport | None = None
        self.expires_at = self.watched_until = NEVER
        self.reused = False  # has carried an exchange before
        self.body_paused = False  # the upstream does not keep up with the request body
        self.read_paused = False  # the client does not keep up with the reply
        self._exchange: Exchange | None = None
        self._reset()

    def _reset(self) -> None:
        self._buffer = b""
        self._framing: Framing | None = None
        self._reply: ReplyHead | None = None
        self._attempt: Attempt | None = None
        self._client: Downstream | None = None
        self._parked: Parked[None] | None = None
        self._total_at = NEVER

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def __repr__(self) -> str:
        state = "lost" if not self.is_open else "idle" if self._exchange is None else f"busy with {self._exchange!r}"
        return f"<UpstreamConnection {self._pool.upstream.name} {state}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    # --- the request ---

    def send(self, exchange: Exchange, data: bytes, attempt: Attempt) -> Parked[None]:
        """Send the request head, and what there is of its body, in one write; await the result for the reply's end.

        Raises there UpstreamError or UpstreamTimeout; the client has had no byte of the reply when
        `exchange.reply_started` is false.
        """
        assert self.transport is not None
        self._exchange = exchange
        self._attempt = attempt
        self._client = client = cast("Downstream", exchange.downstream)
        parked: Parked[None] = Parked()
        self._parked = parked
        client.upstream = self
        now = exchange.sent_at = self._clock()
        timeouts = self._pool.timeouts
        if timeouts.total:
            self._total_at = exchange.started_at + timeouts.total
        self._await_first_byte(now)
        self.transport.write(data)
        return parked

    def write_body(self, data: bytes) -> None:
        """Pass on more of the request body."""
        if self.transport is not None:
            self.transport.write(data)
            self._await_first_byte(self._clock())

    def _await_first_byte(self, now: float) -> None:
        """Its time to answer runs while it has the whole request, or takes no more; else the client's time runs."""
        exchange, seconds = self._exchange, self._pool.timeouts.first_byte
        if exchange is not None and self._framing is None:
            its_turn = seconds and (exchange.body_complete or self.body_paused)
            self._deadlines.watch(self, min(now + seconds if its_turn else NEVER, self._total_at))

    def pause_writing(self) -> None:
        self.body_paused = True
        if self._client is not None:
            self._await_first_byte(self._clock())
            self._client.pause_body()

    def resume_writing(self) -> None:
        self.body_paused = False
        if self._client is not None:
            self._await_first_byte(self._clock())
            self._client.resume_body()

    # --- the reply ---

    def data_received(self, data: bytes) -> None:
        framing = self._framing
        try:
            if framing is None:
                self._read_head(data)
            else:
                self._relay(framing, data)
        except FramingError as error:
            self._fail(UpstreamError(f"invalid reply body: {error}"))
        except HeadTooLarge:
            self._fail(UpstreamError("reply head too large"))
        except GatewayError as error:
            self._fail(error)

    def _relay(self, framing: Framing, data: bytes) -> None:
        client = self._client
        assert client is not None
        client.write(framing.take(data))
        self.expires_at = min(self._clock() + self._idle, self._total_at)
        if len(data) > LARGE_READ:
            self._give_way()
        if framing.done:
            self._finish(framing)

    def _give_way(self) -> None:
        """Let others have their turn before the next read."""
        if self.transport is not None and not (self.read_paused or self.transport.is_closing()):
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self.transport is not None and not (self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def _read_head(self, data: bytes) -> None:
        if self._exchange is None:
            self._fail(UpstreamError("sent bytes nobody asked for"))
            return
        if self._buffer:
            data = self._buffer + data
        while True:
            found = self._heads.read(data)
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
                self._switch(self._exchange, reply, data)
                return
            self._interim(self._exchange, reply)
        self._begin(self._exchange, reply, length, data[start:])

    def _interim(self, exchange: Exchange, reply: ReplyHead) -> None:
        # RFC 9110, section 15.2: passed on, except 100, which the gateway says itself, and never to HTTP/1.0.
        if reply.status != 100 and exchange.request.minor and self._client is not None:
            self._client.write_interim(reply.before + reply.after + b"\r\n")

    def _begin(self, exchange: Exchange, reply: ReplyHead, length: int, body: bytes) -> None:
        client = self._client
        assert client is not None
        assert self._attempt is not None
        now = exchange.first_byte_at = self._clock()
        if not self._attempt.replied(reply, now):
            self._drop(exchange, reply, length, body)
            return
        client.upstream = self  # another attempt at this exchange may have ended just now
        exchange.status = reply.status
        self._reply = reply
        self._framing = framing = body_framing(exchange, reply, length)
        keep = may_keep(exchange, framing) and client.stays_open
        head = client_head(exchange, reply, length, framing, keep=keep)
        ends_reply = type(framing) is UntilClose or (reply.chunked and not exchange.request.minor)
        client.begin_reply(head, framing.take(body) if body else b"", keep=keep, ends_reply=ends_reply)
        exchange.replied_at = self._clock()
        if framing.done:
            self._finish(framing)
        elif self._idle != NEVER or self._total_at != NEVER:
            self._buffer = b""
            self._deadlines.watch(self, min(now + self._idle, self._total_at))
        else:
            self.expires_at = NEVER

    def _drop(self, exchange: Exchange, reply: ReplyHead, length: int, body: bytes) -> None:
        """Another upstream gets the request: this reply is for nobody."""
        framing = body_framing(exchange, reply, length)
        if body:
            framing.take(body)
        parked = self._parked
        assert parked is not None
        reusable = framing.done and not framing.surplus and reply.keep_alive and exchange.body_complete and self.is_open
        self._detach()
        if reusable:
            self._pool.put(self, reply.keep_alive_timeout)
        else:
            self.abort()
        parked.fail(UpstreamError(f"status {reply.status}"))

    def _switch(self, exchange: Exchange, reply: ReplyHead, data: bytes) -> None:
        client = self._client
        assert client is not None
        assert self._attempt is not None
        head = switching_head(exchange, reply)
        now = exchange.first_byte_at = self._clock()
        self._attempt.replied(reply, now)
        exchange.status = 101
        self._reply = reply
        self._framing = UntilClose()
        client.begin_reply(head, data, keep=False, ends_reply=False)
        client.become_tunnel()
        self._deadlines.watch(self, min(self._clock() + self._idle, self._total_at))

    def _finish(self, framing: Framing) -> None:
        exchange, reply, parked = self._exchange, self._reply, self._parked
        assert exchange is not None
        assert reply is not None
        assert parked is not None
        reusable = reply.keep_alive and not framing.surplus and exchange.body_complete and self.is_open
        self._detach()
        if reusable and (reply.has_length or reply.chunked or framing.done):
            self._pool.put(self, reply.keep_alive_timeout)
        else:
            self.abort()
        parked.resolve(None)

    def _detach(self) -> None:
        if self._exchange is not None and self._framing is not None:
            self._exchange.bytes_out = self._framing.payload
        if self._client is not None:
            self._client.upstream = None
            if self.body_paused:
                self._client.resume_body()
        if self.read_paused:
            self.resume_reading()
        self._exchange = None
        self._reset()
        self.expires_at = NEVER

    # --- back-pressure from the client ---

    def pause_reading(self) -> None:
        if self.transport is not None and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and self.read_paused:
            self.read_paused = False
            self.expires_at = min(self._clock() + self._idle, self._total_at)
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # --- the end ---

    def touch(self) -> None:
        """The client sent something through the tunnel: it is not silent."""
        self.expires_at = min(self._clock() + self._idle, self._total_at)

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
        self.transport = None
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

    def abort(self) -> None:
        """Close at once; what the upstream still says is for nobody."""
        if self.transport is not None:
            self.transport.abort()
            self._pool.lost(self)

    def release(self) -> None:
        """The exchange ends without its reply: the client left, or the gateway gave up."""
        self._detach()
        self.abort()

    def hang_up(self) -> None:
        """The client ended the tunnel: so does the gateway, and nothing has failed."""
        parked = self._parked
        self.release()
        if parked is not None:
            parked.resolve(None)
