"""A reader of requests that forgives nothing: what it accepts, every HTTP/1.1 server reads in the same way.

Written from RFC 9110 and 9112 and sharing no code with the gateway, so that both would have to be wrong. It also holds
the gateway to what it promises its upstreams: each field it sets once, and nothing that belongs to one connection.
"""

from dataclasses import dataclass

TCHAR = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGIT = frozenset(b"0123456789")
HEXDIG = DIGIT | frozenset(b"abcdefABCDEF")
VCHAR = frozenset(range(0x21, 0x7F))
VALUE = VCHAR | frozenset(range(0x80, 0x100)) | frozenset(b" \t")
HOST = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~[]:%")
ONCE = ("host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "traceparent")
NEVER = ("keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "expect")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


class Violation(AssertionError):
    """An upstream was sent something it could misread."""


@dataclass(frozen=True)
class StrictRequest:
    """One request: `raw` are its bytes, `body` its payload without chunk framing."""

    raw: bytes
    method: str
    target: bytes
    fields: tuple[tuple[str, bytes], ...]
    body: bytes

    def values(self, name: str) -> list[bytes]:
        return [value for field, value in self.fields if field == name]


def read_request(data: bytes) -> StrictRequest | None:
    """The request at the beginning of `data`; None while it is incomplete. Raises Violation."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    line, *lines = data[:end].split(b"\r\n")
    method, target = _request_line(line)
    fields = tuple(_field(one) for one in lines)
    _check_names(method, fields)
    framed = _body(fields, data, end + 4)
    if framed is None:
        return None
    body, after = framed
    return StrictRequest(data[:after], method, target, fields, body)


def read_requests(data: bytes) -> tuple[list[StrictRequest], bytes]:
    """All whole requests in `data`, and what is left of it."""
    requests = []
    while (request := read_request(data)) is not None:
        requests.append(request)
        data = data[len(request.raw) :]
    return requests, data


def _demand(condition: bool, what: str, where: bytes) -> None:
    if not condition:
        raise Violation(f"{what}: {where!r}")


def _request_line(line: bytes) -> tuple[str, bytes]:
    parts = line.split(b" ")
    _demand(len(parts) == 3 and parts[2] == b"HTTP/1.1", "request line", line)
    method, target, _ = parts
    _demand(method.decode("latin-1") in METHODS, "method", line)
    _demand(target.startswith(b"/") and VCHAR - {ord("#")} >= set(target), "target", line)
    return method.decode(), target


def _field(line: bytes) -> tuple[str, bytes]:
    name, colon, value = line.partition(b":")
    _demand(bool(name) and bool(colon) and set(name) <= TCHAR and b"_" not in name, "field name", line)
    _demand(set(value) <= VALUE, "field value", line)
    return name.decode().lower(), value.strip(b" \t")


def _check_names(method: str, fields: tuple[tuple[str, bytes], ...]) -> None:
    names = [name for name, _ in fields]
    values = dict(fields)
    for name in ONCE:
        _demand(names.count(name) == 1, "not once", name.encode())
    for name in NEVER:
        _demand(name not in names, "belongs to one connection", name.encode())
    _demand(values["host"] != b"" and set(values["host"]) <= HOST, "host", values["host"])
    upgrades = ("connection" in names, "upgrade" in names)
    _demand(upgrades in ((False, False), (True, True)), "half an upgrade", b"")
    if upgrades[0]:
        _demand(values["connection"].lower() == b"upgrade" and method == "GET", "connection", values["connection"])
        _demand("transfer-encoding" not in values, "upgrade with a body", b"")


def _body(fields: tuple[tuple[str, bytes], ...], data: bytes, start: int) -> tuple[bytes, int] | None:
    lengths = [value for name, value in fields if name == "content-length"]
    codings = [value for name, value in fields if name == "transfer-encoding"]
    _demand(len(lengths) + len(codings) <= 1, "more than one length", b", ".join(lengths + codings))
    if codings:
        _demand(codings[0] == b"chunked", "transfer coding", codings[0])
        return _chunked(data, start)
    if not lengths:
        return b"", start
    _demand(bool(lengths[0]) and set(lengths[0]) <= DIGIT and len(lengths[0]) <= 18, "content length", lengths[0])
    end = start + int(lengths[0])
    return (data[start:end], end) if len(data) >= end else None


def _chunked(data: bytes, position: int) -> tuple[bytes, int] | None:
    body = b""
    while True:
        end = data.find(b"\r\n", position)
        if end < 0:
            return None
        size, _, extension = data[position:end].partition(b";")
        _demand(0 < len(size) <= 16 and set(size) <= HEXDIG, "chunk size", data[position:end])
        _demand(set(extension) <= VALUE, "chunk extension", extension)
        position = end + 2
        after = position + int(size, 16)
        if len(data) < after + 2:
            return None
        _demand(data[after : after + 2] == b"\r\n", "behind a chunk (or a trailer)", data[after : after + 40])
        body += data[position:after]
        position = after + 2
        if int(size, 16) == 0:
            return body, position
