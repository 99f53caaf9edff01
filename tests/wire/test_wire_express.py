"""The express lane against the parser: whatever comes back from memory is what parsing afresh would have made."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.exchange import Request
from gateway.wire.express import LONGEST_REMEMBERED, REMEMBERED, SEEN, Express, HeadTooLarge, Lane, length_digits
from gateway.wire.grammar import LARGEST_HEAD, OWN, OWN_OF_REPLIES
from gateway.wire.headers import parse_request
from gateway.wire.reply_head import ReplyHead

pytestmark = pytest.mark.usefixtures("loop_for_the_parser")

NAMES = [b"Content-Length: ", b"content-length: ", b"Content-Length:", b"CONTENT-LENGTH: ", b"Content-Length : "]
VALUES = [b"5", b"6", b"17", b"0", b"00", b"05", b"", b"+5", b"-1", b" 5", b"5 ", b"5,5", b"5;", b"1" * 18, b"1" * 19]
TRACE = b"00-%032x-b7ad6b7169203331-00"
lengths = st.builds(bytes.__add__, st.sampled_from(NAMES), st.sampled_from(VALUES))
request_fields = st.one_of(
    lengths,
    lengths,
    st.sampled_from(
        [
            *(b"A: 1", b"A: Content-Length: 7", b"B_C: 2", b"Cookie: a=b", b"Authorization: Bearer x"),
            *(b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Connection: Upgrade", b"Upgrade: websocket"),
            *(b"Connection: close", b"Connection: content-length, A", b"X-Forwarded-For: 1.1.1.1", b"tracestate: a=b"),
            *(b"X-Request-Id: r", b"x-request-id: s", b"X-REQUEST-ID:t", b"X-Request-Id: u v", b"X-Request-Id: "),
            *(b"X-Request-Id : w", b"Connection: x-request-id", b"X-Request-Id: \0", b"A: X-Request-Id: x"),
            *(b"Traceparent: " + TRACE % 1, b"traceparent: " + TRACE % 2, b"traceparent: " + TRACE % 0),
        ]
    ),
)
request_lines = st.sampled_from([b"GET /v1/llm/x HTTP/1.1", b"POST /v1/llm/x?y HTTP/1.1", b"POST /v1/llm HTTP/1.0"])
reply_lines = st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 304 Not", b"HTTP/1.0 200 OK"])
reply_fields = st.one_of(
    lengths,
    lengths,
    st.sampled_from(
        [
            *(b"A: 1", b"A: Content-Length: 7", b"Transfer-Encoding: chunked", b"Connection: close"),
            *(b"X-Request-Id: r", b"X-Request-Id: s", b"x-request-id: t,u", b"Connection: x-request-id"),
            *(b"Keep-Alive: timeout=9", b"Content-Type: text/event-stream", b"RateLimit: x", b"Connection: keep-alive"),
        ]
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    fields = [b"Host: gw", *draw(st.lists(request_fields, max_size=3))]
    return draw(request_lines) + b"\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    fields = draw(st.lists(reply_fields, max_size=3))
    return draw(reply_lines) + b"\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


rests = st.sampled_from([b"", b"hello", b"\r\nContent-Length: 9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])


def value_of(head: Request | ReplyHead) -> dict[str, object]:
    """All that a head says, but for its length, which may have been another when it was remembered."""
    names = set(type(head).__slots__) - {"length", "plan", "own", "fields"}
    values = {name: getattr(head, name) for name in names}
    if isinstance(head, Request):
        values["fields"] = [(name, head.values(name)) for name, _ in head.fields]
    return values


def same_as_parsed(
    lane: Lane[Request] | Lane[ReplyHead],
    parse: Callable[[bytes], Request | ReplyHead],
    head: bytes,
    rest: bytes,
) -> None:
    try:
        fresh = parse(head)
    except GatewayError as error:
        with pytest.raises(type(error)):
            lane.read(head + rest)
        return
    found = lane.read(head + rest)
    assert found is not None
    remembered, length, start = found
    assert (value_of(remembered), length, start) == (value_of(fresh), fresh.length, len(head))


def head_of(*fields: bytes, line: bytes = b"GET /v1/llm/x HTTP/1.1") -> bytes:
    return b"\r\n".join((line, b"Host: gw", *fields, b"", b""))


UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")


@given(st.lists(requests(), min_size=1, max_size=4), rests)
@example([head_of(b"Content-Length: 5"), head_of(b"Content-Length: ")], b"")
@example([head_of(b"Content-Length: 0", *UPGRADE), head_of(b"Content-Length: 5", *UPGRADE)], b"")
@example([head_of(b"Content-Length: 5", b"content-length: 5")], b"")
def test_remembered_requests_equal_parsed_ones(heads: list[bytes], rest: bytes) -> None:
    """Every head comes three times: unknown, seen, remembered."""
    lane = Lane(Express(parse_request, OWN, Request.named))
    for head in heads * 3:
        same_as_parsed(lane, parse_request, head, rest)


@given(st.lists(replies(), min_size=1, max_size=4), rests)
def test_remembered_replies_equal_parsed_ones(heads: list[bytes], rest: bytes) -> None:
    lane = Lane(Express(ReplyHead, OWN_OF_REPLIES))
    for head in heads * 3:
        same_as_parsed(lane, ReplyHead, head, rest)


@given(st.lists(lengths, max_size=3), st.lists(lengths, max_size=3))
def test_heads_of_different_meaning_never_share_a_key(one: list[bytes], other: list[bytes]) -> None:
    """The key and the length together are as good as the head itself."""

    def key(fields: list[bytes]) -> tuple[bytes, int, bytes]:
        head = head_of(*fields)
        start, stop = length_digits(head, len(head) - 2)
        length = int(head[start:stop] or b"0")
        cut = head[:start] + head[stop:] if length else head
        return cut, length, b"" if stop else head  # what has no digits to cut is never looked up

    def plain(fields: list[bytes]) -> list[bytes]:
        return [field.replace(b": 0", b": ").replace(b": 0", b": ") for field in fields]  # leading zeros mean nothing

    if key(one) == key(other):
        assert plain(one) == plain(other)


def test_requests_that_differ_by_their_own_names_are_parsed_twice_in_all() -> None:
    parsed: list[bytes] = []

    def parse(head: bytes) -> Request:
        parsed.append(head)
        return parse_request(head)

    express = Express(parse, OWN, Request.named)
    for number in range(1, 6):
        lines = (b"X-Request-ID: id-%d" % number, b"traceparent: " + TRACE % number, b"Content-Length: %d" % number)
        found = Lane(express).read(head_of(*lines) + b"body")
        assert found is not None
        request, length, _ = found
        assert (request.request_id, request.traceparent, length) == (b"id-%d" % number, TRACE % number, number)
        assert request.values(b"x-request-id") == [b"id-%d" % number]
    assert len(parsed) == 2


class Counted:
    """A parser that counts, and whose heads are their own bytes."""

    def __init__(self) -> None:
        self.parsed: list[bytes] = []

    def __call__(self, head: bytes) -> "Bytes":
        self.parsed.append(head)
        return Bytes(head)


class Bytes:
    def __init__(self, head: bytes) -> None:
        self.head = head
        self.length = 0


def test_head_is_parsed_until_it_came_twice_and_then_never_again() -> None:
    parse = Counted()
    lane = Lane(Express(parse))
    for length in (1, 22, 333, 4444):
        found = lane.read(head_of(b"Content-Length: %d" % length))
        assert found is not None
        assert found[1] == length
    assert len(parse.parsed) == 2


@pytest.mark.parametrize("field", [b"Content-Length: x", b"CONTENT-LENGTH: 5", b"A: " + b"a" * LONGEST_REMEMBERED])
def test_odd_spellings_and_long_heads_are_never_mistaken_for_known_ones(field: bytes) -> None:
    parse = Counted()
    lane = Lane(Express(parse))
    for _ in range(3):
        lane.read(head_of(field))
    assert all(head == head_of(field) for head in parse.parsed)


def test_memory_is_bounded() -> None:
    express = Express(Counted())
    for number in range(max(4 * REMEMBERED, SEEN) + 10):
        for _ in range(2):
            Lane(express).read(head_of(b"A: %d" % number))
    assert len(express) <= 2 * REMEMBERED
    assert len(express._seen) <= SEEN


def test_heads_that_never_come_again_push_out_nothing() -> None:
    parse = Counted()
    lane = Lane(Express(parse))
    known = head_of(b"A: known")
    lane.read(known)
    lane.read(known)
    for number in range(4 * REMEMBERED):
        lane.read(head_of(b"A: %d" % number))
    parse.parsed.clear()
    lane.read(known)
    assert not parse.parsed


def test_head_without_its_end_is_none_until_it_is_too_large() -> None:
    lane = Lane(Express(Counted()))
    assert lane.read(b"GET / HTTP/1.1\r\nA: b\r\n") is None
    assert lane.read(b"") is None
    with pytest.raises(HeadTooLarge):
        lane.read(b"A" * (LARGEST_HEAD + 1))
    with pytest.raises(HeadTooLarge):
        lane.read(head_of(b"A: " + b"a" * LARGEST_HEAD))
