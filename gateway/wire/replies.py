"""The gateway's own answers: JSON that AI clients parse, and nothing in it that came from outside."""

import json
from email.utils import formatdate

from gateway.errors import ANSWERS, GatewayError

RETRYABLE = frozenset((429, 503))
REASONS = {
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    414: b"URI Too Long",
    417: b"Expectation Failed",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    508: b"Loop Detected",
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ALLOW = b"Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"


def own_reply(
    error: GatewayError, request_id: bytes, now: float, *, keep: bool, minor: int, limits: bytes = b"", head_only: bool
) -> bytes:
    """The whole reply to `error`; `now` is Unix seconds, `limits` are the permit's lines."""
    answer = error.answer
    body = error_body(error, request_id)
    lines = [
        b"HTTP/1.1 %d %b\r\n" % (answer.status, REASONS[answer.status]),
        b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body),
        b"Date: %b\r\n" % formatdate(now, usegmt=True).encode(),
        b"X-Request-Id: %b\r\n" % request_id if request_id else b"",
        limits,
        *(f"{name}: {value}\r\n".encode("latin-1") for name, value in error.headers),
    ]
    if answer.status in RETRYABLE and not any(name == "Retry-After" for name, _ in error.headers):
        lines.append(b"Retry-After: 1\r\n")
    if answer.status == 405:
        lines.append(ALLOW)
    if not keep or not minor:
        lines.append(b"Connection: keep-alive\r\n" if keep else b"Connection: close\r\n")
    lines.append(b"\r\n" if head_only else b"\r\n" + body)
    return b"".join(lines)


def error_body(error: GatewayError, request_id: bytes) -> bytes:
    """The JSON error object (OpenAI's shape), with the name of the rule that refused, if one did."""
    answer = ANSWERS[type(error)]
    value: dict[str, object] = {"type": answer.type, "code": answer.status, "message": answer.message}
    if error.rule is not None:
        value["rule"] = error.rule
    value["request_id"] = request_id.decode("ascii")
    return json.dumps({"error": value}, separators=(",", ":")).encode()


def options_reply(request_id: bytes, now: float, *, keep: bool, minor: int) -> bytes:
    """The answer to `OPTIONS *`, about the gateway itself (RFC 9110, section 9.3.7)."""
    connection = b"" if keep and minor else (b"Connection: keep-alive\r\n" if keep else b"Connection: close\r\n")
    date = b"Date: %b\r\n" % formatdate(now, usegmt=True).encode()
    return b"HTTP/1.1 204 No Content\r\n%b%bX-Request-Id: %b\r\n%b\r\n" % (ALLOW, date, request_id, connection)
