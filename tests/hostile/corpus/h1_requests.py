"""H1-19 to H1-24 and H1-30 to H1-34: methods, targets, pipelines, upgrades and expectations."""

from table import Turn

from corpus.cases import Answered
from corpus.parts import HELLO, LINE, SMUGGLED, TE, Suite, counted, got, post, reply, request, saw

H1 = Suite("H1, client side")
WS = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)
METHODS = (b"get", b"Get", b"FOO", b"QUERY", b"TRACE", b"TRACK", b"PROPFIND", b"PRI", b"M-SEARCH", b"GETPOST")
TARGETS = {
    "asterisk with GET": b"*",
    "without a slash": b"v1/svc/x",
    "an authority": b"h:80",
    "a tab": b"/v1/svc/a\tb",
    "NUL": b"/v1/svc/a\0b",
    "DEL": b"/v1/svc/a\x7fb",
    "a byte above 0x7f": b"/v1/svc/caf\xc3\xa9",
    "a fragment": b"/v1/svc/x#frag",
    "empty": b"",
    "a backslash": b"/v1/svc/..\\x",
    "another scheme": b"ftp://gw/v1/svc/x",
    "user information": b"http://user:pass@gw/v1/svc/x",
    "a scheme without a host": b"http:///v1/svc/x",
    "quotes and a space": b'/v1/svc/"a b"',
    "exclamation mark": b"!",
}


def method(name: bytes, target: bytes = b"/v1/svc/x", **more: bytes) -> bytes:
    return request(line=name + b" " + target + b" HTTP/1.1", **more)


def target(text: bytes, *lines: bytes, host: bytes = b"Host: gw") -> bytes:
    return request(*lines, line=b"GET " + text + b" HTTP/1.1", host=host)


ROWS = [
    *(H1.refused(f"H1-19 method {name.decode()}", method(name), 405, 501) for name in METHODS),
    H1.refused("H1-19 method G@T", method(b"G@T")),
    H1.refused("H1-19 method with quotes", method(b'G=":<>(e),[T];?"')),
    H1.refused("H1-19 method with NUL", b"\0 /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\r\n"),
    H1.refused("H1-19 method of 100 KiB", method(b"A" * 102400), 400, 405, 431, 501),
    H1.refused("H1-19 CONNECT to an authority", method(b"CONNECT", b"h:80"), 405, 501),
    H1.refused("H1-19 CONNECT to a path", method(b"CONNECT", b"/"), 405, 501),
    *(H1.refused(f"H1-20 target: {name}", target(text)) for name, text in TARGETS.items()),
    H1.answered("H1-20 OPTIONS *", method(b"OPTIONS", b"*"), 200, 204),
    H1.clean("H1-20 target of 8,000 octets", target(b"/v1/svc/" + b"a" * 7992)),
    H1.refused("H1-20 target of 70 KiB", target(b"/v1/svc/" + b"a" * 71680), 414),
    H1.refused("H1-20 target of 20 KiB", target(b"/v1/svc/" + b"a" * 20480), 414),
    H1.clean(
        "H1-21 absolute form",
        target(b"http://gw/v1/svc/x"),
        saw=saw(b"X-Forwarded-Proto: http", b"X-Forwarded-Host: gw"),
    ),
    H1.clean(
        "H1-21 absolute form wins over Host", target(b"http://other/v1/svc/x"), saw=saw(b"X-Forwarded-Host: other")
    ),
    H1.clean(
        "H1-21 absolute form of https does not make it https",
        target(b"https://gw/v1/svc/x"),
        saw=saw(b"X-Forwarded-Proto: http"),
    ),
    H1.refused("H1-21 absolute form without Host", request(line=b"GET http://gw/v1/svc/x HTTP/1.1", host=None)),
    H1.clean("H1-22 40 pipelined requests", b"".join(target(b"/v1/svc/%d" % place) for place in range(40)), times=40),
    H1.clean("H1-22 pipelined requests with bodies", (counted(b"hello") + post(TE, body=HELLO)) * 4, times=8),
    H1.refused("H1-24 handshake with a body", request(*WS, b"Content-Length: 43", body=SMUGGLED)),
    H1.refused("H1-24 handshake with chunks", request(*WS, TE, body=HELLO + SMUGGLED)),
    H1.clean("H1-24 handshake to what is no WebSocket", request(*WS)),
    H1.clean("H1-24 handshake by POST is none", post(*WS), saw=saw(absent=(b"upgrade", b"connection"))),
    H1.clean("H1-24 upgrade that Connection does not name", request(*WS[1:]), saw=saw(absent=(b"upgrade",))),
    H1.clean(
        "H1-24 upgrade to h2c",
        request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"),
        saw=saw(absent=(b"upgrade", b"http2-settings")),
    ),
    H1.clean(
        "H1-30 body withheld until 100",
        (post(b"Content-Length: 5", b"Expect: 100-continue"), b"hello"),
        got=got(interim=(100,)),
        saw=saw(absent=(b"expect",)),
    ),
    H1.clean(
        "H1-30 body not withheld",
        post(b"Content-Length: 5", b"Expect: 100-continue", body=b"hello"),
        saw=saw(absent=(b"expect",)),
    ),
    H1.clean("H1-30 chunks withheld until 100", (post(TE, b"Expect: 100-Continue"), HELLO), got=got(interim=(100,))),
    H1.case(
        "H1-30 nobody is invited to upload to what is not there",
        post(b"Content-Length: 5", b"Expect: 100-continue", line=b"POST /v1/none/x HTTP/1.1"),
        Answered(1, (404,), closes=True),
        followed=False,
    ),
    H1.refused("H1-31 another expectation", request(b"Expect: 200-ok"), 417),
    H1.refused("H1-31 two expectations", request(b"Expect: 100-continue, x"), 417),
    H1.clean(
        "H1-32 HEAD to an upstream that sends a body",
        method(b"HEAD"),
        body=b"",
        turns=(Turn(b"", reply(b"Content-Length: 20", body=b"01234567890123456789")),),
        got=got((b"content-length", b"20")),
    ),
    H1.clean("H1-34 TE: trailers", request(b"Connection: TE", b"TE: trailers"), saw=saw(absent=(b"te",))),
    H1.clean("H1-34 TE: gzip", request(b"Connection: TE", b"TE: gzip"), saw=saw(absent=(b"te",))),
    H1.clean("H1-34 TE: trailers;q=0.5", request(b"TE: trailers;q=0.5"), saw=saw(absent=(b"te",))),
    H1.clean(
        "H1-34 TE: trailers, gzip",
        request(b"TE: trailers, gzip"),
        saw=saw(absent=(b"te",)),
    ),
    H1.clean(
        "H1-34 HEAD with a body",
        request(b"Content-Length: 5", line=LINE.replace(b"GET", b"HEAD"), body=b"hello"),
        body=b"",
    ),
]
