"""Header fields of requests: what is refused, what passes untouched, and what belongs to one connection only."""

from messages import passes, refused, request, seen
from table import Row


def odd(name: str, *lines: bytes) -> Row:
    return refused(f"H1-14 {name}", request(*lines))


def untouched(name: str, *lines: bytes) -> Row:
    return passes(name, request(*lines), seen(*lines))


def dropped(name: str, *lines: bytes, passing: tuple[bytes, ...] = ()) -> Row:
    return passes(name, request(b"A: 1", *lines, b"Z: 1"), seen(b"A: 1", *passing, b"Z: 1"))


CONTROLS = (b"\0", b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1f", b"\x7f")

ROWS = [
    *(odd(f"control byte {byte!r} in a value", b"A: a" + byte + b"b") for byte in CONTROLS),
    odd("bare CR in a value", b"A: a\rb"),
    odd("bare CR that hides a field", b"A: \rTransfer-Encoding: chunked"),
    odd("bare LF in a value", b"A: a\nb"),
    odd("bare LF that hides a field", b"A: a\nContent-Length: 5"),
    odd("space in a name", b"A b: 1"),
    odd("tab in a name", b"A\tb: 1"),
    odd("byte 0x85 in a name", b"A\x85: 1"),
    odd("byte 0xa0 in a name", b"A\xa0: 1"),
    odd("bracket in a name", b"A(: 1"),
    odd("NUL in a name", b"A\0: 1"),
    odd("empty name", b": 1"),
    odd("no colon", b"Nonsense"),
    odd("space before the colon", b"A : 1"),
    odd("space before the colon of Content-Length", b"Content-Length : 5"),
    odd("tab before the colon of Transfer-Encoding", b"Transfer-Encoding\t: chunked"),
    odd("folded line", b"A: 1", b" 2"),
    odd("line folded with a tab", b"A: 1", b"\t2"),
    odd("folded line of spaces", b"A: 1", b"  "),
    refused("H1-14 space before the first field", request(host=b" Host: gw")),
    refused("H1-14 CR CR LF behind a line", request(b"A: 1\r")),
    refused("H1-14 empty line ends in bare LF", b"GET /v1/llm/x HTTP/1.1\r\nHost: gw\r\n\n"),
    refused("header block ended by CRLF CR X", b"GET /v1/llm/x HTTP/1.1\r\nHost: gw\r\n\rX"),
    untouched("H1-23 unknown fields keep bytes and order", b"b: 2", b"A:1", b"c:\t 3 \t", b"X-EMPTY:", b"a: 4"),
    untouched("H1-23 two fields of one name", b"A: 1", b"B: 2", b"A: 2", b"A: 1"),
    untouched("bytes above 0x7f in a value", b"A: caf\xc3\xa9 \xff"),
    untouched("odd token characters in a name", b"!#$%&'*+-.^`|~9: 1"),
    untouched("H1-23 127 fields", *(b"F%d: %d" % (place, place) for place in range(127))),
    untouched("nothing is invented or decompressed", b"Accept-Encoding: br", b"Content-Encoding: gzip", b"Cookie: a=b"),
    untouched("a field of 16,000 bytes", b"A: " + b"a" * 16000),
    untouched("client's Via is kept before ours", b"Via: 1.0 fred"),
    refused("ED-08 129 fields", request(*(b"F%d: 1" % place for place in range(128))), 431),
    refused("ED-08 10,000 fields", request(*(b"F%d: 1" % place for place in range(10000))), 431),
    refused("ED-08 a field of 20 KiB", request(b"A: " + b"a" * 20480), 431),
    refused("ED-08 a name of 20 KiB", request(b"A" * 20480 + b": 1"), 431),
    refused("ED-08 a head of 100 KiB", request(*(b"A: " + b"a" * 8192 for _ in range(12))), 431),
    dropped("ED-38 names with underscores", b"X_Auth_Subject: root", b"Content_Length: 5", b"A_: 1"),
    dropped("what the gateway sets is not the client's to set", b"X-Auth-Subject: root", b"x-auth-subject: root"),
    dropped(
        "hop-by-hop fields",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"Proxy-Authorization: Basic eA==",
        b"Proxy-Authenticate: Basic",
        b"Trailer: X",
        b"Upgrade: h2c",
    ),
    dropped("ED-39 what Connection names", b"Connection: X-Foo", b"X-Foo: 1", b"x-foo: 2"),
    dropped("ED-39 names in a list with empty elements", b"Connection: , X-A ,\tx-b,", b"X-A: 1", b"X-B: 1"),
    dropped("ED-39 two Connection lines", b"Connection: X-A", b"Connection: X-B", b"X-A: 1", b"X-B: 1"),
    dropped(
        "h2c upgrade and its settings", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x"
    ),
    dropped("H1-34 TE: trailers, gzip", b"TE: trailers, gzip"),
    dropped("H1-34 TE: gzip", b"Connection: TE", b"TE: gzip"),
    dropped("H1-34 TE: trailers;q=0.5", b"Connection: TE", b"TE: trailers;q=0.5"),
    passes(
        "nobody can name away what the gateway sets",
        request(
            b"Connection: Host, Via, X-Request-Id, X-Forwarded-For, traceparent, X-Auth-Subject, Content-Length",
            b"Content-Length: 2",
            line=b"POST /v1/llm/x HTTP/1.1",
            body=b"hi",
        ),
        seen(b"Content-Length: 2", line=b"POST /v1/x HTTP/1.1", tail=b"\r\nhi"),
    ),
    passes(
        "client's request id is kept",
        request(b"X-Request-Id: a.B_c-9"),
        seen().replace(b"X-Request-Id: ID", b"X-Request-Id: a.B_c-9"),
        gets=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: a.B_c-9\r\n\r\nok",
    ),
    dropped("request id with other bytes is replaced", b'X-Request-Id: a"b'),
    dropped("request id of 129 bytes is replaced", b"X-Request-Id: " + b"a" * 129),
    dropped("empty request id is replaced", b"X-Request-Id:"),
    passes(
        "client's trace is continued, with its state",
        request(b"traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"tracestate: x=1"),
        seen(b"tracestate: x=1").replace(b"TRACE", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"),
    ),
    dropped(
        "trace of zeros is replaced, and its state dropped",
        b"traceparent: 00-" + b"0" * 32 + b"-" + b"b" * 16 + b"-01",
        b"tracestate: x=1",
    ),
    dropped("state without a trace is dropped", b"tracestate: x=1"),
    dropped("Authorization does not pass by default", b"Authorization: Bearer x"),
    passes(
        "header rules of a service",
        request(b"authorization: Bearer x", b"X-Remove: 1", b"x-set: theirs", b"A: 1", line=b"GET /v1/own/x HTTP/1.1"),
        seen(b"authorization: Bearer x", b"A: 1", b"X-Set: by us", line=b"GET /own/x HTTP/1.1"),
    ),
    refused("JW-14 two Authorization fields", request(b"Authorization: Bearer a", b"Authorization: Bearer b")),
]
