"""Reply heads: any whose length or meaning could be read in two ways is a 502 (reliability pack H1-40 to H1-52)."""

from messages import bad_gateway, replies
from table import OPEN, Row


def reply(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    return b"\r\n".join((status, *lines, b"", body))


def got(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", added: bytes = b"", body: bytes = b"") -> bytes:
    return b"\r\n".join((status, *lines, b"")) + added + b"X-Request-Id: ID\r\n\r\n" + body


def bad(name: str, *lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = b"hello") -> Row:
    return bad_gateway(name, reply(*lines, status=status, body=body))


def bad_length(value: bytes) -> Row:
    return bad(f"H1-40 reply's Content-Length {value.decode('latin-1')!r}", b"Content-Length: " + value)


def bad_coding(value: bytes) -> Row:
    name = f"H1-41 reply's Transfer-Encoding {value.decode('latin-1')!r}"
    return bad(name, b"Transfer-Encoding: " + value, body=b"0\r\n\r\n")


def untouched(name: str, *lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> Row:
    lines = (*lines, b"Content-Length: 0")
    return replies(name, reply(*lines, status=status), got(*lines, status=status))


def dropped(name: str, *lines: bytes) -> Row:
    sends = reply(b"A: 1", *lines, b"Content-Length: 0", b"Z: 1")
    return replies(name, sends, got(b"A: 1", b"Content-Length: 0", b"Z: 1"))


def status(code: bytes, reason: bytes = b"Some Reason") -> Row:
    return untouched(f"status {code.decode()} passes", status=b"HTTP/1.1 " + code + b" " + reason)


LENGTH = b"Content-Length: 5"
CHUNKED = b"Transfer-Encoding: chunked"
CONTROLS = (b"\0", b"\x01", b"\x0b", b"\x1f", b"\x7f")

ROWS = [
    *(
        bad_length(value)
        for value in (b"foo", b"5, 5", b"5,5", b"+5", b"-5", b"", b"0x5", b"5 5", b"5;", b"1" * 19, b"5\xa0")
    ),
    bad("H1-40 two equal Content-Length lines in the reply", LENGTH, LENGTH),
    bad("H1-40 two Content-Length lines in the reply", LENGTH, b"content-length: 6"),
    bad("H1-41 CL and TE in the reply", LENGTH, CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"),
    bad("H1-41 TE and CL in the reply", CHUNKED, LENGTH, body=b"5\r\nhello\r\n0\r\n\r\n"),
    bad("H1-41 two TE lines in the reply", CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    *(
        bad_coding(value)
        for value in (b"foo", b"chunked, gzip", b"gzip, chunked", b"chunked, chunked", b"", b"identity", b"chunked;x")
    ),
    *(bad(f"H1-45 control byte {byte!r} in a reply's value", b"A: a" + byte + b"b", LENGTH) for byte in CONTROLS),
    bad("H1-45 bare CR in a reply's value", b"A: a\rSet-Cookie: x=1", LENGTH),
    bad("H1-45 bare LF in a reply's value", b"A: a\nSet-Cookie: x=1", LENGTH),
    bad("H1-45 space in a reply's name", b"A b: 1", LENGTH),
    bad("H1-45 space before a reply's colon", b"Content-Length : 5"),
    bad("H1-45 folded line in the reply", b"A: 1", b" 2", LENGTH),
    bad("H1-45 space before the reply's first field", b" A: 1", LENGTH),
    bad("H1-45 no colon in a reply's line", b"nonsense", LENGTH),
    bad("H1-45 empty name in the reply", b": 1", LENGTH),
    bad("H1-45 300 fields in the reply", *[b"A: 1"] * 300, LENGTH),
    bad("H1-45 100 KiB line in the reply", b"A: " + b"a" * 102400, LENGTH),
    bad_gateway("H1-45 reply head of LF-only lines", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    bad_gateway("H1-45 reply's status line ends in LF", b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello"),
    bad_gateway("H1-45 reply head without end, closed", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "close"),
    bad("H1-46 CR in the reason", LENGTH, status=b"HTTP/1.1 200 OK\rSet-Cookie: x=1"),
    bad("H1-46 NUL in the reason", LENGTH, status=b"HTTP/1.1 200 O\0K"),
    bad("reply of HTTP/2.0", LENGTH, status=b"HTTP/2.0 200 OK"),
    bad("reply of HTTP/1.2", LENGTH, status=b"HTTP/1.2 200 OK"),
    bad("reply of http/1.1", LENGTH, status=b"http/1.1 200 OK"),
    bad("reply of another protocol", LENGTH, status=b"ICY 200 OK"),
    bad("reply's status of two digits", LENGTH, status=b"HTTP/1.1 20 OK"),
    bad("reply's status of four digits", LENGTH, status=b"HTTP/1.1 2000 OK"),
    bad("reply's status 000", LENGTH, status=b"HTTP/1.1 000 OK"),
    bad("reply's status 600", LENGTH, status=b"HTTP/1.1 600 OK"),
    bad("reply's status of letters", LENGTH, status=b"HTTP/1.1 2xx OK"),
    bad("two spaces before the reply's status", LENGTH, status=b"HTTP/1.1  200 OK"),
    bad_gateway("reply that is a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    bad_gateway("reply of HTTP/0.9, closed", b"<html>hello</html>", "close"),
    bad_gateway("empty line before the reply", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    bad_gateway("no reply, closed", b"", "close"),
    bad_gateway("no reply, reset", b"", "reset"),
    bad_gateway("half a status line, reset", b"HTTP/1.1 2", "reset"),
    *(
        status(code)
        for code in (b"200", b"201", b"206", b"301", b"400", b"401", b"404", b"429", b"500", b"503", b"599")
    ),
    untouched("ED-31 redirects pass, nobody follows", b"Location: http://up2/", status=b"HTTP/1.1 302 Found"),
    untouched("reason phrase with other bytes", status=b"HTTP/1.1 200 d\xc3\xa9j\xc3\xa0: vu\t"),
    untouched("empty reason phrase", status=b"HTTP/1.1 200 "),
    replies(
        "status line without a reason",
        reply(b"Content-Length: 0", status=b"HTTP/1.1 200"),
        got(b"Content-Length: 0", status=b"HTTP/1.1 200 "),
    ),
    untouched(
        "ED-30 fields of the reply keep bytes and order", b"Set-Cookie: a=1", b"b:2", b"Set-Cookie: c=3", b"X_Y:"
    ),
    untouched("ED-36 encoded bodies stay encoded", b"Content-Encoding: gzip", b"Vary: Accept-Encoding", b"ETag: x"),
    untouched("128 fields in the reply", *(b"F%d: 1" % place for place in range(127))),
    untouched("upstream's rate limit fields pass where no rule of ours applied", b"X-RateLimit-Limit: 5"),
    untouched("bytes above 0x7f in the reply", b"A: \xe4\xff"),
    dropped("upstream's request id gives way to ours", b"X-Request-Id: theirs"),
    dropped(
        "H1-51 hop-by-hop fields of the reply",
        b"Connection: X-Drop, keep-alive",
        b"X-Drop: 1",
        b"Keep-Alive: timeout=60",
        b"Proxy-Connection: keep-alive",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"TE: x",
        b"Proxy-Authenticate: Basic",
    ),
    dropped("H1-51 Connection: close of the upstream is not the client's", b"Connection: close, X-Drop", b"x-drop: 1"),
    dropped("reply cannot name its length away", b"Connection: Content-Length"),
    replies(
        "event streams tell proxies behind us not to buffer",
        reply(b"Content-Type: Text/Event-Stream; charset=utf-8", b"Content-Length: 2", body=b"\n\n"),
        got(
            b"Content-Type: Text/Event-Stream; charset=utf-8",
            b"Content-Length: 2",
            added=b"X-Accel-Buffering: no\r\n",
            body=b"\n\n",
        ),
    ),
    replies(
        "reply of HTTP/1.0 becomes one of HTTP/1.1",
        reply(b"Content-Length: 2", status=b"HTTP/1.0 200 OK", body=b"ok"),
        got(b"Content-Length: 2", body=b"ok"),
        OPEN,
        "close",
    ),
    replies(
        "spaces and zeros around the reply's length are not passed on",
        reply(b"content-length:\t 0002 ", body=b"ok"),
        got(b"content-length: 2", body=b"ok"),
    ),
]
