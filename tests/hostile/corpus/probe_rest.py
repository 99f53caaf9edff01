"""Http11Probe, suites Malformed Input and Normalization, and those of its Cookies that are bytes, under its names."""

import random

from corpus.cases import CleanThenRefused, Refused
from corpus.parts import Suite, chunked, post, request, saw

MAL = Suite("Http11Probe, malformed")
NORM = Suite("Http11Probe, normalization")
COOK = Suite("Http11Probe, cookies")
BODY = b"hello world"
LONG = b"A" * 100_000


def cookie(value: bytes) -> bytes:
    return request(b"Cookie: " + value)


ROWS = [
    MAL.refused("MAL-BINARY-GARBAGE", random.Random(42).randbytes(256)),
    MAL.refused("MAL-LONG-URL", request(line=b"GET /v1/svc/" + LONG + b" HTTP/1.1"), 400, 414, 431),
    MAL.refused("MAL-LONG-HEADER-VALUE", request(b"X-Big: " + LONG), 400, 431),
    MAL.refused("MAL-MANY-HEADERS", request(*(b"X-H-%d: value" % place for place in range(10_000))), 400, 431),
    MAL.refused("MAL-NUL-IN-URL", request(line=b"GET /v1/svc/\0test HTTP/1.1")),
    MAL.refused("MAL-CONTROL-CHARS-HEADER", request(b"X-Test: abc\x07\x08\x0bdef")),
    MAL.waits("MAL-INCOMPLETE-REQUEST", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\nX-Test: value"),
    MAL.waits("MAL-EMPTY-REQUEST", b""),
    MAL.refused("MAL-LONG-HEADER-NAME", request(LONG + b": val"), 400, 431),
    MAL.refused("MAL-LONG-METHOD", request(line=LONG + b" /v1/svc/x HTTP/1.1")),
    MAL.refused("MAL-NON-ASCII-HEADER-NAME", request(b"X-T\xc3\xabst: value")),
    MAL.refused("MAL-NON-ASCII-URL", request(line=b"GET /v1/svc/caf\xc3\xa9 HTTP/1.1")),
    MAL.refused("MAL-CL-OVERFLOW", post(b"Content-Length: 99999999999999999999")),
    MAL.refused("MAL-WHITESPACE-ONLY-LINE", b"   \r\n\r\n"),
    NORM.clean(
        "NORM-UNDERSCORE-CL",
        post(b"Content-Length: 11", b"Content_Length: 99", body=BODY),
        saw=saw(absent=(b"content_length",)),
    ),
    NORM.refused("NORM-SP-BEFORE-COLON-CL", post(b"Content-Length: 11", b"Content-Length : 5", body=BODY)),
    NORM.refused("NORM-TAB-IN-NAME", post(b"Content-Length: 11", b"Content\tLength: 99", body=BODY)),
    NORM.clean(
        "NORM-CASE-TE",
        chunked(b"B\r\nhello world\r\n0\r\n\r\n").replace(b"Transfer-Encoding", b"TRANSFER-ENCODING"),
        saw=saw(b"Transfer-Encoding: chunked"),
        level="MAY",
    ),
    NORM.case(
        "NORM-UNDERSCORE-TE",
        post(b"Transfer_Encoding: chunked", body=b"B\r\nhello world\r\n0\r\n\r\n"),
        CleanThenRefused(2, (400,)),
        followed=False,
    ),
    COOK.clean("COOK-ECHO", cookie(b"foo=bar"), saw=saw(b"Cookie: foo=bar")),
    COOK.refused("COOK-OVERSIZED", cookie(b"big=" + b"A" * 65536), 400, 431),
    COOK.clean("COOK-EMPTY", cookie(b""), saw=saw(b"Cookie: "), allowed=Refused(0, (400,))),
    COOK.refused("COOK-NUL", cookie(b"foo=\0bar")),
    COOK.refused("COOK-CONTROL-CHARS", cookie(b"foo=\x01\x02\x03")),
    COOK.clean(
        "COOK-MANY-PAIRS",
        cookie(b"; ".join(b"k%d=v%d" % (place, place) for place in range(1000))),
        allowed=Refused(0, (400, 431)),
    ),
    COOK.clean("COOK-MALFORMED", cookie(b"===;;;"), saw=saw(b"Cookie: ===;;;")),
    COOK.clean("COOK-MULTI-HEADER", request(b"Cookie: a=1", b"Cookie: b=2"), saw=saw(b"Cookie: a=1", b"Cookie: b=2")),
]
