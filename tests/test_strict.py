"""The strict reader itself: that it takes what is right and nothing else."""

import pytest
from messages import seen
from strict import Violation, read_request, read_requests

GOOD = seen(b"A: 1").replace(b"UP", b"up:80")


def changed(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def with_line(line: bytes, body: bytes = b"") -> bytes:
    return changed(b"A: 1", line) + body


def test_whole_requests_are_told_apart() -> None:
    chunked = with_line(b"Transfer-Encoding: chunked", b"2;x\r\nhi\r\n0\r\n\r\n")
    length = with_line(b"Content-Length: 2", b"ho")
    requests, rest = read_requests(GOOD + chunked + length + GOOD[:9])
    assert [request.body for request in requests] == [b"", b"hi", b"ho"]
    assert [request.raw for request in requests] == [GOOD, chunked, length]
    assert rest == GOOD[:9]
    assert requests[0].values("a") == [b"1"]


@pytest.mark.parametrize("line", [b"Content-Length: 3", b"Transfer-Encoding: chunked"])
def test_incomplete_request_is_none(line: bytes) -> None:
    assert read_request(with_line(line, b"1\r")) is None
    assert read_request(GOOD[:-1]) is None


@pytest.mark.parametrize(
    "message",
    [
        changed(b"GET", b"get"),
        changed(b"GET", b"TRACE"),
        changed(b"HTTP/1.1", b"HTTP/1.0"),
        changed(b"/v1/x", b"v1/x"),
        changed(b"/v1/x", b"/v1/#"),
        changed(b"/v1/x", b"/v1 x"),
        changed(b"/v1/x", b"/\xe4"),
        changed(b"up:80", b""),
        changed(b"up:80", b"a b"),
        changed(b"Host: up:80\r\n", b""),
        changed(b"Host: up:80\r\n", b"Host: a\r\nhost: a\r\n"),
        changed(b"X-Request-Id: ID\r\n", b""),
        changed(b"X-Forwarded-For: 127.0.0.1\r\n", b"X-Forwarded-For: a\r\nX-Forwarded-For: b\r\n"),
        with_line(b"A : 1"),
        with_line(b"A_B: 1"),
        with_line(b" A: 1"),
        with_line(b": 1"),
        with_line(b"A"),
        with_line(b"A: \0"),
        with_line(b"A: 1\r"),
        with_line(b"A: 1\n"),
        with_line(b"TE: trailers"),
        with_line(b"Expect: 100-continue"),
        with_line(b"Keep-Alive: x"),
        with_line(b"Connection: close"),
        with_line(b"Upgrade: websocket"),
        with_line(b"Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked"),
        with_line(b"Content-Length: +1"),
        with_line(b"Content-Length: "),
        with_line(b"Content-Length: 1, 1"),
        with_line(b"Content-Length: 1\r\nContent-Length: 1"),
        with_line(b"Content-Length: 1\r\nTransfer-Encoding: chunked"),
        with_line(b"Transfer-Encoding: gzip, chunked"),
        with_line(b"Transfer-Encoding: Chunked"),
        with_line(b"Transfer-Encoding: chunked", b"0x1\r\nx\r\n0\r\n\r\n"),
        with_line(b"Transfer-Encoding: chunked", b"1 \r\nx\r\n0\r\n\r\n"),
        with_line(b"Transfer-Encoding: chunked", b"1;\n\r\nx\r\n0\r\n\r\n"),
        with_line(b"Transfer-Encoding: chunked", b"1\r\nxx\r\n0\r\n\r\n"),
        with_line(b"Transfer-Encoding: chunked", b"0\r\nTrailer: 1\r\n\r\n"),
    ],
)
def test_what_could_be_misread_is_a_violation(message: bytes) -> None:
    with pytest.raises(Violation):
        read_request(message)
