"""How a reply goes on to its client: the framing of its body and the lines of its head."""

import pytest

from gateway.exchange import Exchange, Permit, Request
from gateway.wire.framing import Chunked, Framing, Length, UntilClose, UntilCloseAsChunks
from gateway.wire.relay import body_framing, client_reply, coding_of, may_keep
from gateway.wire.reply_head import ReplyHead

LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def exchange(method: str = "GET", minor: int = 1, *, keep_alive: bool = True, limits: bytes = b"") -> Exchange:
    request = Request()
    request.method, request.minor, request.keep_alive = method, minor, keep_alive
    made = Exchange(request, None, "", b"", 0)  # type: ignore[arg-type]
    made.request_id = b"id"
    made.permit = Permit(limits)
    return made


def reply(fields: bytes = b"", status: bytes = b"200 OK") -> ReplyHead:
    return ReplyHead(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n")


@pytest.mark.parametrize(
    ("method", "minor", "status", "fields", "framing"),
    [
        ("GET", 1, b"200 OK", LENGTH, Length),
        ("GET", 1, b"200 OK", CHUNKED, Chunked),
        ("GET", 1, b"200 OK", b"", UntilCloseAsChunks),
        ("GET", 0, b"200 OK", b"", UntilClose),
        ("HEAD", 1, b"200 OK", CHUNKED, Length),
        ("HEAD", 1, b"200 OK", b"", Length),
        ("GET", 1, b"204 No", LENGTH, Length),
        ("GET", 1, b"304 No", CHUNKED, Length),
    ],
)
def test_framing(method: str, minor: int, status: bytes, fields: bytes, framing: type[Framing]) -> None:
    made = body_framing(exchange(method, minor), reply(fields, status), 5)
    assert type(made) is framing
    assert made.done is (method == "HEAD" or status != b"200 OK")


def test_http10_gets_chunks_undone() -> None:
    wire = b"5\r\nhello\r\n0\r\n\r\n"
    assert body_framing(exchange(minor=0), reply(CHUNKED), 0).take(wire) == b"hello"
    assert body_framing(exchange(minor=1), reply(CHUNKED), 0).take(wire) == wire


@pytest.mark.parametrize(
    ("minor", "keep", "fields", "lines"),
    [
        (1, True, LENGTH, b"Content-Length: 7\r\nX-Request-Id: id\r\n"),
        (1, False, LENGTH, b"Content-Length: 7\r\nX-Request-Id: id\r\nConnection: close\r\n"),
        (0, True, LENGTH, b"Content-Length: 7\r\nX-Request-Id: id\r\nConnection: keep-alive\r\n"),
        (1, True, CHUNKED, CHUNKED + b"X-Request-Id: id\r\n"),
        (1, True, b"A: 1\r\n", b"A: 1\r\n" + CHUNKED + b"X-Request-Id: id\r\n"),
        (0, False, CHUNKED, b"X-Request-Id: id\r\nConnection: close\r\n"),
    ],
)
def test_client_reply(minor: int, keep: bool, fields: bytes, lines: bytes) -> None:
    """The length is the one of this reply, not of the one whose head was remembered."""
    made, head = exchange(minor=minor), reply(fields)
    framing = body_framing(made, head, 7)
    assert (
        client_reply(made, head, 7, coding_of(made, head, framing), b"", keep=keep)
        == b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"
    )


def test_what_there_is_of_the_body_is_behind_the_head() -> None:
    made, head = exchange(), reply(LENGTH)
    alone = client_reply(made, head, 5, b"", b"", keep=True)
    assert client_reply(made, head, 5, b"", b"hello", keep=True) == alone + b"hello"


def test_our_limits_replace_the_upstreams() -> None:
    made, head = exchange(limits=b"RateLimit: ours\r\n"), reply(b"RateLimit: theirs\r\nA: 1\r\n" + LENGTH)
    assert client_reply(made, head, 5, b"", b"", keep=True) == (
        b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\nRateLimit: ours\r\nX-Request-Id: id\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("minor", "keep_alive", "complete", "framing", "kept"),
    [
        (1, True, True, Length(5), True),
        (1, True, True, Chunked(), True),
        (1, True, True, UntilCloseAsChunks(), True),
        (1, True, False, Length(5), False),
        (1, False, True, Length(5), False),
        (0, True, True, Length(5), True),
        (0, True, True, Chunked(decode=True), False),
        (0, True, True, UntilClose(), False),
    ],
)
def test_clients_connection_lives_on_when_both_messages_end(
    minor: int, keep_alive: bool, complete: bool, framing: Framing, kept: bool
) -> None:
    made = exchange(minor=minor, keep_alive=keep_alive)
    made.body_complete = complete
    assert may_keep(made, framing) is kept
