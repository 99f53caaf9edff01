"""H1-33, H1-35 and H1-40 to H1-52: what an upstream may say, and what a client then sees of it."""

from table import Turn

from corpus.cases import Aborted, BadGateway, Early
from corpus.parts import HELLO, Suite, got, post, reply, request

UP = Suite("H1, upstream side")
CHUNKED = b"Transfer-Encoding: chunked"
TWO = b"Content-Length: 2"

LENGTHS = (b"foo", b"5, 5", b"5,6", b"+5", b"-1", b"", b"0x5", b"5 5", b"1" * 30, b"5;", b"\xd9\xa5", b"5\x0b")
CODINGS = (
    b"foo",
    b"chunked, gzip",
    b"gzip, chunked",
    b"chunked, chunked",
    b"gzip",
    b"identity",
    b"",
    b",chunked",
    b"chunked;a",
    b"xchunked",
)
ODD_LINES = {
    "NUL in a value": b"A: a\0b",
    "0x01 in a value": b"A: a\x01b",
    "bare CR in a value": b"A: a\rX-Smuggled: 1",
    "bare LF in a value": b"A: a\nX-Smuggled: 1",
    "space in a name": b"A b: 1",
    "space before the colon": b"A : 1",
    "space before the colon of CL": b"Content-Length : 5",
    "empty name": b": 1",
    "no colon": b"nonsense",
    "folded line": b"A: 1\r\n 2",
    "byte above 0x7f in a name": b"\xa0A: 1",
    "line of 100 KiB": b"A: " + b"a" * 102400,
    "300 fields": b"\r\n".join(b"F%d: 1" % place for place in range(300)),
    "10,000 fields": b"\r\n".join(b"F%d: 1" % place for place in range(10000)),
}
STATUS_LINES = (
    *(
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 abc OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/2 200 OK",
        b"HTTP/1.2 200 OK",
    ),
    *(b"http/1.1 200 OK", b"ICY 200 OK", b"200 OK", b"HTTP/1.1 600 Odd", b"HTTP/1.1 099 Odd", b"HTTP/1.1 2OO OK", b""),
    *(
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1 200 O\0K",
        b"HTTP/1.1 200 OK\r",
        b"HTTP/1.1\t200 OK",
        b"<html>",
        b"\x16\x03\x01\x02",
    ),
)
SIZES = (b"0x5", b"-5", b"5 ", b" 5", b"", b"g", b"1" * 17, b"F" * 16, b"5;\n", b"5\r;a", b"5;a\0")
HOP = (
    b"Connection: close, X-Drop",
    b"X-Drop: 1",
    b"Keep-Alive: timeout=5",
    b"Proxy-Connection: close",
    b"Trailer: X-T",
    b"Upgrade: h2c",
)
DROPPED = (b"x-drop", b"keep-alive", b"proxy-connection", b"trailer", b"upgrade", b"connection")

ROWS = [
    UP.delivered(
        "H1-33 204 with CL and a body",
        reply(b"Content-Length: 5", body=b"hello", status=b"HTTP/1.1 204 No"),
        b"",
        status=204,
        spoils=True,
        got=got(absent=(b"content-length",)),
    ),
    UP.delivered(
        "H1-33 204 with chunks",
        reply(CHUNKED, body=HELLO, status=b"HTTP/1.1 204 No"),
        b"",
        status=204,
        spoils=True,
        got=got(absent=(b"transfer-encoding",)),
    ),
    UP.delivered(
        "H1-33 304 with CL and a body",
        reply(b"Content-Length: 5", body=b"hello", status=b"HTTP/1.1 304 No"),
        b"",
        status=304,
        spoils=True,
    ),
    UP.delivered(
        "H1-33 304 with CL alone",
        reply(b"Content-Length: 5", status=b"HTTP/1.1 304 No"),
        b"",
        status=304,
        got=got((b"content-length", b"5")),
    ),
    UP.delivered(
        "H1-35 103, then 200",
        reply(b"Link: </a>", status=b"HTTP/1.1 103 Early Hints") + reply(TWO, body=b"hi"),
        b"hi",
        got=got(interim=(103,)),
    ),
    UP.delivered(
        "H1-35 100 that nobody asked for, then 200",
        reply(status=b"HTTP/1.1 100 Continue") + reply(TWO, body=b"hi"),
        b"hi",
        got=got(interim=()),
    ),
    UP.delivered(
        "H1-35 103 never reaches HTTP/1.0",
        reply(status=b"HTTP/1.1 103 Early Hints") + reply(TWO, body=b"hi"),
        b"hi",
        sends=request(line=b"GET /v1/svc/x HTTP/1.0"),
        closes=True,
        got=got(interim=()),
    ),
    UP.bad_gateway("H1-35 103 alone, then the end", reply(status=b"HTTP/1.1 103 Early Hints"), "close"),
    UP.bad_gateway(
        "H1-35 101 that nobody asked for",
        reply(b"Connection: Upgrade", b"Upgrade: websocket", status=b"HTTP/1.1 101 Switching"),
    ),
    *(
        UP.bad_gateway(f"H1-40 CL {value.decode('latin-1')!r}", reply(b"Content-Length: " + value, body=b"hello"))
        for value in LENGTHS
    ),
    UP.bad_gateway("H1-40 two CL lines", reply(b"Content-Length: 5", b"Content-Length: 6", body=b"hello")),
    UP.bad_gateway("H1-40 two equal CL lines", reply(b"Content-Length: 5", b"Content-Length: 5", body=b"hello")),
    UP.bad_gateway("H1-41 CL, then TE", reply(b"Content-Length: 5", CHUNKED, body=HELLO)),
    UP.bad_gateway("H1-41 TE, then CL", reply(CHUNKED, b"Content-Length: 5", body=HELLO)),
    UP.bad_gateway("H1-41 two TE lines", reply(CHUNKED, CHUNKED, body=HELLO)),
    *(
        UP.bad_gateway(f"H1-41 TE {value.decode()!r}", reply(b"Transfer-Encoding: " + value, body=HELLO))
        for value in CODINGS
    ),
    UP.delivered(
        "H1-42 chunks from HTTP/1.0", reply(CHUNKED, body=HELLO, status=b"HTTP/1.0 200 OK"), b"hello", spoils=True
    ),
    UP.aborted(
        "H1-43 CL 100000, 40010 come, then the end",
        reply(b"Content-Length: 100000", body=b"x" * 40010),
        passed=b"x" * 40010,
    ),
    UP.aborted("H1-43 CL 100, ten come, then a reset", reply(b"Content-Length: 100", body=b"x" * 10), "reset"),
    UP.aborted("H1-44 chunks without the last, then the end", reply(CHUNKED, body=b"5\r\nhello\r\n"), passed=b"hello"),
    UP.aborted("H1-44 chunks without the last, then a reset", reply(CHUNKED, body=b"5\r\nhello\r\n"), "reset"),
    UP.aborted("H1-44 half a chunk, then the end", reply(CHUNKED, body=b"a\r\nhello"), passed=b"hello"),
    UP.aborted("H1-44 last chunk without its empty line", reply(CHUNKED, body=b"5\r\nhello\r\n0\r\n")),
    *(UP.bad_gateway(f"H1-45 {name}", reply(line, TWO, body=b"hi")) for name, line in ODD_LINES.items()),
    UP.bad_gateway("H1-45 lines end in LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
    UP.bad_gateway("H1-45 head ends in LF", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nhi"),
    *(
        UP.bad_gateway(f"H1-46 status line {line.decode('latin-1')!r}", reply(TWO, body=b"hi", status=line))
        for line in STATUS_LINES
    ),
    UP.delivered(
        "H1-46 a second line is a field, not a reason",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: x=1\r\nContent-Length: 2\r\n\r\nhi",
        b"hi",
    ),
    UP.bad_gateway(
        "H1-46 reason with CR and a field", b"HTTP/1.1 200 OK\rX-Smuggled: 1\r\nContent-Length: 2\r\n\r\nhi"
    ),
    UP.delivered(
        "H1-47 bytes behind a body of a length",
        reply(TWO, body=b"hi" + reply(b"X-Smuggled: 1", TWO, body=b"no")),
        b"hi",
        spoils=True,
    ),
    UP.delivered(
        "H1-47 bytes behind the last chunk", reply(CHUNKED, body=HELLO + reply(b"X-Smuggled: 1")), b"hello", spoils=True
    ),
    UP.delivered(
        "H1-47 bytes behind an empty body", reply(b"Content-Length: 0", body=reply(b"X-Smuggled: 1")), b"", spoils=True
    ),
    UP.delivered(
        "H1-48 a body that ends with its connection",
        reply(body=b"hello"),
        b"hello",
        "close",
        got=got((b"transfer-encoding", b"chunked")),
    ),
    UP.aborted("H1-48 a body that ends with a reset", reply(body=b"hello"), "reset"),
    *(
        UP.case(
            f"H1-49 chunk size {size.decode('latin-1')[:20]!r}",
            request(),
            BadGateway(1),
            turns=(Turn(b"", reply(CHUNKED, body=size + b"\r\nhello\r\n0\r\n\r\n")),),
            allowed=Aborted(0),
        )
        for size in SIZES
    ),
    UP.case(
        "H1-49 chunk longer than its size",
        request(),
        Aborted(0),
        turns=(Turn(b"", reply(CHUNKED, body=b"3\r\nhello\r\n0\r\n\r\n")),),
        allowed=BadGateway(1),
    ),
    UP.case(
        "H1-50 413 and the end while the body is coming",
        post(b"Content-Length: 1000", body=b"x" * 10),
        Early(1, 413),
        turns=(Turn(b"", reply(TWO, body=b"no", status=b"HTTP/1.1 413 Too Large"), "close", at="head"),),
        followed=False,
    ),
    UP.delivered("H1-51 hop-by-hop fields", reply(*HOP, TWO, body=b"hi"), b"hi", got=got(absent=DROPPED), spoils=True),
    UP.delivered(
        "H1-51 Connection cannot name the length",
        reply(b"Connection: Content-Length", TWO, body=b"hi"),
        b"hi",
        got=got((b"content-length", b"2")),
    ),
    UP.delivered(
        "H1-52 trailers are nobody's fields", reply(CHUNKED, body=b"5\r\nhello\r\n0\r\nX-Smuggled: 1\r\n\r\n"), b"hello"
    ),
    UP.case(
        "H1-52 a trailer that is no field",
        request(),
        Aborted(0),
        turns=(Turn(b"", reply(CHUNKED, body=b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n")),),
        allowed=BadGateway(1),
    ),
    UP.delivered(
        "ED-15 a header that would split the reply",
        reply(b"Location: /a%0d%0aX-Split: 1", TWO, body=b"hi"),
        b"hi",
        got=got(absent=(b"x-split",)),
    ),
]
