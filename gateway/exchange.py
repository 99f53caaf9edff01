"""The values that travel through the stages: Request, Identity, Permit, Exchange, and the two sides they meet."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.errors import GatewayError

NOTHING: Mapping[bytes, bytes] = {}


class Request:
    """One request head, parsed and checked; equal heads may share one Request, so nobody changes it.

    `service` and `rest` are the two halves of the target `/v1/{service}/{rest}` (`rest` with its leading slash and
    query, byte for byte as sent); `service` is "" for any other target. `fields` holds all fields as (lower-case name,
    value) in order, `lines` those an upstream may see as (lower-case name, the line as sent). `plan` is where a
    service's header plan remembers what it made of them. `own` are the values of fields that name one request: they
    stand for those in `fields`, which equal heads share.
    """

    __slots__ = (
        "authorization",
        "chunked",
        "expect_continue",
        "fields",
        "forwarded_for",
        "has_length",
        "host",
        "keep_alive",
        "length",
        "lines",
        "method",
        "minor",
        "own",
        "plan",
        "proto",
        "request_id",
        "rest",
        "service",
        "target",
        "traceparent",
        "upgrade",
    )

    method: str
    target: bytes
    service: str
    rest: bytes
    minor: int
    host: bytes
    fields: Sequence[tuple[bytes, bytes]]
    lines: Sequence[tuple[bytes, bytes]]
    authorization: bytes | None
    forwarded_for: bytes  # "" unless the peer is trusted, like proto
    proto: bytes
    request_id: bytes | None
    traceparent: bytes | None
    upgrade: bytes | None
    keep_alive: bool
    has_length: bool
    length: int
    chunked: bool
    expect_continue: bool

    def __init__(self) -> None:
        self.plan: list[Any] = []
        self.own: Mapping[bytes, bytes] = NOTHING

    def named(self, own: Mapping[bytes, bytes]) -> "Request":
        """The same request with other values of `x-request-id` and `traceparent`, of which it had valid ones."""
        # measured: 0.8 us, bench/micro/wire.py
        other = Request()
        other.method, other.target, other.service, other.rest = self.method, self.target, self.service, self.rest
        other.minor, other.host, other.fields, other.lines = self.minor, self.host, self.fields, self.lines
        other.authorization, other.forwarded_for, other.proto = self.authorization, self.forwarded_for, self.proto
        other.keep_alive, other.upgrade, other.expect_continue = self.keep_alive, self.upgrade, self.expect_continue
        other.has_length, other.length, other.chunked = self.has_length, self.length, self.chunked
        other.request_id = own.get(b"x-request-id", self.request_id)
        other.traceparent = own.get(b"traceparent", self.traceparent)
        other.plan, other.own = self.plan, own
        return other

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target[:80]!r} HTTP/1.{self.minor}>"

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field `name` (lower case), in order."""
        own = self.own.get(name)
        return [value for field, value in self.fields if field == name] if own is None else [own]


class Identity:
    """Who is calling: proof that `authenticate` agreed.

    `expires_at` is wall-clock seconds (`inf` = never). `headers` are the ready-made lines for the upstream
    (`X-Auth-Subject: alice\\r\\n`), rendered and checked once, when the identity was verified.
    """

    __slots__ = ("claims", "expires_at", "headers", "scopes", "subject")

    def __init__(
        self,
        subject: str,
        *,
        claims: Mapping[str, object] | None = None,
        scopes: frozenset[str] = frozenset(),
        expires_at: float = float("inf"),
        headers: bytes = b"",
    ) -> None:
        self.subject = subject
        self.claims: Mapping[str, object] = claims if claims is not None else {}
        self.scopes = scopes
        self.expires_at = expires_at
        self.headers = headers

    def __repr__(self) -> str:
        return f"<Identity {self.subject or 'anonymous'}>"


ANONYMOUS = Identity("")


class Permit:
    """May pass, now: proof that `limit` agreed. `headers` are ready-made reply lines, each ending in CRLF."""

    __slots__ = ("headers",)

    def __init__(self, headers: bytes = b"") -> None:
        self.headers = headers

    def settle(self, exchange: "Exchange") -> None:
        """Give back or correct what was reserved, once the exchange is over; never waits."""


UNLIMITED = Permit()


class Downstream(Protocol):
    """The client's side of an exchange, as the stages see it."""

    def refuse(self, exchange: "Exchange", error: GatewayError) -> None:
        """Answer with `error`, or cut the connection when a reply has already begun."""

    def invite_body(self) -> None:
        """Say `100 Continue` to a client that waits for it: the stages before `forward` have agreed."""


class Gone:
    """The client's side once the exchange is over."""

    def refuse(self, exchange: "Exchange", error: GatewayError) -> None:
        """Nobody hears of it."""

    def invite_body(self) -> None:
        """Nobody hears of it."""


GONE = Gone()


class Exchange:
    """One request and what becomes of it.

    Times are `Runtime.clock` seconds, 0.0 = has not happened; `bytes_in` and `bytes_out` count bodies.
    """

    __slots__ = (
        "attempts",
        "body",
        "body_complete",
        "body_replayable",
        "bytes_in",
        "bytes_out",
        "client",
        "content_length",
        "downstream",
        "ejected",
        "ended_at",
        "error",
        "failure",
        "first_byte_at",
        "forwarded",
        "identity",
        "permit",
        "replied_at",
        "reply_started",
        "request",
        "request_id",
        "routed",
        "sent_at",
        "service",
        "started_at",
        "status",
        "trace",
        "traceparent",
        "upstream",
    )

    def __init__(self, request: Request, downstream: Downstream, client: str, forwarded: bytes, length: int) -> None:
        self.request = request
        self.downstream = downstream
        self.client = client  # address, the right-most one that no trusted proxy vouches for
        self.forwarded = forwarded  # the X-Forwarded-* lines for the upstream
        self.content_length = length  # 0 when chunked
        self.body: bytes = b""  # what has arrived and was not sent on yet
        self.body_complete = True  # nothing more will arrive
        self.body_replayable = True  # `body` is still the whole of it
        self.service = "none"
        self.routed = False  # counted as in flight for its service
        self.request_id: bytes = b""
        self.traceparent: bytes = b""
        self.trace: object = None  # what the observer remembers of a sampled one
        self.identity: Identity = ANONYMOUS
        self.permit: Permit = UNLIMITED
        self.upstream = ""  # the name of the last one tried
        self.attempts = 0
        self.ejected = False  # the upstream was, for what happened in the last attempt
        self.status = 0
        self.reply_started = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.error = ""
        self.failure: GatewayError | None = None  # what `error` tells in words
        self.started_at = 0.0
        self.sent_at = 0.0  # the request head left for the upstream
        self.first_byte_at = 0.0  # the upstream's reply head arrived
        self.replied_at = 0.0  # the reply head left for the client
        self.ended_at = 0.0

    def refuse(self, error: GatewayError) -> None:
        """Answer the client with `error`."""
        self.error = str(error)
        self.failure = error
        self.downstream.refuse(self, error)

    def __repr__(self) -> str:
        name = self.request_id.decode("latin-1")
        return f"<Exchange {name} {self.request!r} {self.service} -> {self.upstream} {self.status}>"
