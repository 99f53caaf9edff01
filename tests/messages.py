"""Messages that most tests of the wire share, spelled by hand and not by the gateway."""

from table import CLOSED, CUT, OPEN, Expected, Row, Seen, Turn, Until

LINE = b"GET /v1/llm/x HTTP/1.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GOT_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: ID\r\n\r\nok"

REFUSALS = {
    400: (b"Bad Request", b"bad_request", b"The request is malformed or ambiguous."),
    401: (b"Unauthorized", b"unauthenticated", b"Valid credentials are required."),
    404: (b"Not Found", b"not_found", b"There is no such service or route."),
    405: (b"Method Not Allowed", b"method_not_allowed", b"The method is not allowed here."),
    408: (b"Request Timeout", b"request_timeout", b"The request arrived too slowly."),
    413: (b"Content Too Large", b"payload_too_large", b"The request body is too large."),
    414: (b"URI Too Long", b"headers_too_large", b"The request target is too long."),
    417: (b"Expectation Failed", b"bad_request", b"The expectation cannot be met."),
    429: (b"Too Many Requests", b"rate_limited", b"Too many requests."),
    431: (b"Request Header Fields Too Large", b"headers_too_large", b"The request head is too large."),
    502: (b"Bad Gateway", b"upstream_error", b"The upstream could not be reached or sent an invalid reply."),
    503: (b"Service Unavailable", b"no_upstream", b"No upstream is available."),
    504: (b"Gateway Timeout", b"upstream_timeout", b"The upstream did not answer in time."),
    508: (b"Loop Detected", b"loop_detected", b"The request has passed this gateway before."),
}
ALLOW = b"Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"


def request(*lines: bytes, line: bytes = LINE, host: bytes = b"Host: gw", body: bytes = b"") -> bytes:
    """A request for the service `llm`; `host` is the whole line, or empty."""
    return b"\r\n".join((line, *((host,) if host else ()), *lines, b"", body))


def seen(*lines: bytes, line: bytes = b"GET /v1/x HTTP/1.1", host: bytes = b"gw", tail: bytes = b"") -> bytes:
    """What an upstream gets: `lines` are the client's that pass, `tail` what the gateway adds behind its own."""
    ours = (
        b"X-Forwarded-For: 127.0.0.1",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Host: " + host,
        b"X-Request-Id: ID",
        b"traceparent: TRACE",
        b"Via: 1.1 ai-api-gateway",
    )
    return b"\r\n".join((line, b"Host: UP", *lines, *ours, tail or b"\r\n"))


def own(
    status: int,
    *,
    close: bool = False,
    head_only: bool = False,
    extra: bytes = b"",
    rule: bytes = b"",
    keep: bytes = b"",
) -> bytes:
    """The gateway's own answer; `extra` are lines behind its request id, `keep` a Connection line of HTTP/1.0."""
    reason, kind, message = REFUSALS[status]
    ruled = b'"rule":"%b",' % rule if rule else b""
    body = b'{"error":{"type":"%b","code":%d,"message":"%b",%b"request_id":"ID"}}' % (kind, status, message, ruled)
    head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (
        status,
        reason,
        len(body) + 30,  # a request id has 32 digits
    )
    connection = b"Connection: close\r\n" if close else keep
    return head + b"Date: DATE\r\nX-Request-Id: ID\r\n" + extra + connection + b"\r\n" + (b"" if head_only else body)


def refused(name: str, client: bytes, status: int = 400, extra: bytes = b"") -> Row:
    """Refused before it became a request: nothing reaches an upstream, and the connection ends cleanly."""
    allow = ALLOW if status == 405 else b""
    return Row(name, client, (), (Seen(own(status, close=True, extra=extra + allow), CLOSED),))


def spoiled(name: str, reply: bytes, gets: bytes, then: str = "keep") -> Row:
    """The reply passes, but its connection is not used again: the next request goes over a new one."""
    turns = (Turn(seen(), reply, then), Turn(seen(), OK, on="new"))
    return Row(name, (request(), Until(gets), request()), turns, (Seen(gets + GOT_OK),))


def passes(
    name: str, client: bytes, sees: bytes, reply: bytes = OK, gets: bytes = GOT_OK, end: str = OPEN, then: str = "keep"
) -> Row:
    """One request, one reply."""
    return Row(name, client, (Turn(sees, reply, then),), (Seen(gets, end),))


def replies(name: str, reply: bytes, gets: Expected, end: str = OPEN, then: str = "keep") -> Row:
    """What the upstream says to a plain GET, and what the client makes of it."""
    return Row(name, request(), (Turn(seen(), reply, then),), (Seen(gets, end),))


def bad_gateway(name: str, reply: bytes, then: str = "keep") -> Row:
    """The reply is no reply: 502, not a byte of it is passed on, and the client's connection lives on."""
    return replies(name, reply, own(502), then=then)


def cut_or_bad_gateway(name: str, reply: bytes, passed: Expected, then: str = "keep") -> Row:
    """The head is good and the body is not: 502 if that showed at once, else the reply breaks off."""
    gets = (Seen(own(502)), Seen(passed, CUT))
    return Row(name, request(), (Turn(seen(), reply, then),), gets)
