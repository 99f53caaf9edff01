"""Bodies of requests: where they end, and everything that could make two readers disagree about it."""

import re

from messages import GOT_OK, OK, own, passes, refused, request, seen
from table import CLOSED, Prefix, Row, Seen, Turn

LINE = b"POST /v1/llm/x HTTP/1.1"
SEEN_LINE = b"POST /v1/x HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"
TE_TAIL = b"Transfer-Encoding: chunked\r\n\r\n"
MARKER = b"GET /v1/llm/marker HTTP/1.1\r\nHost: gw\r\n\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return request(*lines, line=LINE, body=body)


def chunked_seen(body: bytes) -> bytes:
    return seen(line=SEEN_LINE, tail=TE_TAIL + body)


def length(name: str, line: bytes, body: bytes = b"hello") -> Row:
    return passes(
        name, post(line, body=body), seen(b"Content-Length: %d" % len(body), line=SEEN_LINE, tail=b"\r\n" + body)
    )


def bad_length(value: bytes) -> Row:
    name = f"H1-16 Content-Length {value.decode('latin-1')!r}"
    return refused(name, post(b"Content-Length: " + value, body=b"hello" + MARKER))


def bad_coding(value: bytes) -> Row:
    name = f"H1-11 Transfer-Encoding {value.decode('latin-1')!r}"
    return refused(name, post(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n" + MARKER))


def chunks(name: str, body: bytes, sees: bytes | None = None) -> Row:
    """A chunked body that passes, as it came but for its trailers."""
    return passes(name, post(CHUNKED, body=body), chunked_seen(body if sees is None else sees))


def bad_chunks(name: str, body: bytes, passed: bytes = b"") -> Row:
    """400 and the end; of the upstream's request only a beginning may have left, never an end."""
    beginning = Prefix(chunked_seen(passed) + b"0\r\n\r\n")
    refusal = Seen(own(400, close=True), CLOSED)
    return Row(name, post(CHUNKED, body=body), (Turn(beginning, at="never"),), (refusal,))


def bad_trailer(name: str, line: bytes) -> Row:
    return bad_chunks(f"H1-13 trailer {name}", b"1\r\nx\r\n0\r\n" + line + b"\r\n\r\n" + MARKER, b"1\r\nx\r\n")


def limited(name: str, client: bytes, turns: tuple[Turn, ...], gets: Seen) -> Row:
    return Row(f"ED-09 {name}", client, turns, (gets,), {"server": {"max_body_size": 10}})


GOT_413 = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nX-Request-Id: ID\r\nConnection: close\r\n\r\nno"
TOO_LARGE = Seen(own(413, close=True), CLOSED)

ROWS = [
    length("a body of a length", b"Content-Length: 5"),
    passes(
        "lower-case content-length",
        post(b"content-length: 5", body=b"hello"),
        seen(b"content-length: 5", line=SEEN_LINE, tail=b"\r\nhello"),
    ),
    length("an empty body", b"Content-Length: 0", b""),
    length("H1-16 leading zeros of a length are not passed on", b"Content-Length: 0005"),
    length("space around a length is not passed on", b"Content-Length:  5 \t"),
    length("a body that looks like a request", b"Content-Length: %d" % len(MARKER), MARKER),
    length("a body of 100 KB", b"Content-Length: 100000", b"0123456789" * 10000),
    length("every byte in a body", b"Content-Length: 256", bytes(range(256))),
    passes("POST without a length has no body", post(), seen(line=SEEN_LINE)),
    passes(
        "GET with a body",
        request(b"Content-Length: 2", body=b"hi"),
        seen(b"Content-Length: 2", tail=b"\r\nhi"),
    ),
    *(
        bad_length(value)
        for value in (
            *(b"+5", b"-0", b"-5", b"", b"5,5", b"5, 6", b"5 5", b"0x5", b"5;", b"1e1", b"5.0", b"five", b'"5"'),
            *(b"1" * 30, b"0" * 29 + b"5", b"\xd9\xa5", b"5\x0b", b"\xa05"),
        )
    ),
    refused("H1-16 two equal Content-Length lines", post(*[b"Content-Length: 5"] * 2, body=b"hello")),
    refused("H1-16 two Content-Length lines", post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!")),
    refused("H1-16 two lengths of different case", post(b"Content-Length: 5", b"content-length: 5", body=b"hello")),
    refused("H1-10 CL and TE", post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + MARKER)),
    refused("H1-10 TE and CL", post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + MARKER)),
    refused("H1-10 CL: 0 and TE", post(b"Content-Length: 0", CHUNKED, body=b"0\r\n\r\n")),
    refused("H1-10 CL and TE: identity", post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"hello")),
    *(
        bad_coding(value)
        for value in (
            *(b"chunked, gzip", b"gzip", b"gzip, chunked", b"xchunked", b"chunked123", b", chunked", b"chunked,"),
            *(b"chunked, chunked", b"", b"identity", b"chunked;q=1", b'"chunked"', b"\x0bchunked", b"chunked\x0c"),
            *(b"\xa0chunked", b"\xffchunked", b"chunked\xa0", b"chun\0ked", b"chunked identity"),
        )
    ),
    refused("H1-11 two TE lines", post(CHUNKED, CHUNKED, body=b"0\r\n\r\n")),
    refused("H1-11 gzip, then chunked in a second line", post(b"Transfer-Encoding: gzip", CHUNKED, body=b"0\r\n\r\n")),
    refused("H1-11 folded TE", post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n")),
    chunks("a chunked body", b"5\r\nhello\r\n0\r\n\r\n"),
    chunks("an empty chunked body", b"0\r\n\r\n"),
    chunks("chunks of several sizes", b"1\r\na\r\n00B\r\nhello world\r\n1f\r\n" + b"x" * 31 + b"\r\n000\r\n\r\n"),
    chunks("chunk extensions", b'5;a=1;b="c d"\r\nhello\r\n0;last\r\n\r\n'),
    chunks("CR and LF inside chunks", b"4\r\n\r\n\r\n\r\n0\r\n\r\n"),
    chunks("H1-13 harmless trailers are dropped", b"1\r\nx\r\n0\r\nA: 1\r\nB: 2\r\n\r\n", b"1\r\nx\r\n0\r\n\r\n"),
    chunks(
        "H1-13 trailers with the names of framing are dropped",
        b"0\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\nAuthorization: y\r\nX-Forwarded-For: z\r\n\r\n",
        b"0\r\n\r\n",
    ),
    passes(
        "coding in mixed case is passed on in lower case",
        post(b"transfer-encoding: CHUNKED", body=b"0\r\n\r\n"),
        chunked_seen(b"0\r\n\r\n"),
    ),
    *(
        bad_chunks(f"H1-12 chunk size {size.decode('latin-1')[:20]!r}", size + b"\r\nhello\r\n0\r\n\r\n")
        for size in (
            *(
                b"0x5",
                b"+5",
                b"-1",
                b"5 ",
                b" 5",
                b"1_0",
                b"",
                b"1" * 17,
                b"F" * 16,
                b"5\t",
                b"g",
                b"5,",
                b"\xb5",
                b"5\0",
            ),
            *(b"5;\n", b"5;a\rX", b"5;\0", b"5;a\x7f", b"5 ;a", b"5\r"),
        )
    ),
    bad_chunks("H1-12 chunk extension of 64 KiB", b"5;" + b"a" * 65536 + b"\r\nhello\r\n0\r\n\r\n"),
    Row(
        "H1-12 chunk extension of 64 KiB, the chunk alone in its read",
        (post(CHUNKED, body=b"1\r\nx\r\n"), b"5;" + b"a" * 65536 + b"\r\nhello\r\n"),
        (Turn(Prefix(chunked_seen(b"1\r\nx\r\n5")), at="never"),),
        (Seen(own(400, close=True), CLOSED),),
    ),
    bad_chunks("H1-12 chunk line ends in LF", b"5\nhello\r\n0\r\n\r\n"),
    bad_chunks("H1-12 chunk data longer than its size", b"3\r\nhello\r\n0\r\n\r\n", b"3\r\nhel"),
    bad_chunks("H1-12 chunk data shorter than its size", b"7\r\nhello\r\n0\r\n\r\n", b"7\r\nhello\r\n"),
    bad_chunks("H1-12 chunk data not followed by CRLF", b"5\r\nhello0\r\n\r\n", b"5\r\nhello"),
    bad_chunks("H1-12 chunk data followed by LF", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello"),
    bad_chunks("H1-12 good chunk, then a bad one", b"5\r\nhello\r\nzz\r\n" + MARKER, b"5\r\nhello\r\n"),
    bad_trailer("ends in LF", b"A: 1\nB: 2"),
    bad_trailer("without a colon", b"nonsense"),
    bad_trailer("with a space in its name", b"A b: 1"),
    bad_trailer("with NUL", b"A: \0"),
    bad_trailer("with bare CR", b"A: a\rb"),
    bad_trailer("folded", b"A: 1\r\n 2"),
    bad_trailer("line of 8 KiB", b"A: " + b"a" * 8192),
    bad_trailer("section of 32 KiB", b"\r\n".join([b"A: " + b"a" * 1000] * 32)),
    limited(
        "body at the limit",
        post(b"Content-Length: 10", body=b"0123456789"),
        (Turn(seen(b"Content-Length: 10", line=SEEN_LINE, tail=b"\r\n0123456789"), OK),),
        Seen(GOT_OK),
    ),
    limited("length above the limit, body withheld", post(b"Content-Length: 11"), (), TOO_LARGE),
    limited("length of 999999999999", post(b"Content-Length: 999999999999", body=b"x"), (), TOO_LARGE),
    limited(
        "chunks that cross the limit",
        post(CHUNKED, body=b"5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n"),
        (Turn(Prefix(chunked_seen(b"5\r\nhello\r\n6\r\nworld!")), at="never"),),
        TOO_LARGE,
    ),
    limited(
        "a chunk that announces more than the limit",
        post(CHUNKED, body=b"fffffff\r\n" + b"x" * 20),
        (Turn(Prefix(chunked_seen(b"fffffff\r\n" + b"x" * 20)), at="never"),),
        TOO_LARGE,
    ),
    Row(
        "H1-50 upstream answers 413 and closes while the body is arriving",
        post(b"Content-Length: 100", body=b"x" * 10),
        (
            Turn(
                re.compile(re.escape(seen(b"Content-Length: 100", line=SEEN_LINE)) + rb"x{0,10}"),
                b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno",
                "close",
                at="head",
            ),
        ),
        (Seen(GOT_413, CLOSED),),
    ),
]
