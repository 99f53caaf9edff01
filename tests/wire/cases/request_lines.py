"""The first line: methods, versions, and what is not HTTP at all."""

from messages import GOT_OK, OK, own, passes, refused, request, seen
from table import CLOSED, Row, Seen, Turn


def method(name: bytes) -> bytes:
    return request(line=name + b" /v1/llm/x HTTP/1.1")


def version(text: bytes) -> bytes:
    return request(line=b"GET /v1/llm/x " + text)


def known(name: bytes) -> Row:
    sees = seen(line=name + b" /v1/x HTTP/1.1")
    return passes(f"{name.decode()} passes", method(name), sees)


ROWS = [
    *(known(name) for name in (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")),
    refused("H1-19 lower-case get is another method", method(b"get"), 405),
    refused("H1-19 method G@T is no token", method(b"G@T")),
    refused("H1-19 unknown method FOO", method(b"FOO"), 405),
    refused("H1-19 QUERY is not offered", method(b"QUERY"), 405),
    refused("H1-19 TRACE is never forwarded", method(b"TRACE"), 405),
    refused("H1-19 CONNECT to an authority opens no tunnel", request(line=b"CONNECT h:80 HTTP/1.1"), 405),
    refused("H1-19 CONNECT to a path opens no tunnel", request(line=b"CONNECT / HTTP/1.1"), 405),
    refused("H1-19 method of 20 KiB", method(b"A" * 20480), 405),
    refused("H1-19 method of 100 KiB", method(b"A" * 102400)),
    refused("H1-17 HTTP/1.10", version(b"HTTP/1.10")),
    refused("H1-17 HTTP/01.1", version(b"HTTP/01.1")),
    refused("H1-17 HTTP/1.2", version(b"HTTP/1.2")),
    refused("H1-17 http/1.1 in lower case", version(b"http/1.1")),
    refused("H1-17 HTTP/2.0", version(b"HTTP/2.0")),
    refused("H1-17 HTTP/0.9", version(b"HTTP/0.9")),
    refused("H1-17 no version", request(line=b"GET /v1/llm/x")),
    refused("H1-17 version without digits", version(b"HTTP/")),
    refused("H1-17 space inside the version", version(b"HTTP/ 1.1")),
    refused("H1-17 another protocol's name", version(b"ICAP/1.1")),
    refused("H1-17 HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("H1-17 TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    refused("two spaces behind the method", request(line=b"GET  /v1/llm/x HTTP/1.1")),
    refused("two spaces behind the target", request(line=b"GET /v1/llm/x  HTTP/1.1")),
    refused("tab behind the method", request(line=b"GET\t/v1/llm/x HTTP/1.1")),
    refused("space before the method", request(line=b" GET /v1/llm/x HTTP/1.1")),
    refused("space behind the version", request(line=b"GET /v1/llm/x HTTP/1.1 ")),
    refused("H1-14 bare LF behind the request line", b"GET /v1/llm/x HTTP/1.1\nHost: gw\n\n"),
    refused("H1-14 bare LF behind the request line only", b"GET /v1/llm/x HTTP/1.1\nHost: gw\r\n\r\n"),
    refused("H1-14 bare CR in the request line", request(line=b"GET /v1/llm/x\rHTTP/1.1")),
    refused("NUL in the request line", request(line=b"GET /v1/llm/\0 HTTP/1.1")),
    passes("empty line before the request is skipped", b"\r\n" + request(), seen()),
    passes("several empty lines before the request are skipped", b"\r\n\r\n\r\n" + request(), seen()),
    Row("empty lines alone are no request", b"\r\n\r\n", (), (Seen(b""),)),
    refused("empty line before something that is no request", b"\r\n" + request(line=b"NONSENSE")),
    Row(
        "empty line between requests is skipped",
        request() + b"\r\n" + request(),
        (Turn(seen(), OK), Turn(seen(), OK)),
        (Seen(GOT_OK * 2),),
    ),
    refused("empty line of a bare LF before the request", b"\n" + request()),
    Row(
        "H1-14 bare LFs are seen at once, also behind a whole request",
        request(b"X: " + b"x" * 300) + b"GET /v1/llm/x HTTP/1.1\nHost: gw\n\n",
        (Turn(seen(b"X: " + b"x" * 300), OK),),
        (Seen(GOT_OK + own(400, close=True), CLOSED),),
    ),
]
