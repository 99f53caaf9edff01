"""The case table's rows: client sends / upstream sees / upstream replies / client sees.

A row says only that. `harness` plays it whole over real sockets, `memory_player` in memory, byte by byte and cut at
random points; every way must come to the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPEN = "open"  # the connection lives on: a further request on it is answered
CLOSED = "closed"  # FIN
RESET = "reset"  # RST, where FIN would pass for the clean end of the reply
CUT = "cut"  # FIN or RST, before the reply's declared end


@dataclass(frozen=True)
class Prefix:
    """Less than the whole of `data`: how much of a message passes before its fault shows depends on how it arrives."""

    data: bytes


Expected = bytes | Prefix | re.Pattern[bytes]


@dataclass(frozen=True)
class Turn:
    """What the upstream sees next, and what it replies.

    `at` says when: once the whole "request" is there, or only its "head"; "raw" = after `sees`, whatever that is, as in
    a tunnel; "never". `then` is "keep", "close" or "reset". `on` is the connection it must come over: "any", a "new"
    one, or the "same" as the one before.
    """

    sees: Expected
    reply: bytes = b""
    then: str = "keep"
    at: str = "request"
    on: str = "any"


@dataclass(frozen=True)
class Until:
    """The client waits until it has received this, and the upstream has said what it has to say, before it goes on."""

    data: bytes


@dataclass(frozen=True)
class Seen:
    """What the client gets, and how its connection ends."""

    data: Expected
    end: str = OPEN


@dataclass(frozen=True)
class Row:
    """One line of the table; `gets` has more than one entry only where the way of arrival may decide.

    `config` are sections of the configuration that differ from the harness's.
    """

    name: str
    client: bytes | tuple[bytes | Until, ...]
    upstream: tuple[Turn, ...]
    gets: tuple[Seen, ...]
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[bytes | Until, ...]:
        return (self.client,) if isinstance(self.client, bytes) else self.client

    @property
    def stays_open(self) -> bool:
        return any(one.end == OPEN for one in self.gets)


GENERATED = (
    (re.compile(rb"X-Request-Id: [0-9a-f]{32}\r\n"), b"X-Request-Id: ID\r\n"),
    (re.compile(rb'"request_id":"[0-9a-f]{32}"'), b'"request_id":"ID"'),
    (re.compile(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n"), b"traceparent: TRACE\r\n"),
    (re.compile(rb"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n"), b"Date: DATE\r\n"),
)


def normal(data: bytes) -> bytes:
    """`data` with a fixed word for each value that is new every time."""
    for pattern, word in GENERATED:
        data = pattern.sub(word, data)
    return data


def matches(expected: Expected, data: bytes) -> bool:
    if isinstance(expected, Prefix):
        return len(data) < len(expected.data) and expected.data.startswith(data)
    return data == expected if isinstance(expected, bytes) else bool(expected.fullmatch(data))


def show(value: object) -> str:
    text = repr(value)
    return text if len(text) < 3000 else f"{text[:2000]} ... {text[-500:]}"


# What the player adds behind a row whose connection stays open, to see that it does.
PROBE = b"OPTIONS * HTTP/1.1\r\nHost: probe\r\nX-Request-Id: the-end\r\n\r\n"
PROBED = re.compile(rb"HTTP/1\.1 204 No Content\r\n(?:[^\r]+\r\n)*X-Request-Id: the-end\r\n\r\n\Z")


@dataclass
class Outcome:
    """What one playing of a row came to; `mishaps` is whatever else went wrong, such as what was left over."""

    received: bytes
    end: str
    seen: list[bytes]
    mishaps: list[Any]

    def __post_init__(self) -> None:
        probed = PROBED.search(self.received)
        if probed is not None:
            self.received, self.end = self.received[: probed.start()], self.end or OPEN
        self.received = normal(self.received)
        self.seen = [normal(data) for data in self.seen]

    def check(self, row: Row) -> None:
        """Raises AssertionError that shows both sides of the first difference."""
        assert not self.mishaps, self.mishaps
        turns = [turn for turn in row.upstream if self.seen or not isinstance(turn.sees, Prefix)]
        assert len(self.seen) == len(turns), f"upstream saw {show(self.seen)}, expected {show(turns)}"
        for turn, data in zip(turns, self.seen, strict=True):
            assert matches(turn.sees, data), f"upstream saw\n{show(data)}, expected\n{show(turn.sees)}"
        assert any(matches(one.data, self.received) and self._ended(one.end) for one in row.gets), (
            f"client got\n{show(self.received)}, {self.end}; expected\n" + "\nor ".join(show(one) for one in row.gets)
        )

    def _ended(self, expected: str) -> bool:
        return self.end in (CLOSED, RESET) if expected == CUT else self.end == expected
