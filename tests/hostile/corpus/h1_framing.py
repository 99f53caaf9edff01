"""H1-10 to H1-13 and H1-16: where a request's body ends (RFC 9112, sections 6 and 7)."""

from corpus.cases import Clean
from corpus.parts import HELLO, LAST, POST, SMUGGLED, TE, Suite, chunked, counted, post, saw

H1 = Suite("H1, client side")

CODINGS = (
    *(b"chunked, gzip", b"gzip", b"xchunked", b"chunked123", b", chunked", b"chunked,", b"chunked, chunked"),
    *(b"", b"identity", b"chunked, identity", b"identity, chunked", b"chunked;q=1", b'"chunked"', b"chunk\xc3\xa9d"),
    *(b"\x0bchunked", b"\x0cchunked", b"chun\0ked", b"chunked\0", b"\xa0chunked", b"chunked\xa0", b"\xffchunked\xff"),
)
LENGTHS = (
    *(b"+5", b"-0", b"-5", b"", b"5, 6", b"0x5", b"5 5", b"5;", b"1e1", b"5.0", b"5_0", b"'5'", b"1" * 30, b"five"),
    *(b"\xd9\xa5", b"\x0b5", b"5\0", b"\xa05", b"9" * 19, b"18446744073709551621"),
)
SIZES = (
    *(b"0x5", b"+5", b"-1", b"5 ", b" 5", b"\t5", b"1_0", b"", b"1" * 17, b"F" * 16, b"g", b"5,", b"5\0", b"\xb5"),
    *(b"5;\n", b"5;a\rX", b"5;\0", b"5;a\x7f", b"5 ;a", b"5\r", b"5;a=b\r\r", b"5\r;a", b"5;", b"5;a=", b"5;a b"),
    *(b'5;a="b', b"5;=b", b"5;[a]", b"\xd9\xa5"),
)
TRAILERS = {
    "Host": b"Host: smuggled",
    "Content-Length": b"Content-Length: 500",
    "Transfer-Encoding": b"Transfer-Encoding: chunked",
    "Authorization": b"Authorization: Bearer smuggled",
    "X-Forwarded-For": b"X-Forwarded-For: 192.0.2.1",
    "X-Auth-Subject": b"X-Auth-Subject: root",
}
BAD_TRAILERS = {
    "that ends in LF": b"A: 1\nB: 2",
    "without a colon": b"nonsense",
    "with a space before the colon": b"A : 1",
    "folded": b"A: 1\r\n 2",
    "with NUL": b"A: \0",
    "of 1 MiB": b"A: " + b"a" * (1 << 20),
    "of 2,000 lines": b"\r\n".join(b"F%d: %s" % (place, b"v" * 16) for place in range(2000)),
}

ROWS = [
    H1.refused("H1-10 CL, then TE", post(b"Content-Length: 5", TE, body=LAST + SMUGGLED)),
    H1.refused("H1-10 TE, then CL", post(TE, b"Content-Length: 5", body=LAST + SMUGGLED)),
    H1.refused("H1-10 CL that agrees with TE", post(TE, b"Content-Length: %d" % len(HELLO), body=HELLO)),
    H1.refused("H1-10 CL: 0 and TE", post(b"Content-Length: 0", TE, body=HELLO + SMUGGLED)),
    H1.refused("H1-10 CL and TE that is no coding", post(b"Content-Length: 5", b"Transfer-Encoding: x", body=b"hello")),
    *(
        H1.refused(
            f"H1-11 TE {value.decode('latin-1')!r}",
            post(b"Transfer-Encoding: " + value, body=LAST + SMUGGLED),
            400,
            501,
        )
        for value in CODINGS
    ),
    H1.refused(
        "H1-11 TE gzip, chunked is never decoded", post(b"Transfer-Encoding: gzip, chunked", body=HELLO), 400, 501
    ),
    H1.refused("H1-11 two TE lines", post(TE, TE, body=HELLO + SMUGGLED)),
    H1.refused("H1-11 two TE lines, one unknown", post(TE, b"Transfer-Encoding: cow", body=HELLO + SMUGGLED)),
    H1.refused("H1-11 TE folded", post(b"Transfer-Encoding:\r\n chunked", body=HELLO)),
    H1.clean("H1-11 TE in capitals", post(b"TRANSFER-ENCODING: CHUNKED", body=HELLO), saw=saw(TE)),
    *(
        H1.refused(
            f"H1-12 chunk size {size.decode('latin-1')[:20]!r}", chunked(size + b"\r\nhello\r\n" + LAST + SMUGGLED)
        )
        for size in SIZES
    ),
    H1.refused(
        "H1-12 chunk extension of 64 KiB", chunked(b"5;" + b"a" * 65536 + b"\r\nhello\r\n" + LAST + SMUGGLED), 400, 431
    ),
    H1.refused("H1-12 chunk longer than its size", chunked(b"3\r\nhello\r\n" + LAST + SMUGGLED)),
    H1.refused("H1-12 chunk shorter than its size", chunked(b"7\r\nhello\r\n" + LAST + SMUGGLED)),
    H1.refused("H1-12 no CRLF behind a chunk", chunked(b"5\r\nhello0\r\n\r\n" + SMUGGLED)),
    H1.refused("H1-12 LF behind a chunk", chunked(b"5\r\nhello\n0\r\n\r\n" + SMUGGLED)),
    H1.refused("H1-12 size line ends in LF", chunked(b"5\nhello\r\n0\r\n\r\n" + SMUGGLED)),
    H1.refused("H1-12 last chunk ends in LF", chunked(b"5\r\nhello\r\n0\n\n" + SMUGGLED)),
    H1.refused("H1-12 good chunk, then a bad one", chunked(b"5\r\nhello\r\nzz\r\n" + SMUGGLED)),
    H1.clean(
        "H1-12 sizes with zeros and in both cases",
        chunked(b"00005\r\nhello\r\nA\r\n0123456789\r\nb\r\n01234567890\r\n000\r\n\r\n"),
    ),
    H1.clean("H1-12 chunk extensions", chunked(b'5;a;b=c;d="e f";g="\\""\r\nhello\r\n0;z\r\n\r\n')),
    *(
        H1.clean(
            f"H1-13 trailer {name} is nobody's field",
            chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"),
            saw=saw(absent=(b"authorization", b"x-auth-subject")),
        )
        for name, line in TRAILERS.items()
    ),
    *(
        H1.refused(f"H1-13 trailer {name}", chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n" + SMUGGLED), 400, 431)
        for name, line in BAD_TRAILERS.items()
    ),
    H1.clean(
        "H1-13 200 trailer lines",
        chunked(b"5\r\nhello\r\n0\r\n" + b"".join(b"F%d: 1\r\n" % place for place in range(200)) + b"\r\n"),
    ),
    *(
        H1.refused(f"H1-16 CL {value.decode('latin-1')!r}", post(b"Content-Length: " + value, body=b"hello" + SMUGGLED))
        for value in LENGTHS
    ),
    H1.refused("H1-16 CL 5,5", post(b"Content-Length: 5,5", body=b"hello"), allowed=Clean(1)),
    H1.refused("H1-16 two CL lines", post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello" + SMUGGLED)),
    H1.refused(
        "H1-16 two equal CL lines", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), allowed=Clean(1)
    ),
    H1.refused("H1-16 two CL lines of different case", post(b"Content-Length: 5", b"content-length: 0", body=SMUGGLED)),
    H1.refused("H1-16 CL empty, then a good one", post(b"Content-Length:", b"Content-Length: 43", body=SMUGGLED)),
    H1.clean("H1-16 a body that looks like a request", counted(SMUGGLED)),
    H1.clean("H1-16 CL 00005 is 5", post(b"Content-Length: 00005", body=b"hello"), saw=saw(b"Content-Length: 5")),
    H1.clean(
        "H1-16 CL 010 is ten, not eight",
        post(b"Content-Length: 010", body=b"0123456789"),
        saw=saw(b"Content-Length: 10"),
    ),
    H1.clean(
        "H1-16 white space around CL", post(b"Content-Length:  \t5\t ", body=b"hello"), saw=saw(b"Content-Length: 5")
    ),
    H1.clean("H1-16 a GET with a body", post(b"Content-Length: 5", body=b"hello", line=POST.replace(b"POST", b"GET"))),
    H1.clean("H1-16 neither CL nor TE is no body", post()),
]
