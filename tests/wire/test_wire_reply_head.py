"""Reply heads against h11: whatever the gateway takes, h11 takes too, and reads the same in it."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import UpstreamError
from gateway.wire.reply_head import ReplyHead

SEEDS = [
    b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\nB:\t2 \r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.0 204 \r\nConnection: keep-alive, X\r\nX: 1\r\nKeep-Alive: timeout=5\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n",
]
CRUMBS = [
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"\0",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"0",
    b"5",
    b"chunked",
]
CRUMBS += [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1", b"\r\n ", b"A"]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    head = draw(st.sampled_from(SEEDS))[:-4]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(head)))
        head = head[:place] + draw(st.sampled_from([b"", *CRUMBS])) + head[place + draw(st.integers(0, 2)) :]
    return head.split(b"\r\n\r\n")[0] + b"\r\n\r\n"


def by_h11(head: bytes) -> h11.Response | h11.InformationalResponse:
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, h11.Response | h11.InformationalResponse), event
    return event


@settings(max_examples=500)
@given(mutants())
def test_whatever_is_taken_h11_reads_the_same_in_it(head: bytes) -> None:
    try:
        reply = ReplyHead(head)
    except UpstreamError:
        return
    other = by_h11(head)
    assert reply.status == other.status_code
    assert b"1.%d" % reply.minor == other.http_version
    fields = dict(other.headers)
    assert reply.has_length == (b"content-length" in fields)
    assert reply.length == int(fields.get(b"content-length", b"0"))
    if reply.status >= 200 and reply.status != 204:
        assert reply.chunked == (b"transfer-encoding" in fields)


@given(st.binary(max_size=300).map(lambda data: data.split(b"\r\n\r\n")[0] + b"\r\n\r\n"))
def test_garbage_is_an_upstreams_error(data: bytes) -> None:
    with pytest.raises(UpstreamError):
        ReplyHead(data)


def head(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> ReplyHead:
    return ReplyHead(b"\r\n".join((status, *lines, b"", b"")))


@pytest.mark.parametrize(
    ("status", "lines", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK", (), True),
        (b"HTTP/1.1 200 OK", (b"Connection: close",), False),
        (b"HTTP/1.1 200 OK", (b"Connection: x", b"connection: y, Close"), False),
        (b"HTTP/1.0 200 OK", (b"Content-Length: 5",), False),
        (b"HTTP/1.0 200 OK", (b"Content-Length: 5", b"Connection: Keep-Alive"), True),
        (b"HTTP/1.0 200 OK", (b"Transfer-Encoding: chunked", b"Connection: keep-alive"), False),
        (b"HTTP/1.1 204 No", (), True),
        (b"HTTP/1.1 204 No", (b"Content-Length: 0",), True),
        (b"HTTP/1.1 204 No", (b"Content-Length: 5",), False),
        (b"HTTP/1.1 204 No", (b"Transfer-Encoding: chunked",), False),
        (b"HTTP/1.1 304 No", (b"Content-Length: 5",), True),
    ],
)
def test_whether_the_connection_may_be_used_again(status: bytes, lines: tuple[bytes, ...], keep_alive: bool) -> None:
    assert head(*lines, status=status).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"timeout=5", 5), (b"max=9, TIMEOUT=60", 60), (b"timeout=x", float("inf")), (b"max=9", float("inf"))],
)
def test_keep_alive_timeout(value: bytes, seconds: float) -> None:
    assert head(b"Keep-Alive: " + value).keep_alive_timeout == seconds


def test_passing_lines_are_cut_where_the_digits_of_the_length_stood() -> None:
    reply = head(b"A: 1", b"Connection: B", b"B: 2", b"Content-Length: 5", b"C: 3", b"X-Request-Id: theirs")
    assert (reply.before, reply.after) == (b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: ", b"\r\nC: 3\r\n")


def test_rate_limit_fields_can_be_left_out() -> None:
    reply = head(
        b"RateLimit: a", b"A: 1", b"Content-Length: 5", b"X-RateLimit-Reset: 9", b"C: 3", b"ratelimit-policy: b"
    )
    assert reply.limited
    assert reply.without_limits() == (b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: ", b"\r\nC: 3\r\n")
    assert not head(b"A: 1").limited


def test_event_streams_are_known_by_their_type() -> None:
    assert head(b"Content-Type: text/event-stream; charset=utf-8").event_stream
    assert not head(b"Content-Type: application/json").event_stream


def test_upgrade_counts_only_when_connection_names_it() -> None:
    assert head(b"Upgrade: WebSocket", b"Connection: upgrade").upgrade == b"websocket"
    assert head(b"Upgrade: websocket").upgrade == b""


def test_it_says_what_it_is() -> None:
    assert repr(head()) == "<ReplyHead 200 HTTP/1.1>"
