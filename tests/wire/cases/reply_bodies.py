"""Bodies of replies: passed on as they come, framed anew where they must be, and never ended where they were cut."""

import re

from messages import GOT_OK, OK, cut_or_bad_gateway, replies, request, seen, spoiled
from table import CUT, RESET, Row, Seen, Turn

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
OURS = b"X-Request-Id: ID\r\n\r\n"
UNTIL_CLOSE_10 = HEAD + b"X-Request-Id: ID\r\nConnection: close\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n"
NO_CHUNKS = HEAD + CHUNKED + OURS + b"0\r\n\r\n"
NO_LENGTH = HEAD + b"Content-Length: 0\r\n" + OURS
FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
REQUEST_10 = b"GET /v1/llm/x HTTP/1.0\r\nHost: gw\r\n\r\n"


def chunked(name: str, body: bytes, passes: bytes | None = None) -> Row:
    return replies(name, HEAD + CHUNKED + b"\r\n" + body, HEAD + CHUNKED + OURS + (body if passes is None else passes))


def bad_chunks(name: str, body: bytes, passed: bytes = b"", then: str = "keep") -> Row:
    """What of the reply had passed when its fault showed, and never an end."""
    beginning = re.compile(re.escape(HEAD + CHUNKED + OURS) + b"(?:" + _beginnings(passed) + b")")
    return cut_or_bad_gateway(name, HEAD + CHUNKED + b"\r\n" + body, beginning, then)


def _beginnings(data: bytes) -> bytes:
    return b"|".join(re.escape(data[:size]) for size in range(len(data), -1, -1))


def cut(name: str, reply: bytes, passed: bytes, then: str = "close", end: str = CUT) -> Row:
    return Row(name, request(), (Turn(seen(), reply, then),), (Seen(passed, end),))


def kept(name: str, reply: bytes, gets: bytes) -> Row:
    """The next request goes over the same connection."""
    turns = (Turn(seen(), reply), Turn(seen(), OK, on="same"))
    return Row(f"connection is used again: {name}", request() * 2, turns, (Seen(gets + GOT_OK),))


def for_http10(name: str, reply: bytes, gets: bytes, end: str, then: str = "keep") -> Row:
    return Row(name, REQUEST_10, (Turn(seen(), reply, then),), (Seen(gets, end),))


ROWS = [
    replies(
        "a reply of 100 KB",
        HEAD + b"Content-Length: 100000\r\n\r\n" + b"y" * 100000,
        HEAD + b"Content-Length: 100000\r\n" + OURS + b"y" * 100000,
    ),
    replies(
        "every byte in a reply's body",
        HEAD + b"Content-Length: 256\r\n\r\n" + bytes(range(256)),
        HEAD + b"Content-Length: 256\r\n" + OURS + bytes(range(256)),
    ),
    chunked("a chunked reply", b"5\r\nhello\r\n0\r\n\r\n"),
    chunked("an empty chunked reply", b"0\r\n\r\n"),
    chunked("chunks of the reply keep sizes and extensions", b'1;a="b c"\r\nx\r\n00A\r\n0123456789\r\n00;z\r\n\r\n'),
    chunked("events one by one", b"".join(b"e\r\ndata: event %d\n\r\n" % place for place in range(9)) + b"0\r\n\r\n"),
    chunked("H1-52 trailers of the reply are dropped", b"1\r\nx\r\n0\r\nX-T: 1\r\n\r\n", b"1\r\nx\r\n0\r\n\r\n"),
    *(
        bad_chunks(f"H1-49 chunk size {size!r} in the reply", size + b"\r\nhello\r\n0\r\n\r\n")
        for size in (b"0x5", b"-1", b"5 ", b" 5", b"", b"1" * 17, b"5;\0", b"5\n", b"zz")
    ),
    bad_chunks("H1-49 chunk longer than its size in the reply", b"3\r\nhello\r\n0\r\n\r\n", b"3\r\nhel"),
    bad_chunks("H1-49 good chunk, then a bad one in the reply", b"5\r\nhello\r\nzz\r\n", b"5\r\nhello\r\n"),
    bad_chunks("H1-52 bad trailer in the reply", b"0\r\nA b: 1\r\n\r\n", b"0\r\n"),
    bad_chunks("chunk extension of 64 KiB in the reply", b"5;" + b"a" * 65536 + b"\r\nhello\r\n0\r\n\r\n"),
    bad_chunks("the same alone in its read", b"5;" + b"a" * 65536 + b"\r\nhello\r\n", then="close"),
    cut(
        "H1-44 chunks without the last one, closed",
        HEAD + CHUNKED + b"\r\n5\r\nhello\r\n",
        HEAD + CHUNKED + OURS + b"5\r\nhello\r\n",
    ),
    cut("H1-44 half a chunk, closed", HEAD + CHUNKED + b"\r\n5\r\nhel", HEAD + CHUNKED + OURS + b"5\r\nhel"),
    cut(
        "H1-44 last chunk without its empty line, closed",
        HEAD + CHUNKED + b"\r\n0\r\n",
        HEAD + CHUNKED + OURS + b"0\r\n",
    ),
    cut(
        "H1-44 chunks without the last one, reset",
        HEAD + CHUNKED + b"\r\n5\r\nhello\r\n",
        HEAD + CHUNKED + OURS + b"5\r\nhello\r\n",
        then="reset",
    ),
    cut(
        "H1-43 body shorter than its length, closed",
        HEAD + b"Content-Length: 100000\r\n\r\n" + b"z" * 40010,
        HEAD + b"Content-Length: 100000\r\n" + OURS + b"z" * 40010,
    ),
    cut("H1-43 head alone, closed", HEAD + b"Content-Length: 1\r\n\r\n", HEAD + b"Content-Length: 1\r\n" + OURS),
    cut(
        "H1-43 body shorter than its length, reset",
        HEAD + b"Content-Length: 9\r\n\r\nhello",
        HEAD + b"Content-Length: 9\r\n" + OURS + b"hello",
        then="reset",
    ),
    replies(
        "H1-48 body until the connection closes is framed anew",
        HEAD + b"A: 1\r\n\r\nhello",
        re.compile(re.escape(HEAD + b"A: 1\r\n" + CHUNKED + OURS) + rb"(?:[1-5]\r\n[helo]{1,5}\r\n)+0\r\n\r\n"),
        then="close",
    ),
    replies(
        "H1-48 empty body until the connection closes",
        HEAD + b"\r\n",
        HEAD + CHUNKED + OURS + b"0\r\n\r\n",
        then="close",
    ),
    Row(
        "H1-48 body until the connection closes, reset",
        request(),
        (Turn(seen(), HEAD + b"\r\nhello", "reset"),),
        (Seen(re.compile(re.escape(HEAD + CHUNKED + OURS) + rb"(?:[1-5]\r\n[helo]{1,5}\r\n)+"), CUT),),
    ),
    spoiled("H1-47 bytes behind the body are dropped", OK + FORGED, GOT_OK),
    spoiled("H1-47 bytes behind the last chunk are dropped", HEAD + CHUNKED + b"\r\n0\r\n\r\n" + FORGED, NO_CHUNKS),
    spoiled("H1-47 bytes behind the empty body are dropped", HEAD + b"Content-Length: 0\r\n\r\n" + FORGED, NO_LENGTH),
    spoiled("H1-33 204 with a length and a body", NO_CONTENT + b"Content-Length: 5\r\n\r\nhello", NO_CONTENT + OURS),
    spoiled("H1-33 204 with a length and no body", NO_CONTENT + b"Content-Length: 5\r\n\r\n", NO_CONTENT + OURS),
    spoiled("H1-33 204 with chunks", NO_CONTENT + CHUNKED + b"\r\n0\r\n\r\n", NO_CONTENT + OURS),
    replies("204 alone", NO_CONTENT + b"\r\n", NO_CONTENT + OURS),
    replies("204 with a length of 0", NO_CONTENT + b"Content-Length: 0\r\n\r\n", NO_CONTENT + OURS),
    Row(
        "H1-33 204 that announces a body, after three that do not",
        request() * 5,
        (Turn(seen(), NO_CONTENT + b"Content-Length: 0\r\n\r\n"),) * 3
        + (Turn(seen(), NO_CONTENT + b"Content-Length: 5\r\n\r\n"), Turn(seen(), OK, on="new")),
        (Seen((NO_CONTENT + OURS) * 4 + GOT_OK),),
    ),
    replies("H1-33 304 keeps its length and has no body", NOT_MODIFIED + b"\r\n", NOT_MODIFIED + OURS),
    spoiled("H1-33 304 with a body", NOT_MODIFIED + b"\r\nhello", NOT_MODIFIED + OURS),
    spoiled(
        "H1-42 reply of HTTP/1.0 with chunks is delivered, its connection not used again",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n",
        HEAD + CHUNKED + OURS + b"2\r\nok\r\n0\r\n\r\n",
    ),
    spoiled("reply of HTTP/1.0 closes by default", OK.replace(b"1.1", b"1.0"), GOT_OK),
    spoiled("Connection: close of the upstream", HEAD + b"Connection: close\r\n" + OK[17:], GOT_OK),
    spoiled("Connection: close, and it does", HEAD + b"Connection: close\r\n" + OK[17:], GOT_OK, "close"),
    spoiled("closed behind the reply", OK, GOT_OK, "close"),
    spoiled("keep-alive of one second is too short", HEAD + b"Keep-Alive: max=9, timeout=1\r\n" + OK[17:], GOT_OK),
    kept("reply with a length", OK, GOT_OK),
    kept("chunked reply", HEAD + CHUNKED + b"\r\n0\r\n\r\n", NO_CHUNKS),
    kept("204", NO_CONTENT + b"\r\n", NO_CONTENT + OURS),
    kept("304", NOT_MODIFIED + b"\r\n", NOT_MODIFIED + OURS),
    kept("HTTP/1.0 with keep-alive", b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" + OK[17:], GOT_OK),
    kept("keep-alive of a minute", HEAD + b"Keep-Alive: timeout=60\r\n" + OK[17:], GOT_OK),
    for_http10(
        "HTTP/1.0 client gets chunks undone, and the end",
        HEAD + CHUNKED + b"\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n",
        UNTIL_CLOSE_10 + b"hello!",
        "closed",
    ),
    for_http10(
        "HTTP/1.0 client: a cut chunked reply is reset",
        HEAD + CHUNKED + b"\r\n5\r\nhello\r\n",
        UNTIL_CLOSE_10 + b"hello",
        RESET,
        "close",
    ),
    for_http10(
        "HTTP/1.0 client gets a body until the connection closes",
        HEAD + b"\r\nhello",
        UNTIL_CLOSE_10 + b"hello",
        "closed",
        "close",
    ),
    for_http10("HTTP/1.0 client: such a body, reset", HEAD + b"\r\nhello", UNTIL_CLOSE_10 + b"hello", RESET, "reset"),
    for_http10(
        "HTTP/1.0 client gets a length",
        OK,
        HEAD + b"Content-Length: 2\r\nX-Request-Id: ID\r\nConnection: close\r\n\r\nok",
        "closed",
    ),
]
