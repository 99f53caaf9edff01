"""The express lane: a head that was seen before is not parsed again.

Clients and upstreams send the same head over and over; only the digits of Content-Length change, and the values of
fields that name one request. So the lane cuts these out and looks the rest up: whatever it recognises, letter for
letter, the full parser accepted before, with the same meaning. A head that it does not know takes the parser's way and
is known from then on, within bounds.
"""

from collections.abc import Callable, Mapping
from re import Pattern
from typing import Generic, Protocol, TypeVar

from gateway.runtime import Memory
from gateway.wire.grammar import LARGEST_HEAD


class Head(Protocol):
    """What both kinds of head have: `length` is the Content-Length that was parsed, 0 without one."""

    length: int


T = TypeVar("T", bound=Head)

# Clients spell it one way or the other; any third spelling is parsed each time.
LENGTH_FIELDS = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
REMEMBERED = 1024
SEEN = 8192
LONGEST_REMEMBERED = 4096
MOST_DIGITS = 18
NO_FIELDS: Mapping[bytes, Pattern[bytes]] = {}


class HeadTooLarge(Exception):
    """The head is larger than 64 KiB, or still has not ended there."""


class Known(Generic[T]):
    """A parsed head, and its bytes as they came `before` and `after` the digits of its length (`after`: or empty)."""

    __slots__ = ("after", "after_length", "before", "head", "latest", "start")

    def __init__(self, head: T, before: bytes, after: bytes) -> None:
        self.head = head
        self.before = before
        self.start = len(before)
        self.latest = self.start + MOST_DIGITS + 2  # where the line of the longest length would have ended
        self.after = after
        self.after_length = len(after)


class Lane(Generic[T]):
    """One connection's way in: its next head is mostly the last one again, which takes a comparison and no look-up."""

    __slots__ = ("_express", "_last")

    def __init__(self, express: "Express[T]") -> None:
        self._express = express
        self._last: Known[T] | None = None

    def read(self, data: bytes) -> tuple[T, int, int] | None:
        """The head at the beginning of `data`, its Content-Length (0 without one) and where its body begins.

        None while the head has not ended. Raises HeadTooLarge, and what the parser raises.
        """
        # measured: the last head again 0.5 us, a known one 2, with other names 4, a new one 33 (637 bytes, 18 fields)
        last = self._last
        if last is not None and data.startswith(last.before):
            start, after = last.start, last.after
            if not after:
                return last.head, last.head.length, start
            stop = data.find(b"\r\n", start, last.latest)
            digits = data[start:stop]
            if digits.isdigit() and data.startswith(after, stop):
                length = int(digits)
                if length:
                    return last.head, length, stop + last.after_length
        self._last = None
        return self._express.read(data, self)

    def keep(self, known: Known[T]) -> None:
        """Expect this head next."""
        self._last = known


class Express(Generic[T]):
    """Reads heads with `parse`, which gets the whole head and raises for a bad one, and remembers what it made of them.

    A head is remembered when it comes for the second time: those that never come again would only push out the others.
    Bounded by twice 1,024 heads of at most 4 KiB.
    """

    __slots__ = ("_known", "_own", "_parse", "_seen", "_with_own")

    def __init__(
        self,
        parse: Callable[[bytes], T],
        own: Mapping[bytes, Pattern[bytes]] = NO_FIELDS,
        with_own: Callable[[T, Mapping[bytes, bytes]], T] = lambda head, own: head,
    ) -> None:
        """`own` are fields (lower case) whose values are cut out if they are as said; `with_own` puts new ones in."""
        self._parse = parse
        self._own = [(name, b"\r\n%b: " % name, b"\r\n%b:" % name, grammar) for name, grammar in own.items()]
        self._with_own = with_own
        self._known: Memory[bytes, Known[T]] = Memory(REMEMBERED)
        self._seen: set[int] = set()  # the hashes of heads that came once

    def read(self, data: bytes, lane: Lane[T]) -> tuple[T, int, int] | None:
        """As `Lane.read`; `lane` hears of a head that is known letter for letter."""
        end = data.find(b"\r\n\r\n") + 2
        if end < 2:
            if len(data) > LARGEST_HEAD:
                raise HeadTooLarge
            return None
        start, stop = length_digits(data, end)
        length = int(data[start:stop] or b"0")
        # With a body and without one may be two meanings, as in an upgrade; so 0 stays in the key.
        key = data[:start] + data[stop:end] if length else data[:end]
        key, own = self._cut(key) if self._own and end <= LONGEST_REMEMBERED else (key, None)
        known = self._known.get(key) if stop else None
        if known is None:
            if end > LARGEST_HEAD:
                raise HeadTooLarge
            head = self._parse(data[: end + 2])
            if stop and end <= LONGEST_REMEMBERED:
                parts = (data[:start], data[stop : end + 2]) if length else (data[: end + 2], b"")
                self._remember(key, Known(head, *parts))
        elif own:
            head = self._with_own(known.head, own)
        else:
            head = known.head
            lane.keep(known)
        return head, length or head.length, end + 2

    def _cut(self, head: bytes) -> tuple[bytes, dict[bytes, bytes] | None]:
        """`head` without the values of its own fields, and these; what was cut out is named behind its last CRLF."""
        # measured: 1.1 us without such fields, 2.4 us with two; bench/micro/wire.py
        own: dict[bytes, bytes] | None = None
        lower = head.lower()
        for name, start_of, field, grammar in self._own:
            start = lower.find(start_of)
            if start < 0:
                continue
            start += len(start_of)
            stop = lower.find(b"\r\n", start)
            value = head[start:stop]
            if grammar.fullmatch(value) and lower.count(field) == 1:
                own = {} if own is None else own
                own[name] = value
                head, lower = head[:start] + head[stop:] + name, lower[:start] + lower[stop:]
        return head, own

    def _remember(self, key: bytes, known: Known[T]) -> None:
        digest = hash(key)
        if digest in self._seen:
            self._known.put(key, known)
            return
        if len(self._seen) >= SEEN:
            self._seen.clear()
        self._seen.add(digest)

    def __len__(self) -> int:
        return len(self._known)


def length_digits(data: bytes, end: int) -> tuple[int, int]:
    """Where in `data[:end]` the digits of its Content-Length are; (end, end) without the field.

    (0, 0) when the field is there but not plain digits: what is left would be mistaken for a cut head.
    """
    for name in LENGTH_FIELDS:
        start = data.find(name, 0, end)
        if start >= 0:
            start += len(name)
            stop = data.find(b"\r\n", start)
            plain = data[start:stop].isdigit() and stop - start <= MOST_DIGITS
            return (start, stop) if plain else (0, 0)
    return end, end
