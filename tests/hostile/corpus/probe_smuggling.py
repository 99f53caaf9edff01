"""Http11Probe, suite Smuggling, under its names; the requests it hides are marked.

Single requests first, then those that hide a whole request where another reader would look for one.
"""

from corpus.cases import Case, Clean, CleanThenRefused, Refused
from corpus.parts import LAST, SMUGGLED, TE, Suite, chunked, counted, post, request, saw

PROBE = Suite("Http11Probe, smuggling")
CL = b"Content-Length: 5"
BANANAS = b"D\r\nhello-bananas\r\n" + LAST
HIDDEN = LAST + SMUGGLED
HIDDEN_HEAD = LAST + SMUGGLED.replace(b"GET", b"HEAD")
REFUSED = Refused(0, (400,))


def te(value: bytes, *, cl: bytes | None = CL, body: bytes = b"hello") -> bytes:
    lines = (b"Transfer-Encoding:" + value, *((cl,) if cl is not None else ()))
    return post(*lines, body=body)


def cl(value: bytes, body: bytes = b"hello") -> bytes:
    return post(b"Content-Length:" + value, body=body)


def hides(name: str, *lines: bytes, body: bytes = HIDDEN) -> Case:
    """A request is hidden in the body; `{n}` in a line is the body's length."""
    return PROBE.refused(name, post(*(one.replace(b"{n}", b"%d" % len(body)) for one in lines), body=body))


TECL_HIDDEN = SMUGGLED.replace(b"Host: gw\r\n", b"Host: gw\r\nContent-Length: 7\r\n")
TRAILERS = {
    "CL": b"Content-Length: 50",
    "TE": b"Transfer-Encoding: chunked",
    "HOST": b"Host: evil.example.com",
    "AUTH": b"Authorization: Bearer evil",
    "CONTENT-TYPE": b"Content-Type: text/evil",
}
LENGTHS = {
    "SMUG-CL-NEGATIVE": b" -1",
    "SMUG-CL-COMMA-DIFFERENT": b" 5, 10",
    "SMUG-CL-OCTAL": b" 0o5",
    "SMUG-CL-HEX-PREFIX": b" 0x5",
    "SMUG-CL-INTERNAL-SPACE": b" 1 0",
    "SMUG-CL-UNDERSCORE": b" 1_0",
    "SMUG-CL-NEGATIVE-ZERO": b" -0",
}
CODINGS = {
    "SMUG-TE-XCHUNKED": b" xchunked",
    "SMUG-TE-TRAILING-SPACE": b" chunked ",
    "SMUG-TE-VTAB": b" \x0bchunked",
    "SMUG-TE-FORMFEED": b" \x0cchunked",
    "SMUG-TE-NULL": b" chunked\0",
    "SMUG-TE-EMPTY-VALUE": b" ",
    "SMUG-TE-IDENTITY": b" identity",
    "SMUG-TE-OBS-FOLD": b"\r\n chunked",
}
CODINGS_SHOULD = {
    "SMUG-TE-DOUBLE-CHUNKED": b" chunked, chunked",
    "SMUG-TE-CASE-MISMATCH": b" Chunked",
    "SMUG-TE-LEADING-COMMA": b" , chunked",
    "SMUG-TE-TRAILING-COMMA": b" chunked,",
    "SMUG-TE-TAB-BEFORE-VALUE": b"\tchunked",
    "SMUG-CHUNKED-WITH-PARAMS": b" chunked;ext=val",
}
CHUNKS = {
    "SMUG-CHUNK-BARE-SEMICOLON": b"5;\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-EXT-INVALID-TOKEN": b"5;bad[=x\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-UNDERSCORE": b"1_0\r\nhello world!!!!!\r\n" + LAST,
    "SMUG-CHUNK-HEX-PREFIX": b"0x5\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-SIZE-PLUS": b"+5\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-SIZE-TRAILING-OWS": b"5 \r\nhello\r\n" + LAST,
    "SMUG-CHUNK-LEADING-SP": b" 5\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-MISSING-TRAILING-CRLF": b"5\r\nhello0\r\n\r\n",
    "SMUG-CHUNK-SPILL": b"5\r\nhello!!\r\n" + LAST,
    "SMUG-CHUNK-EXT-CTRL": b"5;\0ext\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-EXT-CR": b"5;a\rX\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-NEGATIVE": b"-1\r\nhello\r\n" + LAST,
    "SMUG-CHUNK-BARE-CR-TERM": b"5\rhello\r\n" + LAST,
    "SMUG-CHUNK-EXT-LF": b"5;\nhello\r\n" + LAST,
    "SMUG-CHUNK-LF-TERM": b"5\r\nhello\n" + LAST,
    "SMUG-CHUNK-LF-TRAILER": b"5\r\nhello\r\n0\r\n\n",
}

ROWS = [
    PROBE.refused("SMUG-CL-TE-BOTH", post(b"Content-Length: %d" % len(BANANAS), TE, body=BANANAS)),
    PROBE.refused("SMUG-DUPLICATE-CL", post(CL, b"Content-Length: 10", body=b"helloworld")),
    *(PROBE.refused(name, cl(value, b"helloworld" if b"1" in value else b"hello")) for name, value in LENGTHS.items()),
    PROBE.refused("SMUG-CL-LEADING-ZEROS", cl(b" 005"), level="SHOULD", allowed=Clean(1, saw=saw(CL))),
    PROBE.refused(
        "SMUG-CL-DOUBLE-ZERO", cl(b" 00", b""), level="SHOULD", allowed=Clean(1, saw=saw(b"Content-Length: 0"))
    ),
    PROBE.refused(
        "SMUG-CL-LEADING-ZEROS-OCTAL",
        cl(b" 0200", b"A" * 200),
        level="SHOULD",
        allowed=Clean(1, saw=saw(b"Content-Length: 200")),
    ),
    PROBE.refused("SMUG-CL-TRAILING-SPACE", cl(b" 5 "), level="SHOULD", allowed=Clean(1, saw=saw(CL))),
    PROBE.refused("SMUG-CL-EXTRA-LEADING-SP", cl(b"  5"), level="SHOULD", allowed=Clean(1, saw=saw(CL))),
    PROBE.refused("SMUG-CL-COMMA-SAME", cl(b" 5, 5"), level="MAY"),
    PROBE.refused("SMUG-CL-COMMA-TRIPLE", cl(b" 5, 5, 5"), level="MAY"),
    *(PROBE.refused(name, te(value), 400, 501) for name, value in CODINGS.items()),
    *(PROBE.refused(name, te(value), level="SHOULD") for name, value in CODINGS_SHOULD.items()),
    PROBE.refused("SMUG-TE-SP-BEFORE-COLON", te(b" chunked").replace(b"Encoding:", b"Encoding :")),
    PROBE.refused("SMUG-TE-NOT-FINAL-CHUNKED", te(b" chunked, gzip", cl=None, body=LAST)),
    PROBE.refused("SMUG-TE-HTTP10", te(b" chunked").replace(b"HTTP/1.1", b"HTTP/1.0")),
    PROBE.refused("SMUG-TE-DUPLICATE-HEADERS", post(TE, b"Transfer-Encoding: identity", CL, body=b"hello")),
    *(PROBE.refused(name, chunked(body), level="MAY" if "LF" in name else "MUST") for name, body in CHUNKS.items()),
    PROBE.refused("SMUG-CLTE-PIPELINE", post(b"Content-Length: 4", TE, body=LAST), level="MAY"),
    PROBE.refused("SMUG-TECL-PIPELINE", post(TE, b"Content-Length: 30", body=LAST), level="MAY"),
    PROBE.refused("SMUG-BARE-CR-HEADER-VALUE", counted(b"hello", b"X-Test: val\rue")),
    PROBE.clean(
        "SMUG-TRANSFER_ENCODING",
        post(b"Transfer_Encoding: chunked", CL, body=b"hello"),
        level="MAY",
        saw=saw(absent=(b"transfer_encoding",)),
    ),
    *(
        PROBE.clean(
            f"SMUG-TRAILER-{name}", chunked(b"5\r\nhello\r\n0\r\n" + one + b"\r\n\r\n"), level="MAY", allowed=REFUSED
        )
        for name, one in TRAILERS.items()
    ),
    PROBE.clean("SMUG-EXPECT-100-CL", counted(b"hello", b"Expect: 100-continue"), level="MAY", allowed=REFUSED),
    PROBE.clean(
        "SMUG-HEAD-CL-BODY", counted(b"hello").replace(b"POST", b"HEAD"), body=b"", level="MAY", allowed=REFUSED
    ),
    PROBE.clean("SMUG-OPTIONS-CL-BODY", counted(b"hello").replace(b"POST", b"OPTIONS"), level="MAY", allowed=REFUSED),
    PROBE.clean(
        "SMUG-ABSOLUTE-URI-HOST-MISMATCH",
        request(line=b"GET http://other.example.com/v1/svc/x HTTP/1.1"),
        level="MAY",
        allowed=REFUSED,
    ),
    PROBE.refused("SMUG-MULTIPLE-HOST-COMMA", request(host=b"Host: gw, other.example.com")),
    # --- sequences ---
    PROBE.refused("SMUG-CLTE-CONN-CLOSE", (post(CL, TE, body=LAST), request())),
    PROBE.refused("SMUG-TECL-CONN-CLOSE", (post(TE, CL, body=LAST), request())),
    PROBE.refused("SMUG-CLTE-DESYNC", (post(b"Content-Length: 6", TE, body=LAST + b"X"), request())),
    PROBE.refused("SMUG-TECL-DESYNC", (post(TE, b"Content-Length: 30", body=LAST + b"X"), request())),
    hides("SMUG-CLTE-SMUGGLED-GET", b"Content-Length: {n}", TE),
    hides("SMUG-CLTE-SMUGGLED-GET-CL-PLUS", b"Content-Length: +{n}", TE),
    hides("SMUG-CLTE-SMUGGLED-GET-CL-NON-NUMERIC", b"Content-Length: {n}x", TE),
    hides("SMUG-CLTE-SMUGGLED-GET-TE-OBS-FOLD", b"Transfer-Encoding:\r\n chunked", b"Content-Length: {n}"),
    hides("SMUG-CLTE-SMUGGLED-HEAD", b"Content-Length: {n}", TE, body=HIDDEN_HEAD),
    hides("SMUG-CLTE-SMUGGLED-GET-TE-TRAILING-SPACE", b"Content-Length: {n}", TE + b" "),
    hides("SMUG-CLTE-SMUGGLED-GET-TE-LEADING-COMMA", b"Content-Length: {n}", b"Transfer-Encoding: , chunked"),
    hides("SMUG-CLTE-SMUGGLED-GET-TE-CASE-MISMATCH", b"Content-Length: {n}", b"Transfer-Encoding: Chunked"),
    hides("SMUG-TE-DUPLICATE-HEADERS-SMUGGLED-GET", TE, b"Transfer-Encoding: identity", b"Content-Length: {n}"),
    hides(
        "SMUG-TECL-SMUGGLED-GET",
        TE,
        b"Content-Length: 4",
        body=b"%x\r\n%b\r\n" % (len(TECL_HIDDEN), TECL_HIDDEN) + LAST,
    ),
    hides("SMUG-DUPLICATE-CL-SMUGGLED-GET", b"Content-Length: 4", b"Content-Length: {n}", body=b"PING" + SMUGGLED),
    PROBE.clean(
        "SMUG-GET-CL-PREFIX-DESYNC",
        (counted(SMUGGLED[:-2]).replace(b"POST", b"GET"), b"\r\n" + request()),
        times=2,
        level="MAY",
    ),
    PROBE.clean(
        "SMUG-GET-CL-BODY-DESYNC", (counted(b"hello").replace(b"POST", b"GET"), request()), times=2, level="MAY"
    ),
    PROBE.clean(
        "SMUG-OPTIONS-CL-BODY-DESYNC", (counted(b"hello").replace(b"POST", b"OPTIONS"), request()), times=2, level="MAY"
    ),
    PROBE.clean(
        "SMUG-EXPECT-100-CL-DESYNC", (counted(b"hello", b"Expect: 100-continue"), request()), times=2, level="MAY"
    ),
    PROBE.case(
        "SMUG-CL0-BODY-POISON",
        (post(b"Content-Length: 0", body=b"X"), request()),
        CleanThenRefused(2, (400, 405)),
        level="MAY",
        followed=False,
    ),
    PROBE.refused("SMUG-OPTIONS-TE-OBS-FOLD", (te(b"\r\n chunked").replace(b"POST", b"OPTIONS"), request())),
    PROBE.refused("SMUG-CHUNK-INVALID-SIZE-DESYNC", (chunked(b"+0\r\n\r\nX"), request())),
    PROBE.clean("SMUG-PIPELINE-SAFE", (request(), request()), times=2, level="SHOULD"),
]
