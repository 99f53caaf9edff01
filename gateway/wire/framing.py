"""Where does this body end? Three small answers without I/O: a length, chunks, the end of the connection.

Each takes bytes as they come and returns those that pass on: the very object it was given, when all of it does.
`done` says that the body is whole, `surplus` what came after it, `payload` how many bytes it carried so far;
`eof()` answers a connection that ended: the bytes that close the body, or None when it is cut short.

Rules for authors: no I/O, no clock, no logging here; refuse what is not in RFC 9112, section 7, to the letter, for
what passes here reaches parsers that may be more lenient than this one.
"""

import re
from typing import Protocol

from gateway.wire.grammar import FIELD_LINE, QUOTED, TOKEN

# Extensions pass as they came, so they are read to the letter; the white space that RFC 9112 calls bad is refused.
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + QUOTED + rb"))?+)*+\r\n")
# The lines that an event stream's chunks begin with: two digits or three, of which some servers write A to F and most
# a to f; 0.7 MB. All others are read by the grammar above, step by step.
SIZES = {form % size: size for size in range(0x10, 0x1000) for form in (b"%x\r\n", b"%X\r\n")}
SIZE_LINE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{1,16}(?:;[\t\x20-\x7e\x80-\xff]*+)?\r?")
LARGEST_CHUNK = 1 << 60
LONGEST_LINE = 4096
LARGEST_TRAILER = 16384
UNBOUNDED = 1 << 62

# uvloop reads 256,000 bytes at once from one connection, and up to 32 times before it looks at another: after a read
# larger than this, the others have their turn.
LARGE_READ = 32768
# Reading chunks of a byte costs more than passing them on: 1,024 bytes of them 0.1 ms. Taken as many each millisecond,
# they leave others the event loop, where even one turn of 32 KiB after the other makes it ten times as slow for all.
TINY_PIECE = 1024
TINY_PACE = 0.001


def tiny_chunks(data: bytes) -> bool:
    """Whether this read of a chunked body is mostly chunks of a few bytes each."""
    return data.count(b"\r\n") > len(data) // 16


class FramingError(Exception):
    """The body breaks the grammar of its framing."""


class BodyTooLarge(Exception):
    """More payload than the limit allows."""


class Framing(Protocol):
    done: bool
    surplus: bytes
    payload: int

    def take(self, data: bytes) -> bytes: ...

    def eof(self) -> bytes | None: ...


class Length:
    """A body of exactly `length` bytes (RFC 9112, section 6.2)."""

    __slots__ = ("_left", "done", "payload", "surplus")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.surplus = b""
        self.payload = 0

    def take(self, data: bytes) -> bytes:
        size = len(data)
        if size > self._left:
            self.surplus += data[self._left :]
            data = data[: self._left]
            size = self._left
        self._left -= size
        self.payload += size
        self.done = self._left == 0
        return data

    def eof(self) -> bytes | None:
        return b"" if self.done else None


class UntilClose:
    """A body that ends with its connection (RFC 9112, section 6.3, rule 8); also either half of a tunnel."""

    __slots__ = ("done", "payload", "surplus")

    def __init__(self) -> None:
        self.done = False
        self.surplus = b""
        self.payload = 0

    def take(self, data: bytes) -> bytes:
        self.payload += len(data)
        return data

    def eof(self) -> bytes | None:
        return b""


class UntilCloseAsChunks(UntilClose):
    """A body that ends with its connection, passed on in chunks so that the client's connection can live on."""

    def take(self, data: bytes) -> bytes:
        self.payload += len(data)
        return b"%x\r\n%b\r\n" % (len(data), data)

    def eof(self) -> bytes | None:
        return b"0\r\n\r\n"


class Chunked:
    """A chunked body (RFC 9112, section 7.1), passed on as it came, or its payload alone with `decode`.

    Trailer fields are checked and dropped. A size line that arrives in pieces is held until it is whole, so that
    nothing leaves unchecked. Raises FramingError, and BodyTooLarge beyond `limit` bytes of payload.
    """

    __slots__ = (
        *("_decode", "_held", "_left", "_limit", "_missing_crlf", "_trailer", "_whole"),
        *("done", "payload", "surplus"),
    )

    def __init__(self, *, decode: bool = False, limit: int = UNBOUNDED) -> None:
        self._decode = decode
        self._limit = limit
        self._left = 0  # payload bytes missing from the current chunk
        self._missing_crlf = 0  # bytes missing from the CRLF behind its payload
        self._held = b""  # the beginning of a line
        self._trailer = -1  # size of the trailer section so far, -1 before it
        self._whole = not decode  # a chunk that begins here, and ends with what was read, passes as it is
        self.done = False
        self.surplus = b""
        self.payload = 0

    def take(self, data: bytes) -> bytes:
        # One whole chunk a read is what an event stream looks like. measured: 1.0 us with its write, by the grammar
        # 1.6, step by step 1.9; bench/micro/wire.py, on the slower machine of 2026-11-30
        if self._whole:
            size = SIZES.get(data[:4]) or SIZES.get(data[:5])
            # Beside the payload there are its digits and two CRLF.
            if size and len(data) == size + (6 if size < 0x100 else 7) and data[-2:] == b"\r\n":
                self._count(size)
                return data
        return self._take_any(data)

    def _count(self, size: int) -> None:
        self.payload += size
        if self.payload > self._limit:
            raise BodyTooLarge

    def _take_any(self, data: bytes) -> bytes:
        self._whole = False
        passed: list[bytes] = []
        position = 0
        while position < len(data) and not self.done:
            if self._left:
                position = self._take_payload(data, position, passed)
            elif self._missing_crlf:
                position = self._take_crlf(data, position, passed)
            elif self._held or self._trailer >= 0:
                position = self._take_line(data, position, passed)
            else:
                position = self._take_whole_chunks(data, position, passed)
        self._whole = not (self._left or self._missing_crlf or self._held or self._decode) and self._trailer < 0
        self.surplus += data[position:] if self.done else b""
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def _take_whole_chunks(self, data: bytes, position: int, passed: list[bytes]) -> int:
        # measured: 0.5 us for each of many small chunks in one read, 2.4 when each goes through the steps below
        start, payload = position, 0
        while (line := SIZE_LINE.match(data, position)) is not None:
            size = int(line[1], 16)
            after = line.end() + size
            if not size or line.end() - position > LONGEST_LINE or data[after : after + 2] != b"\r\n":
                break
            payload += size
            position = after + 2
            if self._decode:
                passed.append(data[line.end() : after])
        if position == start:
            return self._take_line(data, position, passed)
        self._count(payload)
        if not self._decode:
            passed.append(data[start:position])
        return position

    def _take_payload(self, data: bytes, position: int, passed: list[bytes]) -> int:
        piece = data[position : position + self._left]
        self._count(len(piece))
        passed.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._missing_crlf = 2
        return position + len(piece)

    def _take_crlf(self, data: bytes, position: int, passed: list[bytes]) -> int:
        piece = data[position : position + self._missing_crlf]
        if not b"\r\n"[2 - self._missing_crlf :].startswith(piece):
            raise FramingError("no CRLF behind a chunk")
        self._missing_crlf -= len(piece)
        if not self._decode:
            passed.append(piece)
        return position + len(piece)

    def _take_line(self, data: bytes, position: int, passed: list[bytes]) -> int:
        end = data.find(b"\n", position) + 1
        line = self._held + data[position : end or len(data)]
        if len(line) > LONGEST_LINE:
            raise FramingError("a line of the chunked framing is too long")
        if not end:
            self._held = line
            self._check_beginning(line)
            return len(data)
        self._held = b""
        keep = self._trailer_line(line) if self._trailer >= 0 else self._size_line(line)
        if keep and not self._decode:
            passed.append(line)
        return end

    def _check_beginning(self, line: bytes) -> None:
        if self._trailer < 0 and not SIZE_LINE_SO_FAR.fullmatch(line):
            raise FramingError("bad chunk size")

    def _size_line(self, line: bytes) -> bool:
        match = SIZE_LINE.fullmatch(line)
        if match is None:
            raise FramingError("bad chunk size")
        self._left = int(match[1], 16)
        if self._left > LARGEST_CHUNK:
            raise FramingError("bad chunk size")
        if not self._left:
            self._trailer = 0
        return True

    def _trailer_line(self, line: bytes) -> bool:
        if line == b"\r\n":
            self.done = True
            return True
        self._trailer += len(line)
        if not line.endswith(b"\r\n") or not FIELD_LINE.fullmatch(line[:-2]) or self._trailer > LARGEST_TRAILER:
            raise FramingError("bad trailer section")
        return False

    def eof(self) -> bytes | None:
        return b"" if self.done else None
