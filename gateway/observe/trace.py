"""What is remembered of a sampled exchange until it has ended: ids, and the attempts so far."""

from typing import NamedTuple


class Attempt(NamedTuple):
    """One attempt at an upstream that has ended; times are `Runtime.clock` seconds, 0.0 = has not happened.

    `status` is 0 without a reply, `error` "" for a whole reply, else one of few words; `ejected` tells whether its
    upstream was, for this.
    """

    span_id: bytes
    upstream: str
    began_at: float
    first_byte_at: float
    ended_at: float
    status: int
    error: str
    ejected: bool


class Trace:
    """The ids of an exchange's spans, in hex; `span_id` is that of the attempt being made, which its upstream sees."""

    __slots__ = ("attempts", "began_at", "flags", "parent_id", "server_id", "span_id", "trace_id")

    def __init__(self, trace_id: bytes, flags: bytes, parent_id: bytes, server_id: bytes, span_id: bytes) -> None:
        self.trace_id = trace_id
        self.flags = flags
        self.parent_id = parent_id  # b"" when the trace begins here
        self.server_id = server_id
        self.span_id = span_id
        self.began_at = 0.0  # when the attempt being made began, if not the first
        self.attempts: list[Attempt] = []

    @property
    def traceparent(self) -> bytes:
        """For the upstream (W3C Trace Context, section 3.2): the attempt is the parent."""
        return b"00-%b-%b-%b" % (self.trace_id, self.span_id, self.flags)

    def ended(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def __repr__(self) -> str:
        return f"<Trace {self.trace_id.decode()} attempts={len(self.attempts)}>"


class Ended(NamedTuple):
    """What spans tell of a sampled exchange that has ended: copies, for the exchange would keep its connection alive.

    `ended_at` is the moment `clock` in Unix nanoseconds; `states` are the values of tracestate.
    """

    trace: Trace
    clock: float
    ended_at: int
    started_at: float
    method: str
    target: bytes
    minor: int
    secure: bool
    client: str
    request_id: bytes
    service: str  # "" when none was found
    status: int
    error: str
    states: tuple[bytes, ...]
