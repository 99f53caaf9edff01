"""A client's socket: when it is read, and how it ends, so that no reply is lost or taken for whole that is not."""

import asyncio
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from gateway.wire.sender import Sender
from gateway.wire.socket_state import has_arrived, reset_on_close

if TYPE_CHECKING:
    from gateway.wire.front import Front

NEVER = float("inf")
NOTHING = memoryview(b"")
LINGER_SECONDS = 2.0
ARRIVAL_CHECK_SECONDS = 0.05


class State(Enum):
    """HEAD: between requests, or a head is arriving. BODY: a request body is arriving. BUSY: the request is whole, its
    reply is not. LINGER: the last reply is sent, what still comes is thrown away, so that closing does not destroy the
    reply on its way (RFC 9112, section 9.6).
    """

    HEAD = auto()
    BODY = auto()
    BUSY = auto()
    LINGER = auto()


HEAD, BODY, BUSY, LINGER = State.HEAD, State.BODY, State.BUSY, State.LINGER


class DownstreamSocket(Sender):
    """`expires_at` is the deadline of the state it is in."""

    __slots__ = (
        *("_buffer", "_ends_reply", "_front", "_keep", "_read_paused", "_rest", "_state", "_tunnel"),
        *("expires_at", "watched_until"),
    )

    def __init__(self, front: "Front") -> None:
        super().__init__(front.runtime.outbox)
        self._front = front
        self.expires_at = self.watched_until = NEVER
        self._state = HEAD
        self._buffer = b""  # the beginning of a head, or what came after the current request
        self._keep = True  # the connection lives on after the reply
        self._ends_reply = False  # the end of the connection is the end of the reply
        self._tunnel = False
        self._read_paused = False
        self._rest = NOTHING  # of a read, and not yet looked at

    def stays_open(self) -> bool:
        return not self._front.draining

    @property
    def is_idle(self) -> bool:
        return self._state is HEAD and not self._buffer

    def expire(self) -> None:
        """The deadline has passed."""
        if self._state is not BUSY and self.transport is not None:
            self.transport.abort()

    def _expires_in(self, seconds: float) -> None:
        runtime = self._front.runtime
        self.expires_at = due = runtime.clock() + seconds
        if due < self.watched_until:
            runtime.deadlines.watch(self, due)

    # --- reading ---

    @property
    def unread(self) -> bool:
        """Reading is paused, so that the event loop would not notice the client leave."""
        return self._read_paused or bool(self._rest)

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
                self._expires_in(self._front.body_timeout)
            # What is left of a read goes before what comes after it.
            if not (self._rest or self.transport.is_closing()):
                self.transport.resume_reading()

    # --- the end ---

    def leave(self) -> None:
        """The client has left; seen by looking at the socket, as nothing is being read from it."""
        if self.transport is not None:
            self.flush()
            self.transport.abort()

    def close(self) -> None:
        """Close once everything written has left."""
        if self.transport is not None:
            self.flush()
            self.transport.close()
            if not self.transport.can_write_eof():
                # TLS: that we end it has to arrive; a client may take its time to agree (RFC 8446, section 6.1).
                self._end_once_arrived(reset=False)

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
        self.flush()
        if has_arrived(transport) and (later or transport.can_write_eof()):
            if reset:
                reset_on_close(transport)
            transport.abort()
            return
        check = partial(self._end_once_arrived, reset=reset, later=True)
        asyncio.get_running_loop().call_later(ARRIVAL_CHECK_SECONDS, check)

    def _await_reader(self) -> None:
        """Give the client as long for what is left to read as it may be idle; who never reads would stay for ever."""
        self._expires_in(self._front.keepalive_timeout)

    def _close_after_reply(self) -> None:
        """Nothing more comes from the client: close once it has the reply."""
        self._state = LINGER
        self.close()
        self._await_reader()

    def _linger(self) -> None:
        """The client may still be sending: end our side, and throw away what comes for a while."""
        transport = self.transport
        assert transport is not None
        self._state = LINGER
        self._buffer = b""
        if transport.is_closing():
            return
        self._resume_reading()
        if transport.can_write_eof():
            self.flush()
            transport.write_eof()
            self._expires_in(LINGER_SECONDS)
        else:
            self.close()
