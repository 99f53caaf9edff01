"""The rows of pack ED that are bytes: sizes, bodies, paths, and what belongs to one hop or to nobody."""

import gzip

from corpus.parts import TE, Suite, chunked, counted, got, post, reply, request, saw

ED = Suite("ED, bytes")
MIB = 1 << 20
BOMB = gzip.compress(bytes(10 * MIB))
CLAIMS = (
    b"X-Forwarded-For: 6.6.6.6",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil",
    b"X-Forwarded-Port: 1",
    b"Forwarded: for=6.6.6.6",
    b"X-Real-IP: 6.6.6.6",
)
KEPT = (
    b"/a%2Fb",
    b"/%7Euser",
    b"/%e2%82%ac",
    b"/x?q=a+b%20c&x=%26",
    b"/x?",
    b"//x",
    b"/x?a=/../b",
    b"/...",
    b"/a;v=1/b",
    b"/%zz",
    b"?x=1",
    b"",
)
AMBIGUOUS = (
    *(
        b"/v1/svc/../admin",
        b"/v1/svc/./x",
        b"/v1/svc/..",
        b"/v1//svc/x",
        b"/../v1/svc/x",
        b"/v1/svc/%2e%2e/x",
        b"/v1/svc/%2E./x",
    ),
    *(
        b"/v1/svc/a%2f..%2fb",
        b"/v1/svc/..;/x",
        b"/v1/svc/..%5cx",
        b"/v1/svc/a%5Cb",
        b"/v1/svc/a%00b",
        b"/v1/svc/a%0d%0ab",
        b"/v1/svc/a%7fb",
    ),
)


def line(path: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1"


ROWS = [
    ED.refused("ED-08 10,000 fields", request(*(b"F%d: 1" % place for place in range(10000))), 431),
    ED.refused("ED-08 a field of 1 MiB", request(b"A: " + b"a" * MIB), 431),
    ED.refused("ED-08 a name of 100 KiB", request(b"A" * 102400 + b": 1"), 431),
    ED.refused("ED-08 a target of 1 MiB", request(line=line(b"/v1/svc/" + b"a" * MIB)), 414),
    ED.refused(
        "ED-08 a trailer block of 1 MiB", chunked(b"0\r\n" + b"A: aaaaaaaaaaaaaa\r\n" * 55000 + b"\r\n"), 400, 431
    ),
    ED.refused("ED-09 CL above the limit", post(b"Content-Length: %d" % (5 * MIB)), 413),
    ED.refused("ED-09 CL 999999999999 and nothing behind it", post(b"Content-Length: 999999999999"), 413),
    ED.refused(
        "ED-09 chunks that cross the limit",
        chunked(b"100000\r\n" + bytes(MIB) + (b"\r\n100000\r\n" + bytes(MIB)) * 4),
        413,
    ),
    ED.refused("ED-09 a chunk that announces 2^59 bytes", chunked(b"800000000000000\r\n" + bytes(5 * MIB)), 413),
    ED.clean("ED-11 4,096 chunks of one byte", chunked(b"1\r\nx\r\n" * 4096 + b"0\r\n\r\n")),
    ED.clean(
        "ED-12 a Cookie of 2,000 bad names",
        request(b"Cookie: " + b";".join(b"@%d=1" % place for place in range(2000))),
    ),
    ED.clean(
        "ED-16 OPTIONS with Max-Forwards: 5 goes on with 4",
        request(b"Max-Forwards: 5", line=b"OPTIONS /v1/svc/x HTTP/1.1"),
        saw=saw(b"Max-Forwards: 4"),
    ),
    ED.answered(
        "ED-16 OPTIONS with Max-Forwards: 0 is answered here",
        request(b"Max-Forwards: 0", line=b"OPTIONS /v1/svc/x HTTP/1.1"),
        200,
        204,
    ),
    ED.refused(
        "ED-16 TRACE with Max-Forwards: 0", request(b"Max-Forwards: 0", line=b"TRACE /v1/svc/x HTTP/1.1"), 405, 501
    ),
    ED.refused("ED-16 a request that was here before", request(b"Via: 1.1 other, 1.1 ai-api-gateway"), 508),
    ED.refused(
        "ED-16 two Via lines, the first one ours", request(b"Via: 1.1 AI-API-Gateway (x)", b"Via: 1.0 fred"), 508
    ),
    ED.delivered(
        "ED-30 cookies are passed on, not kept",
        reply(b"Set-Cookie: a=b", b"Content-Length: 2", body=b"hi"),
        b"hi",
        got=got((b"set-cookie", b"a=b")),
    ),
    ED.delivered(
        "ED-31 a redirect is passed on, not followed",
        reply(b"Location: http://192.0.2.1/", b"Content-Length: 0", status=b"HTTP/1.1 302 Found"),
        b"",
        status=302,
        got=got((b"location", b"http://192.0.2.1/")),
    ),
    *(ED.clean(f"ED-33 {rest.decode()!r} is kept", request(line=line(b"/v1/svc" + rest))) for rest in KEPT),
    *(ED.refused(f"ED-34 {path.decode()!r} could mean two things", request(line=line(path))) for path in AMBIGUOUS),
    ED.clean(
        "ED-35 a bomb in a request stays packed",
        counted(BOMB, b"Content-Encoding: gzip"),
        saw=saw(b"Content-Encoding: gzip"),
    ),
    ED.delivered(
        "ED-35 a bomb in a reply stays packed",
        reply(b"Content-Encoding: gzip", b"Content-Length: %d" % len(BOMB), body=BOMB),
        BOMB,
        got=got((b"content-encoding", b"gzip")),
    ),
    *(
        ED.delivered(
            f"ED-36 {coding.decode()} stays as it is",
            reply(b"Content-Encoding: " + coding, b"Content-Length: 3", body=b"\x1f\x8b\0"),
            b"\x1f\x8b\0",
            sends=request(b"Accept-Encoding: br, gzip;q=0"),
            saw=saw(b"Accept-Encoding: br, gzip;q=0"),
        )
        for coding in (b"gzip", b"br", b"zstd", b"identity")
    ),
    ED.clean(
        "ED-36 nothing is invented",
        request(),
        saw=saw(absent=(b"accept-encoding", b"user-agent", b"accept", b"cookie", b"content-type")),
    ),
    ED.clean(
        "ED-37 nobody believes a stranger",
        request(*CLAIMS),
        saw=saw(
            b"X-Forwarded-For: 127.0.0.1",
            b"X-Forwarded-Proto: http",
            b"X-Forwarded-Host: gw",
            absent=(b"forwarded", b"x-real-ip", b"x-forwarded-port"),
        ),
    ),
    ED.clean(
        "ED-38 names with underscores",
        request(b"X_Auth_Subject: root", b"Content_Length: 5", b"X-Auth-Subject: root"),
        saw=saw(absent=(b"x_auth_subject", b"content_length", b"x-auth-subject")),
    ),
    ED.clean(
        "ED-39 what Connection names",
        request(b"Connection: close, X-Foo", b"X-Foo: 1", b"x-foo: 2"),
        closes=True,
        saw=saw(absent=(b"x-foo", b"connection")),
    ),
    ED.clean(
        "ED-39 Connection cannot name the length",
        counted(b"hello", b"Connection: Content-Length"),
        saw=saw(b"Content-Length: 5"),
    ),
    ED.clean(
        "ED-39 Connection cannot name what we set",
        request(b"Connection: Host, Via, X-Forwarded-For, X-Request-Id"),
        saw=saw(b"X-Forwarded-For: 127.0.0.1"),
    ),
    ED.clean(
        "ED-39 Connection cannot name the coding",
        post(TE, b"Connection: Transfer-Encoding", body=b"0\r\n\r\n"),
        saw=saw(TE),
    ),
]
