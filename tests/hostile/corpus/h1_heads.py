"""H1-14, H1-15, H1-17, H1-18 and H1-23: the request line's version, and the lines behind it."""

from corpus.cases import Clean
from corpus.parts import HELLO, LINE, SMUGGLED, TE, Suite, got, post, request, saw

H1 = Suite("H1, client side")

ODD_LINES = {
    "bare CR in a value": b"A: a\rb",
    "bare CR that hides a field": b"A: \rTransfer-Encoding: chunked",
    "bare LF in a value": b"A: a\nb",
    "bare LF that hides a field": b"A: a\nContent-Length: 43",
    "NUL in a value": b"A: a\0b",
    "BEL in a value": b"A: a\x07b",
    "DEL in a value": b"A: a\x7fb",
    "space in a name": b"A b: 1",
    "tab in a name": b"A\tb: 1",
    "byte 0x85 in a name": b"Content-Length\x85: 5",
    "byte 0xa0 in a name": b"Content-Length\xa0: 5",
    "bracket in a name": b"A(b: 1",
    "NUL in a name": b"A\0: 1",
    "CR in a name": b"A\r: 1",
    "UTF-8 in a name": b"\xc3\xa9: 1",
    "empty name": b": 1",
    "empty name and value": b":",
    "no colon": b"Nonsense",
    "no colon, but a space": b"Content-Length 5",
    "space before the colon": b"A : 1",
    "space before the colon of CL": b"Content-Length : 43",
    "tab before the colon of TE": b"Transfer-Encoding\t: chunked",
    "folded line": b"A: 1\r\n 2",
    "line folded with a tab": b"A: 1\r\n\t2",
    "a name across two lines": b"Transfer-\r\nEncoding: chunked",
    "a line of a space": b" ",
    "CR CR LF behind a line": b"A: 1\r",
}
VERSIONS = (
    *(
        b"HTTP/1.10",
        b"HTTP/01.1",
        b"HTTP/1.01",
        b"HTTP/1",
        b"HTTP/1.",
        b"HTTP/11",
        b"http/1.1",
        b"HTTP/2.0",
        b"HTTP/0.9",
    ),
    *(b"HTTP/ 1.1", b"HTTP/1.1.1", b"HTTP/+1.1", b"HTTP/1.1 ", b"HTTP/\r\r1.1", b"HTTP/4294967295.255", b"HTTPS/1.1"),
    *(b"ICAP/1.0", b"HTTP", b"HTTP/", b"1.1", b"HTTP/x.y", b"HTTP/1.1\0"),
)
BAD_HOSTS = (
    b"a b",
    b"a,b",
    b"user@a",
    b"a/b",
    b"",
    b"a\0b",
    b"a?b",
    b"a#b",
    b"[::1",
    b"a:b",
    b"a:1:2",
    b"\xffa\xff",
    b"a;b\tc",
)
GOOD_HOSTS = (b"gw", b"gw:80", b"gw:", b"192.0.2.1:8080", b"[::1]", b"[2001:db8::1]:443", b"xn--bcher-kva.example")
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\x20" + bytes(64)


def one_zero(*lines: bytes, host: bytes | None = b"Host: gw", body: bytes = b"", method: bytes = b"GET") -> bytes:
    return request(*lines, line=method + b" /v1/svc/x HTTP/1.0", host=host, body=body)


ROWS = [
    *(H1.refused(f"H1-14 {name}", post(b"Content-Length: 0", line, body=SMUGGLED)) for name, line in ODD_LINES.items()),
    H1.refused("H1-14 space before the first field", request(host=b" Host: gw")),
    H1.refused("H1-14 tab before the first field", request(host=b"\tContent-Length: 1", body=b"X")),
    H1.refused("H1-14 request line ends in LF", b"GET /v1/svc/x HTTP/1.1\nHost: gw\r\n\r\n"),
    H1.refused("H1-14 all lines end in LF", b"GET /v1/svc/x HTTP/1.1\nHost: gw\n\n"),
    H1.refused("H1-14 head ends in LF", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\n"),
    H1.refused("H1-14 head ends in CRLF CR X", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\rX" + SMUGGLED),
    H1.clean(
        "H1-14 bytes above 0x7f in a value are its own affair",
        request(b"A: \x85caf\xc3\xa9 \xff\xa0"),
        saw=saw(b"A: \x85caf\xc3\xa9 \xff\xa0"),
    ),
    H1.clean("H1-14 odd characters of a token", request(b"!#$%&'*+-.^`|~9: 1"), saw=saw(b"!#$%&'*+-.^`|~9: 1")),
    H1.clean("H1-14 a field without a value", request(b"A:", b"B: "), saw=saw(b"A:", b"B: ")),
    H1.refused("H1-15 no Host", request(host=None)),
    H1.refused("H1-15 two Host lines", request(b"Host: other")),
    H1.refused("H1-15 two equal Host lines", request(b"Host: gw")),
    H1.refused("H1-15 two Host lines of different case", request(b"hOST: gw")),
    H1.refused("H1-15 Host without a colon", request(host=b"Host")),
    *(H1.refused(f"H1-15 Host {value.decode('latin-1')!r}", request(host=b"Host: " + value)) for value in BAD_HOSTS),
    *(
        H1.clean(
            f"H1-15 Host {value.decode()!r} is good",
            request(host=b"Host: " + value),
            saw=saw(b"X-Forwarded-Host: " + value),
        )
        for value in GOOD_HOSTS
    ),
    *(
        H1.refused(f"H1-17 version {text.decode('latin-1')!r}", request(line=b"GET /v1/svc/x " + text), 400, 505)
        for text in VERSIONS
    ),
    H1.refused("H1-17 no version", request(line=b"GET /v1/svc/x"), 400, 505),
    H1.refused("H1-17 HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 400, 505),
    H1.refused("H1-17 TLS ClientHello", CLIENT_HELLO, 400, 505),
    H1.refused("H1-17 a SOCKS greeting", b"\x05\x01\x00"),
    H1.refused("H1-17 two spaces behind the method", request(line=b"GET  /v1/svc/x HTTP/1.1")),
    H1.refused("H1-17 two spaces behind the target", request(line=b"GET /v1/svc/x  HTTP/1.1")),
    H1.refused("H1-17 space before the method", request(line=b" GET /v1/svc/x HTTP/1.1")),
    H1.refused("H1-17 form feed for a space", request(line=b"GET\x0c/v1/svc/x HTTP/1.1")),
    H1.refused("H1-17 no target", request(line=b"GET HTTP/1.1")),
    H1.clean("H1-18 HTTP/1.0 closes", one_zero(), closes=True, got=got(absent=(b"transfer-encoding",))),
    H1.clean("H1-18 HTTP/1.0 without Host", one_zero(host=None), closes=True),
    H1.clean(
        "H1-18 HTTP/1.0 that asks to be kept",
        one_zero(b"Connection: keep-alive"),
        got=got((b"connection", b"keep-alive")),
    ),
    H1.clean(
        "H1-18 HTTP/1.0 never gets 1xx",
        one_zero(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello", method=b"POST"),
        closes=True,
        got=got(interim=()),
    ),
    H1.refused("H1-18 HTTP/1.0 with TE", one_zero(TE, method=b"POST", body=HELLO + SMUGGLED)),
    H1.refused("H1-18 HTTP/1.0 with TE and CL", one_zero(b"Content-Length: 5", TE, method=b"POST", body=HELLO)),
    H1.clean(
        "H1-23 fields of one name keep their order",
        request(b"A: 1", b"B: 2", b"A: 2", b"A: 1"),
        saw=saw(b"A: 1", b"B: 2", b"A: 2", b"A: 1"),
    ),
    H1.clean(
        "H1-23 unknown fields keep their bytes",
        request(b"b: 2", b"A:1", b"c:\t 3 \t", b"X-EMPTY:"),
        saw=saw(b"b: 2", b"A:1", b"c:\t 3 \t", b"X-EMPTY:"),
    ),
    H1.clean("H1-23 127 fields", request(*(b"F%d: %d" % (place, place) for place in range(126)))),
    H1.refused("H1-04 nothing is read behind what is malformed", request(line=b"NONSENSE") + SMUGGLED * 3),
    H1.clean("H1-04 empty lines before a request are skipped", b"\r\n\r\n" + request(), allowed=Clean(1)),
    H1.refused("H1-04 empty lines of LF before a request", b"\n\n" + request()),
    H1.clean(
        "H1-04 CL: 0, then the next request",
        post(b"Content-Length: 0") + request(line=LINE.replace(b"/x", b"/y")),
        times=2,
    ),
]
