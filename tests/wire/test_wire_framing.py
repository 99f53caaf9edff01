"""Framing against h11: the same payload, the same end, whatever comes behind kept, however it is cut."""

from collections.abc import Iterable
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.framing import (
    LARGEST_TRAILER,
    LONGEST_LINE,
    BodyTooLarge,
    Chunked,
    Framing,
    FramingError,
    Length,
    UntilClose,
    UntilCloseAsChunks,
)

bodies = st.binary(max_size=200)
places = st.lists(st.integers(0, 400), max_size=8)
extensions = st.sampled_from([b"", b"", b";a", b';a=1;b="c d"', b';a="\xe4\t\\""'])
padding = st.sampled_from([b"", b"", b"0", b"000"])
upper = st.booleans()


@st.composite
def chunked_messages(draw: st.DrawFn, trailers: bool = True) -> tuple[bytes, bytes]:
    """A whole chunked body as it travels, and its payload."""
    wire, payload = b"", b""
    for chunk in [*draw(st.lists(st.binary(min_size=1, max_size=60), max_size=5)), b""]:
        size = b"%x" % len(chunk)
        line = draw(padding) + (size.upper() if draw(upper) else size) + draw(extensions)
        wire += line + b"\r\n" + (chunk + b"\r\n" if chunk else b"")
        payload += chunk
    fields = draw(st.lists(st.sampled_from([b"A: 1", b"x-y:", b"Content-Length: 5", b"T: \xe4 \t"]), max_size=3))
    return wire + b"".join(field + b"\r\n" for field in fields if trailers) + b"\r\n", payload


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """`data` in pieces; none of them is empty."""
    edges = [0, *sorted(place for place in set(at) if 0 < place < len(data)), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def feed(framing: Framing, pieces: Iterable[bytes]) -> bytes:
    return b"".join(framing.take(piece) for piece in pieces)


def by_h11(framing: bytes, data: bytes, *, eof: bool = False) -> tuple[bytes, bool, bytes]:
    """What h11 makes of a reply's body: the payload, whether it has ended, and what is left behind it."""
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
    if data:
        connection.receive_data(data)
    if eof:
        connection.receive_data(b"")
    payload = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            payload += event.data
        elif isinstance(event, h11.EndOfMessage):
            return payload, True, connection.trailing_data[0]
        elif event is h11.NEED_DATA:
            return payload, False, b""


CHUNKED = b"Transfer-Encoding: chunked\r\n"


# --- a length ---


@given(bodies, bodies, places)
def test_length_ends_where_h11_says_and_keeps_the_rest(body: bytes, rest: bytes, at: list[int]) -> None:
    framing = Length(len(body))
    passed = feed(framing, cut(body + rest, at))
    assert (passed, framing.done, framing.surplus) == by_h11(b"Content-Length: %d\r\n" % len(body), body + rest)
    assert framing.payload == len(body)
    assert framing.eof() == b""


@given(bodies, st.integers(1, 5), places)
def test_length_cut_short_is_not_done(body: bytes, missing: int, at: list[int]) -> None:
    framing = Length(len(body) + missing)
    assert feed(framing, cut(body, at)) == body
    assert not framing.done
    assert framing.eof() is None
    with pytest.raises(h11.RemoteProtocolError):
        by_h11(b"Content-Length: %d\r\n" % (len(body) + missing), body, eof=True)


def test_length_passes_the_very_object_it_was_given() -> None:
    data = b"a body that fits"
    assert Length(100).take(data) is data


def test_empty_length_is_done_at_once_and_everything_behind_it() -> None:
    framing = Length(0)
    assert framing.done
    assert framing.take(b"x") == b""
    assert framing.surplus == b"x"


# --- chunks ---


@given(chunked_messages(), bodies, places)
def test_chunks_decode_to_the_payload_of_h11(message: tuple[bytes, bytes], rest: bytes, at: list[int]) -> None:
    wire, payload = message
    framing = Chunked(decode=True)
    passed = feed(framing, cut(wire + rest, at))
    assert (passed, framing.done, framing.surplus) == (payload, True, rest) == by_h11(CHUNKED, wire + rest)
    assert framing.payload == len(payload)
    assert framing.eof() == b""


@given(chunked_messages(), bodies, places)
def test_chunks_passed_on_decode_to_the_same_payload(message: tuple[bytes, bytes], rest: bytes, at: list[int]) -> None:
    wire, payload = message
    framing = Chunked()
    passed = feed(framing, cut(wire + rest, at))
    assert by_h11(CHUNKED, passed) == (payload, True, b"")
    assert framing.surplus == rest
    assert framing.payload == len(payload)


@given(chunked_messages(trailers=False), places)
def test_chunks_without_trailers_pass_byte_for_byte(message: tuple[bytes, bytes], at: list[int]) -> None:
    wire, _ = message
    assert feed(Chunked(), cut(wire, at)) == wire


@given(chunked_messages(), places, st.data())
def test_chunks_cut_short_are_not_done_and_pass_no_end(
    message: tuple[bytes, bytes], at: list[int], data: st.DataObject
) -> None:
    wire, payload = message
    cut_at = data.draw(st.integers(0, len(wire) - 1))
    framing = Chunked()
    passed = feed(framing, cut(wire[:cut_at], at))
    assert not framing.done
    assert framing.eof() is None
    decoded, ended, _ = by_h11(CHUNKED, passed)
    assert not ended
    assert payload.startswith(decoded)


def test_chunk_that_comes_alone_passes_as_the_very_object_it_was() -> None:
    event = b"f\r\ndata: a token\n\n\r\n"
    framing = Chunked()
    assert framing.take(event) is event
    assert framing.payload == 15


@pytest.mark.parametrize("size", [1, 15, 16, 171, 255, 256, 4095, 4096])
@pytest.mark.parametrize("size_line", [b"%x\r\n", b"%X\r\n", b"0%x\r\n"], ids=["lower", "upper", "zero"])
def test_chunk_in_one_read_is_what_it_is_in_pieces(size: int, size_line: bytes) -> None:
    chunk = size_line % size + b"x" * size + b"\r\n"
    for at in ([], [1], [4], [size], [len(chunk) - 1]):
        framing = Chunked(limit=2 * size)
        assert feed(framing, [chunk, *cut(chunk, at)]) == chunk * 2
        assert (framing.payload, framing.done) == (2 * size, False)
        with pytest.raises(BodyTooLarge):
            framing.take(chunk)
    for broken in (chunk[:-2] + b"x\n", chunk[:-2] + b"\rx", chunk[:-3] + b"\r\n", chunk[:-2] + b"x\r\n"):
        framing = Chunked()
        for data in (broken, chunk):  # nothing passes behind it
            with pytest.raises(FramingError):
                framing.take(data)


def test_line_of_chunks_is_bounded_however_it_arrives() -> None:
    alone = b"5;" + b"a" * LONGEST_LINE + b"\r\nhello\r\n"
    for pieces in ([alone], [alone[:100], alone[100:]], [alone + b"0\r\n\r\n"], [alone[:-8]]):
        with pytest.raises(FramingError):
            feed(Chunked(), pieces)


def test_trailer_section_is_bounded() -> None:
    line = b"A: " + b"a" * 1000 + b"\r\n"
    with pytest.raises(FramingError):
        feed(Chunked(), [b"0\r\n", *[line] * (LARGEST_TRAILER // len(line) + 1)])


@given(chunked_messages(), places, st.integers(0, 300))
def test_payload_is_bounded_by_the_limit(message: tuple[bytes, bytes], at: list[int], limit: int) -> None:
    wire, payload = message
    framing = Chunked(decode=True, limit=limit)
    passed = []
    try:
        for piece in cut(wire, at):
            passed.append(framing.take(piece))
    except BodyTooLarge:
        assert len(payload) > limit
    else:
        assert len(payload) <= limit
    assert len(b"".join(passed)) <= limit


# --- what is no framing at all ---

crumbs = [b"0", b"1", b"3", b"a", b"F", b"\r\n", b"\r", b"\n", b";", b" ", b"abc", b"A: b", b"\0"]
garbage = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(crumbs), max_size=20).map(b"".join))


@given(garbage, places)
def test_garbage_raises_nothing_but_its_own_errors_and_the_same_however_cut(data: bytes, at: list[int]) -> None:
    def run(pieces: list[bytes]) -> object:
        framing = Chunked(decode=True, limit=30)
        try:
            return feed(framing, pieces), framing.done, framing.surplus
        except (FramingError, BodyTooLarge) as error:
            return type(error)

    assert run([data]) == run(cut(data, at))


@given(garbage)
def test_whatever_ends_here_ends_for_h11_with_the_same_payload(data: bytes) -> None:
    framing = Chunked(decode=True)
    try:
        passed = framing.take(data)
    except FramingError:
        return
    if framing.done:
        assert by_h11(CHUNKED, data) == (passed, True, framing.surplus)


@pytest.mark.parametrize(
    "line", [b"0x5", b"+5", b"-1", b"5 ", b" 5", b"", b"1_0", b"1" * 17, b"5;\0", b"5 ;a", b"f" * 16]
)
def test_chunk_size_is_hex_digits_and_nothing_else(line: bytes) -> None:
    with pytest.raises(FramingError):
        Chunked().take(line + b"\r\nhello\r\n0\r\n\r\n")


# --- until the connection closes ---


@given(bodies, places)
def test_until_close_passes_everything_and_ends_with_the_connection(body: bytes, at: list[int]) -> None:
    framing = UntilClose()
    assert feed(framing, cut(body, at)) == body
    assert not framing.done
    assert framing.eof() == b""
    assert by_h11(b"", body, eof=True)[:2] == (body, True)


@given(bodies, places)
def test_until_close_as_chunks_ends_with_a_last_chunk(body: bytes, at: list[int]) -> None:
    framing = UntilCloseAsChunks()
    passed = feed(framing, cut(body, at))
    assert by_h11(CHUNKED, passed) == (body, False, b"")
    ending = framing.eof()
    assert ending is not None
    assert by_h11(CHUNKED, passed + ending) == (body, True, b"")
    assert framing.payload == len(body)
