"""Http11Probe, suite Compliance, under its names: each case as a request for a service of the gateway.

Where the probe asks something of an origin (its Date, its Allow), the upstream says it, and the row wants it passed on.
"""

from table import Turn

from corpus.cases import Clean, Refused
from corpus.parts import HELLO, POST, Suite, chunked, counted, got, post, reply, request, saw

PROBE = Suite("Http11Probe, compliance")
WS = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
V13 = b"Sec-WebSocket-Version: 13"
DATE = b"Date: Sun, 06 Nov 1994 08:49:37 GMT"


def line(text: bytes, *lines: bytes, **more: bytes) -> bytes:
    return request(*lines, line=text, **more)


def says(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = b"ok") -> tuple[Turn, ...]:
    length = () if status.startswith(b"HTTP/1.1 204") else (b"Content-Length: %d" % len(body),)
    return (Turn(b"", reply(*lines, *length, status=status, body=body)),)


ROWS = [
    PROBE.clean("COMP-BASELINE", request()),
    PROBE.refused("RFC9112-2.2-BARE-LF-REQUEST-LINE", b"GET /v1/svc/x HTTP/1.1\nHost: gw\r\n\r\n", level="MAY"),
    PROBE.refused(
        "RFC9112-2.2-BARE-LF-HEADER", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\nX-Test: value\r\n\r\n", level="MAY"
    ),
    PROBE.refused("RFC9112-5.1-OBS-FOLD", request(b"X-Test: value\r\n continued")),
    PROBE.refused("RFC9110-5.6.2-SP-BEFORE-COLON", request(b"X-Test : value")),
    PROBE.refused("RFC9112-3-MULTI-SP-REQUEST-LINE", line(b"GET  /v1/svc/x HTTP/1.1"), level="SHOULD"),
    PROBE.refused("RFC9112-7.1-MISSING-HOST", request(host=None)),
    PROBE.refused("RFC9112-2.3-INVALID-VERSION", line(b"GET /v1/svc/x HTTP/9.9"), 400, 505, level="SHOULD"),
    PROBE.refused("RFC9112-5-EMPTY-HEADER-NAME", request(b": empty-name")),
    PROBE.refused("RFC9112-3-CR-ONLY-LINE-ENDING", b"GET /v1/svc/x HTTP/1.1\rHost: gw\r\n\r\n"),
    PROBE.refused("RFC9112-3-MISSING-TARGET", line(b"GET HTTP/1.1")),
    PROBE.refused("RFC9112-3.2-FRAGMENT-IN-TARGET", line(b"GET /v1/svc/x#frag HTTP/1.1"), level="SHOULD"),
    PROBE.refused("RFC9112-2.3-HTTP09-REQUEST", b"GET /v1/svc/x\r\n\r\n", level="SHOULD"),
    PROBE.refused("RFC9112-5-INVALID-HEADER-NAME", request(b"Bad[Name: value")),
    PROBE.refused("RFC9112-5-HEADER-NO-COLON", request(b"NoColonHere")),
    PROBE.refused("RFC9110-5.4-DUPLICATE-HOST", request(b"Host: other.example.com")),
    PROBE.refused("RFC9112-6.1-CL-NON-NUMERIC", post(b"Content-Length: abc")),
    PROBE.refused("RFC9112-6.1-CL-PLUS-SIGN", post(b"Content-Length: +5", body=b"hello")),
    PROBE.refused("COMP-WHITESPACE-BEFORE-HEADERS", b"GET /v1/svc/x HTTP/1.1\r\n \r\nHost: gw\r\n\r\n"),
    PROBE.refused("COMP-DUPLICATE-HOST-SAME", request(b"Host: gw")),
    PROBE.refused("COMP-HOST-WITH-USERINFO", request(host=b"Host: user@gw")),
    PROBE.refused("COMP-HOST-WITH-PATH", request(host=b"Host: gw/path")),
    PROBE.refused("COMP-ASTERISK-WITH-GET", line(b"GET * HTTP/1.1")),
    PROBE.answered("COMP-OPTIONS-STAR", line(b"OPTIONS * HTTP/1.1"), 200, 204),
    PROBE.refused("COMP-UNKNOWN-TE-501", post(b"Transfer-Encoding: gzip"), 400, 501),
    PROBE.clean("COMP-LEADING-CRLF", b"\r\n\r\n" + request(), level="SHOULD", allowed=Refused(0, (400,))),
    PROBE.clean("COMP-ABSOLUTE-FORM", line(b"GET http://gw/v1/svc/x HTTP/1.1"), level="SHOULD"),
    PROBE.refused("COMP-METHOD-CASE", line(b"get /v1/svc/x HTTP/1.1"), 400, 405, 501, level="SHOULD"),
    PROBE.clean("COMP-POST-CL-BODY", counted(b"hello")),
    PROBE.clean("COMP-POST-CL-ZERO", post(b"Content-Length: 0")),
    PROBE.clean("COMP-POST-NO-CL-NO-TE", post()),
    PROBE.waits("COMP-POST-CL-UNDERSEND", post(b"Content-Length: 10", body=b"hello")),
    PROBE.clean("COMP-CHUNKED-BODY", chunked(HELLO)),
    PROBE.clean("COMP-CHUNKED-MULTI", chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")),
    PROBE.clean("COMP-CHUNKED-EMPTY", chunked(b"0\r\n\r\n")),
    PROBE.waits("COMP-CHUNKED-NO-FINAL", chunked(b"5\r\nhello\r\n")),
    PROBE.clean("COMP-UPGRADE-POST", post(*WS, V13), saw=saw(absent=(b"upgrade",))),
    PROBE.clean("COMP-UPGRADE-MISSING-CONN", request(*WS[1:], V13), saw=saw(absent=(b"upgrade",))),
    PROBE.clean(
        "COMP-UPGRADE-UNKNOWN",
        request(b"Connection: Upgrade", b"Upgrade: totally-made-up/1.0"),
        saw=saw(absent=(b"upgrade",)),
    ),
    PROBE.refused(
        "COMP-METHOD-CONNECT",
        line(b"CONNECT example.com:443 HTTP/1.1", host=b"Host: example.com:443"),
        400,
        405,
        501,
        level="SHOULD",
    ),
    PROBE.refused("COMP-EXPECT-UNKNOWN", request(b"Expect: 200-ok"), 417, level="MAY"),
    PROBE.clean("COMP-GET-WITH-CL-BODY", request(b"Content-Length: 5", body=b"hello"), level="MAY"),
    PROBE.clean("COMP-CHUNKED-EXTENSION", chunked(b"5;ext=value\r\nhello\r\n0\r\n\r\n")),
    PROBE.clean(
        "COMP-UPGRADE-INVALID-VER",
        request(*WS, b"Sec-WebSocket-Version: 99"),
        status=426,
        turns=says(V13, status=b"HTTP/1.1 426 Upgrade Required"),
    ),
    PROBE.refused("COMP-METHOD-TRACE", line(b"TRACE /v1/svc/x HTTP/1.1"), 405, 501, level="SHOULD"),
    PROBE.refused("COMP-HOST-EMPTY-VALUE", request(host=b"Host: ")),
    PROBE.refused("COMP-REQUEST-LINE-TAB", line(b"GET\t/v1/svc/x HTTP/1.1"), level="SHOULD"),
    PROBE.refused("COMP-VERSION-MISSING-MINOR", line(b"GET /v1/svc/x HTTP/1")),
    PROBE.refused("COMP-VERSION-LEADING-ZEROS", line(b"GET /v1/svc/x HTTP/01.01")),
    PROBE.refused("COMP-VERSION-WHITESPACE", line(b"GET /v1/svc/x HTTP/ 1.1")),
    PROBE.clean("COMP-CONNECTION-CLOSE", request(b"Connection: close"), closes=True),
    PROBE.clean("COMP-HTTP10-DEFAULT-CLOSE", line(b"GET /v1/svc/x HTTP/1.0"), closes=True, level="SHOULD"),
    PROBE.clean("COMP-HTTP10-NO-HOST", line(b"GET /v1/svc/x HTTP/1.0", host=None), closes=True, level="MAY"),
    PROBE.clean(
        "COMP-HTTP12-VERSION",
        line(b"GET /v1/svc/x HTTP/1.2"),
        level="MAY",
        allowed=Refused(0, (505,)),
        instead=Refused(0, (400,)),
        reason="there is no HTTP/1.2; a version that no client speaks is refused like every other malformed line",
    ),
    PROBE.refused(
        "COMP-TRACE-WITH-BODY",
        line(b"TRACE /v1/svc/x HTTP/1.1", b"Content-Length: 5", body=b"hello"),
        400,
        405,
        501,
        level="SHOULD",
    ),
    PROBE.clean("COMP-CHUNKED-TRAILER-VALID", chunked(b"5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n")),
    PROBE.clean("COMP-CHUNKED-HEX-UPPERCASE", chunked(b"A\r\nhelloworld\r\n0\r\n\r\n")),
    PROBE.clean("COMP-RANGE-POST", counted(b"hello", b"Range: bytes=0-10"), saw=saw(b"Range: bytes=0-10")),
    PROBE.clean(
        "COMP-UPGRADE-HTTP10", line(b"GET /v1/svc/x HTTP/1.0", *WS, V13), closes=True, saw=saw(absent=(b"upgrade",))
    ),
    PROBE.clean("COMP-HEAD-NO-BODY", line(b"HEAD /v1/svc/x HTTP/1.1"), body=b""),
    PROBE.refused("COMP-UNKNOWN-METHOD", line(b"FOOBAR /v1/svc/x HTTP/1.1"), 400, 405, 501, level="SHOULD"),
    PROBE.refused("COMP-405-ALLOW", line(b"TRACE /v1/svc/x HTTP/1.1"), 405),
    PROBE.clean("COMP-DATE-HEADER", request(), turns=says(DATE), got=got((b"date", DATE[6:]))),
    PROBE.clean("COMP-DATE-FORMAT", request(), turns=says(DATE), got=got((b"date", DATE[6:])), level="SHOULD"),
    PROBE.clean(
        "COMP-NO-1XX-HTTP10",
        request(b"Expect: 100-continue", b"Content-Length: 5", line=POST.replace(b"1.1", b"1.0"), body=b"hello"),
        closes=True,
        got=got(interim=()),
    ),
    PROBE.clean(
        "COMP-NO-CL-IN-204",
        line(b"OPTIONS /v1/svc/x HTTP/1.1"),
        status=204,
        body=b"",
        turns=(Turn(b"", reply(b"Content-Length: 0", status=b"HTTP/1.1 204 No")),),
        got=got(absent=(b"content-length",)),
    ),
    PROBE.clean(
        "COMP-OPTIONS-ALLOW",
        line(b"OPTIONS /v1/svc/x HTTP/1.1"),
        turns=says(b"Allow: GET"),
        got=got((b"allow", b"GET")),
        level="SHOULD",
    ),
    PROBE.clean(
        "COMP-CONTENT-TYPE",
        request(),
        turns=says(b"Content-Type: text/plain"),
        got=got((b"content-type", b"text/plain")),
        level="SHOULD",
    ),
    PROBE.refused("COMP-VERSION-CASE", line(b"GET /v1/svc/x http/1.1")),
    PROBE.clean("COMP-LONG-URL-OK", line(b"GET /v1/svc/" + b"a" * 7900 + b" HTTP/1.1"), level="SHOULD"),
    PROBE.refused("COMP-SPACE-IN-TARGET", line(b"GET /v1/svc/pa th HTTP/1.1")),
    PROBE.refused(
        "COMP-DUPLICATE-CT",
        counted(b"hello", b"Content-Type: text/plain", b"Content-Type: text/html"),
        level="SHOULD",
        allowed=Clean(1, saw=saw(b"Content-Type: text/plain", b"Content-Type: text/html")),
    ),
    PROBE.refused(
        "COMP-TRACE-SENSITIVE",
        line(b"TRACE /v1/svc/x HTTP/1.1", b"Authorization: Bearer secret-token-123"),
        405,
        501,
        level="SHOULD",
    ),
    PROBE.clean("COMP-RANGE-INVALID", request(b"Range: bytes=abc-xyz"), saw=saw(b"Range: bytes=abc-xyz"), level="MAY"),
    PROBE.clean(
        "COMP-ACCEPT-NONSENSE",
        request(b"Accept: application/x-nonsense"),
        status=406,
        turns=says(status=b"HTTP/1.1 406 No"),
        level="SHOULD",
    ),
    PROBE.clean(
        "COMP-POST-UNSUPPORTED-CT",
        counted(b"hello", b"Content-Type: application/x-nonsense"),
        status=415,
        turns=says(status=b"HTTP/1.1 415 No"),
        level="MAY",
    ),
]
