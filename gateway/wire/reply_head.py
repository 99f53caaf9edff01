"""An upstream's reply head, parsed to the letter: whose length could be read in two ways is no reply at all.

RFC 9112, section 6.3. Nothing here is lenient: no folded lines, no bare LF, no space before a colon, no repeated or
listed Content-Length, no transfer coding but `chunked`.
"""

from gateway.errors import UpstreamError
from gateway.wire.grammar import DIGITS, FIELD_LINE, MOST_FIELDS, STATUS_LINE
from gateway.wire.headers import HOP_BY_HOP, join_lines

# Ours replace the upstream's: the request id always, the limits when one of ours applied.
LIMITS = frozenset(b"ratelimit ratelimit-policy x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset".split())


class ReplyHead:
    """One reply head; equal heads may share one, so nobody changes it.

    `before` and `after` are the status line and the fields that pass on, cut where the digits of Content-Length stood.
    """

    __slots__ = (
        "after",
        "before",
        "chunked",
        "event_stream",
        "has_length",
        "keep_alive",
        "keep_alive_timeout",
        "length",
        "limited",
        "minor",
        "retry_after",
        "status",
        "upgrade",
    )

    chunked: bool

    def __init__(self, head: bytes) -> None:
        """Raises UpstreamError for anything but a well-formed head of unambiguous length."""
        lines = head.split(b"\r\n")
        match = STATUS_LINE.fullmatch(lines[0])
        if match is None or len(lines) > MOST_FIELDS + 3:
            raise UpstreamError("invalid reply head")
        self.minor = int(match[1])
        self.status = int(match[2])
        fields = [_field(line) for line in lines[1:-2]]
        self._framing(fields)
        options = _options(fields)
        # RFC 9112, section 6.1: chunks from HTTP/1.0 mean that somebody behind it did not understand them.
        old = self.minor == 0 and (self.chunked or b"keep-alive" not in options)
        self.keep_alive = b"close" not in options and not old
        if self.status == 204 and (self.chunked or self.length):
            # It has no body, and who announces one cannot be trusted to send none.
            self.keep_alive = self.chunked = False
        self.keep_alive_timeout = _keep_alive_timeout(fields)
        self.retry_after = b"".join(_values(fields, b"retry-after")[:1]) if self.status in (429, 503) else b""
        self.upgrade = b",".join(_values(fields, b"upgrade")).lower() if b"upgrade" in options else b""
        self.event_stream = any(v.lower().startswith(b"text/event-stream") for v in _values(fields, b"content-type"))
        self._passing(match[3] or b"", options, fields, lines[1:-2])

    def _framing(self, fields: list[tuple[bytes, bytes]]) -> None:
        lengths = _values(fields, b"content-length")
        codings = _values(fields, b"transfer-encoding")
        if len(lengths) + len(codings) > 1 or (codings and codings[0].lower() != b"chunked"):
            raise UpstreamError("ambiguous reply length")
        if lengths and not DIGITS.fullmatch(lengths[0]):
            raise UpstreamError("invalid reply length")
        self.has_length = bool(lengths)
        self.length = int(lengths[0]) if lengths else 0
        self.chunked = bool(codings)

    def _passing(
        self, reason: bytes, options: set[bytes], fields: list[tuple[bytes, bytes]], lines: list[bytes]
    ) -> None:
        dropped = HOP_BY_HOP | {b"x-request-id"} | (options - {b"content-length"})
        if self.status == 204 or self.status < 200:
            dropped |= {b"content-length"}
        if self.event_stream:
            dropped |= {b"x-accel-buffering"}
        named = [(name, line) for (name, _), line in zip(fields, lines, strict=True)]
        self.limited = any(name in LIMITS for name, _ in fields)
        before, self.after = join_lines(named, dropped)
        self.before = b"HTTP/1.1 %d %b\r\n%b" % (self.status, reason, before)

    def without_limits(self) -> tuple[bytes, bytes]:
        """`before` and `after` without the upstream's own rate limit fields."""
        return _without_limits(self.before), _without_limits(self.after)

    def __repr__(self) -> str:
        return f"<ReplyHead {self.status} HTTP/1.{self.minor}>"


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = FIELD_LINE.fullmatch(line)
    if match is None:
        raise UpstreamError("invalid reply field")
    return match[1].lower(), match[2].strip(b" \t")


def _values(fields: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in fields if name == wanted]


def _options(fields: list[tuple[bytes, bytes]]) -> set[bytes]:
    connection = b",".join(_values(fields, b"connection"))
    return {option.strip(b" \t").lower() for option in connection.split(b",")}


def _keep_alive_timeout(fields: list[tuple[bytes, bytes]]) -> float:
    for parameter in b",".join(_values(fields, b"keep-alive")).lower().split(b","):
        name, _, value = parameter.strip(b" \t").partition(b"=")
        if name == b"timeout" and DIGITS.fullmatch(value):
            return float(value)
    return float("inf")


def _without_limits(lines: bytes) -> bytes:
    return b"".join(
        line for line in lines.splitlines(keepends=True) if line.partition(b":")[0].strip().lower() not in LIMITS
    )
