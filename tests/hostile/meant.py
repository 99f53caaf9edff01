"""What bytes mean under RFC 9110 and 9112, read to the letter: the reference that the gateway is held against.

Shares no code with the gateway. It accepts everything that the RFCs give one meaning, so that whatever the gateway
passes on must be here, in the same order, with the same meaning; what it refuses beyond that is its own affair.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
VALUE = rb"[\t\x20-\x7e\x80-\xff]*"
QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + VALUE + rb"))?")
FIELD = re.compile(rb"(" + TOKEN + rb"):(" + VALUE + rb")")
SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + QUOTED + rb"))?)*)\r\n")
ABSOLUTE = re.compile(rb"https?://[^/?#]+(.*)", re.IGNORECASE)
NUMBER = re.compile(rb"[0-9]{1,18}")

Fields = tuple[tuple[bytes, bytes], ...]
State = Literal["end", "incomplete", "malformed"]


@dataclass(frozen=True)
class Meant:
    """One request: `target` in origin form, `body` without its framing; names of fields in lower case."""

    method: bytes
    target: bytes
    minor: int
    fields: Fields
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for field, value in self.fields if field == name]


@dataclass(frozen=True)
class Reply:
    """One final reply, and the interim ones before it (their statuses); `ended` by the end of its connection."""

    status: int
    fields: Fields
    body: bytes
    interim: tuple[int, ...] = ()
    ended: bool = False

    def values(self, name: bytes) -> list[bytes]:
        return [value for field, value in self.fields if field == name]


class Malformed(Exception):
    """The bytes have no meaning, or more than one."""


class Incomplete(Exception):
    """There must be more to come."""


@dataclass
class Reading:
    """What was read, in order, how it stopped, and the bytes behind that."""

    messages: list[Meant] = field(default_factory=list)
    state: State = "end"
    left: bytes = b""


def requests(data: bytes) -> Reading:
    """All requests in `data`, up to the first that is malformed or incomplete."""
    reading = Reading()
    while data := data.lstrip(b"\r\n") if data.startswith(b"\r\n") else data:
        try:
            message, used = _request(data)
        except (Malformed, Incomplete) as stop:
            reading.state = "malformed" if isinstance(stop, Malformed) else "incomplete"
            break
        reading.messages.append(message)
        data = data[used:]
    reading.left = data
    return reading


def replies(data: bytes, methods: list[bytes], *, closed: bool) -> tuple[list[Reply], State, bytes]:
    """The replies in `data` to requests with these methods, how reading stopped, and the bytes behind that.

    `closed` says that the connection has ended, which completes a body that says nothing about its length.
    """
    found: list[Reply] = []
    for method in methods:
        if not data:
            break
        try:
            reply, used = _reply(data, method, closed=closed)
        except (Malformed, Incomplete) as stop:
            return found, "malformed" if isinstance(stop, Malformed) else "incomplete", data
        found.append(reply)
        data = data[used:]
    return found, "malformed" if data else "end", data


def _request(data: bytes) -> tuple[Meant, int]:
    lines, start = _head(data)
    match = REQUEST_LINE.fullmatch(lines[0])
    if match is None:
        raise Malformed("request line")
    minor = int(match[3])
    fields = _fields(lines[1:])
    length, chunked = _framing(fields)
    if chunked and not minor:
        raise Malformed("chunks from HTTP/1.0")
    body, end = _chunks(data, start) if chunked else _counted(data, start, length or 0)
    return Meant(match[1], _origin_form(match[2]), minor, fields, body), end


def _origin_form(target: bytes) -> bytes:
    if target.startswith(b"/") or target == b"*":
        return target
    match = ABSOLUTE.fullmatch(target)
    if match is None:
        raise Malformed("target")
    return match[1] if match[1].startswith(b"/") else b"/" + match[1]


def _reply(data: bytes, method: bytes, *, closed: bool) -> tuple[Reply, int]:
    interim: list[int] = []
    position = 0
    while True:
        lines, position = _head(data, position)
        match = STATUS_LINE.fullmatch(lines[0])
        if match is None:
            raise Malformed("status line")
        status = int(match[2])
        if status >= 200 or status == 101:
            break
        _fields(lines[1:])
        interim.append(status)
    fields = _fields(lines[1:])
    length, chunked = _framing(fields)
    if method == b"HEAD" or status in (101, 204, 304):
        return Reply(status, fields, b"", tuple(interim)), position
    if length is None and not chunked:
        if not closed:
            raise Incomplete
        return Reply(status, fields, data[position:], tuple(interim), True), len(data)
    body, end = _chunks(data, position) if chunked else _counted(data, position, length or 0)
    return Reply(status, fields, body, tuple(interim)), end


def _head(data: bytes, start: int = 0) -> tuple[list[bytes], int]:
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        raise Incomplete
    return data[start:end].split(b"\r\n"), end + 4


def _fields(lines: list[bytes]) -> Fields:
    fields = []
    for line in lines:
        match = FIELD.fullmatch(line)
        if match is None:
            raise Malformed("field")
        fields.append((match[1].lower(), match[2].strip(b" \t")))
    return tuple(fields)


def _framing(fields: Fields) -> tuple[int | None, bool]:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise Malformed("two lengths")
    if (codings and codings[0].lower() != b"chunked") or (lengths and not NUMBER.fullmatch(lengths[0])):
        raise Malformed("framing")
    return (int(lengths[0]) if lengths else None), bool(codings)


def _counted(data: bytes, start: int, length: int) -> tuple[bytes, int]:
    if len(data) < start + length:
        raise Incomplete
    return data[start : start + length], start + length


def _chunks(data: bytes, position: int) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    while True:
        match = SIZE.match(data, position)
        if match is None:
            raise Incomplete if data.find(b"\r\n", position) < 0 else Malformed("chunk size")
        size, position = int(match[1], 16), match.end()
        if not size:
            return b"".join(pieces), _trailer(data, position)
        after = position + size
        if data[after : after + 2] != b"\r\n":
            raise Incomplete if len(data) < after + 2 else Malformed("behind a chunk")
        pieces.append(data[position:after])
        position = after + 2


def _trailer(data: bytes, position: int) -> int:
    if data.startswith(b"\r\n", position):
        return position + 2
    lines, end = _head(data, position)
    _fields(lines)
    return end
