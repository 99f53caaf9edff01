"""What a client may send to make the gateway work: ED-41 asks what each byte of it costs.

`@@` is another number each time, so that nothing that is remembered helps.
"""

import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from gateway.auth.jwt import mint

SECRET = "a secret of at least thirty-two bytes"
LINE = b"GET /v1/open/x HTTP/1.1\r\nHost: gw\r\n"
PLAIN = LINE + b"\r\n"
CHUNKED = b"POST /v1/open/take HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


@dataclass(frozen=True)
class Input:
    """`data` in so many `pieces` of a write each; with `replies` of them, or an end, it is over."""

    name: str
    data: bytes
    replies: int = 1
    pieces: int = 1

    def __str__(self) -> str:
        return self.name


def head(*fields: bytes, line: bytes = LINE) -> bytes:
    return line + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def target(text: bytes) -> bytes:
    return head(line=b"GET %b HTTP/1.1\r\nHost: gw\r\n" % text)


def bearer(token: bytes) -> bytes:
    return head(b"Authorization: Bearer " + token, line=b"GET /v1/locked/x HTTP/1.1\r\nHost: gw\r\n")


def encoded(text: bytes) -> bytes:
    return urlsafe_b64encode(text).rstrip(b"=")


def token(header: bytes, claims: bytes, signature: bytes = b"@@") -> bytes:
    return b".".join((encoded(header), encoded(claims), signature))


def alone(algorithm: str) -> bytes:
    return json.dumps({"alg": algorithm, "typ": "JWT"}).encode()


CLAIMS = json.dumps({"sub": "alice", "exp": 1 << 33}).encode()
GOOD = mint(SECRET.encode(), "alice", now=time.time()).encode()
HEADS = (
    Input("many fields", head(*(b"F%d: @@" % place for place in range(99)))),
    Input("the same field many times", head(*[b"Accept: */*@@"] * 99)),
    Input("more fields than may be", head(*(b"F%d: @@" % place for place in range(1000)))),
    Input("one large field", head(b"A: @@" + b"a" * 15_000)),
    Input("cookies that are none", head(b"Cookie: " + b"(=;" * 4000 + b"@@")),
    Input("Connection that names much", head(b"Connection: " + b", ".join(b"n%d" % n for n in range(1500)) + b"@@")),
    Input("Connection that names all there is", head(
        b"Connection: " + b",".join(b"n%d" % n for n in range(90)), *(b"n%d: @@" % n for n in range(90))
    )),
    Input("Via of many", head(b"Via: " + b"1.1 a, " * 1800 + b"@@")),
    Input("X-Forwarded-For of many", head(b"X-Forwarded-For: " + b"10.0.0.1, " * 1200 + b"10.0.@@.1")),
    Input("X-Forwarded-For of commas", head(b"X-Forwarded-For: @@" + b"," * 12_000)),
    Input("TE of many", head(b"TE: " + b"trailers;q=0.5, " * 700 + b"@@")),
    Input("Transfer-Encoding of commas", head(b"Transfer-Encoding: " + b"," * 12_000 + b"chunked@@")),
    Input("a length of many digits", head(b"Content-Length: @@" + b"9" * 12_000)),
    Input("Expect of spaces", head(b"Expect: " + b" " * 12_000 + b"@@")),
    Input("Upgrade of many", head(b"Connection: upgrade", b"Upgrade: " + b"a/1, " * 2000 + b"@@")),
    Input("a long Host", head(line=b"GET /v1/open/x HTTP/1.1\r\nHost: @@" + b"a." * 5000 + b"\r\n")),
    Input("Host of colons", head(line=b"GET /v1/open/x HTTP/1.1\r\nHost: @@" + b":" * 12_000 + b"\r\n")),
    Input("traceparent that is none", head(b"traceparent: 00-" + b"f" * 12_000 + b"@@")),
    Input("a head by the byte", head(b"A: @@" + b"a" * 400), pieces=460),
    Input("empty lines before it", b"\r\n" * 4000 + PLAIN),
)  # fmt: skip
TARGETS = (
    Input("a long target", target(b"/v1/open/@@" + b"a" * 8000)),
    Input("a target of slashes", target(b"/v1/open/@@" + b"/" * 8000)),
    Input("a target of dots", target(b"/v1/open/@@" + b"/.." * 2600)),
    Input("a target of encoded dots", target(b"/v1/open/@@" + b"/%2e%2e" * 1100)),
    Input("a target of percent signs", target(b"/v1/open/@@" + b"%25" * 2600)),
    Input("a long query", target(b"/v1/open/x?@@" + b"&a=b" * 2000)),
    Input("absolute form", target(b"http://gw/v1/open/@@" + b"a" * 4000)),
    Input("a service that is none", target(b"/v1/n@@/x")),
    Input("no service at all", target(b"/@@")),
    Input("a method that is none", head(line=b"M@@ /v1/open/x HTTP/1.1\r\nHost: gw\r\n")),
    Input("a loop", head(b"Via: 1.1 @@, 1.1 ai-api-gateway")),
    Input("control bytes", target(b"/v1/open/@@\x01")),
    Input("a TLS client", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03@@" + bytes(500)),
    Input("an HTTP/2 client", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Input("health", target(b"/health")),
    Input("readiness", target(b"/ready")),
    Input("metrics", target(b"/metrics")),
    Input("an operator's path", target(b"/debug/pprof/@@")),
)
PIPELINES = (
    Input("a pipeline", PLAIN * 100, replies=100),
    Input("a pipeline to nowhere", target(b"/@@") * 100, replies=100),
    Input("a pipeline of OPTIONS", b"OPTIONS * HTTP/1.1\r\nHost: gw\r\n\r\n" * 100, replies=100),
    Input("a pipeline of bad tokens", bearer(b"@@") * 100, replies=100),
)
BODIES = (
    Input("chunks of a byte", CHUNKED + b"1\r\nx\r\n" * 20_000 + LAST),
    Input("chunks of two bytes", CHUNKED + b"2\r\nxx\r\n" * 20_000 + LAST),
    Input("chunks of a byte, one a write", CHUNKED + b"1\r\nx\r\n" * 300 + LAST, pieces=300),
    Input("chunks by the byte", CHUNKED + b"1\r\nx\r\n" * 100 + LAST, pieces=690),
    Input("long chunk extensions", CHUNKED + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 20 + LAST),
    Input("many chunk extensions", CHUNKED + (b"1" + b";a" * 1900 + b"\r\nx\r\n") * 20 + LAST),
    Input("quoted chunk extensions", CHUNKED + (b'1;a="' + b"\\a" * 1900 + b'"\r\nx\r\n') * 20 + LAST),
    Input("a chunk of 2^60", CHUNKED + b"fffffffffffffff\r\nx", replies=0),
    Input("trailers", CHUNKED + b"0\r\n" + b"A: aaaa\r\n" * 1500 + b"\r\n"),
    Input("more trailers than may be", CHUNKED + b"0\r\n" + b"A: aaaa\r\n" * 9000 + b"\r\n"),
    Input("a huge length", b"POST /v1/open/take HTTP/1.1\r\nHost: gw\r\nContent-Length: 999999999999\r\n\r\n"),
    Input("a large length", b"POST /v1/open/take HTTP/1.1\r\nHost: gw\r\nContent-Length: 99999999\r\n\r\n", replies=0),
)
TOKENS = (
    Input("a good token", bearer(GOOD)),
    Input("a token of dots", bearer(b"@@" + b"." * 7000)),
    Input("a token of letters", bearer(b"@@" + b"a" * 7000)),
    Input("a token of no base64", bearer(b"@@" + b"=." * 3500)),
    Input("a header as deep as it goes", bearer(token(b'{"a":' * 900, CLAIMS))),
    Input("a header of brackets", bearer(token(b"[" * 4000, CLAIMS))),
    Input("claims as deep as they go", bearer(token(alone("HS256"), b'{"a":' * 900))),
    Input("a header with a long number", bearer(token(b'{"alg":' + b"9" * 4000 + b"}", CLAIMS))),
    Input("another's signature", bearer(token(alone("HS256"), CLAIMS))),
    Input("no algorithm", bearer(token(alone("none"), CLAIMS, b""))),
    *(Input(f"a token with {name}", bearer(token(alone(name), CLAIMS, b"@@" + b"A" * 340))) for name in (
        "RS256", "PS512", "ES256", "ES512", "EdDSA", "HS512"
    )),
    Input("another scheme", bearer(b"x").replace(b"Bearer x", b"Basic @@" + b"a" * 2000)),
    Input("no token", head(line=b"GET /v1/locked/@@ HTTP/1.1\r\nHost: gw\r\n")),
)  # fmt: skip
INPUTS = (*HEADS, *TARGETS, *PIPELINES, *BODIES, *TOKENS)
