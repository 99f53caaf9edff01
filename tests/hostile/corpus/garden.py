"""The trophies of the HTTP Garden by number: bugs of servers (S), of proxies (T), and those on the way (B).

Written from the bug that each entry describes. Where its request has no Host, one is added: the gateway would refuse it
for that alone, and the row is about something else.
"""

from corpus.cases import CleanThenRefused
from corpus.parts import LAST, POST, SMUGGLED, TE, Suite, chunked, got, post, request, saw

S = Suite("Garden, servers")
T = Suite("Garden, proxies")
B = Suite("Garden, on the way")
CL = b"Content-Length: "
Z = b"1\r\nZ\r\n" + LAST
ODD_NAME = bytes(set(range(0x21)) - {13, 10}) + b'"(),/;<=>?@[]{}'
CHOPPED = SMUGGLED.replace(b"Host: gw\r\n", b"Host: gw\r\nContent-Length: 5\r\n") + LAST


def get(*lines: bytes, **more: bytes) -> bytes:
    return request(*lines, **more)


def version(text: bytes) -> bytes:
    return request(line=b"GET /v1/svc/x " + text)


SERVERS = [
    S.refused("S1 chunk size read by int()", chunked(b"0_2e\r\n\r\n" + CHOPPED)),
    S.refused("S2 NUL and CR in a value", get(b"Header: v\0\ralue")),
    S.refused("S3 white space behind a name", get(b"Content-Length : 43", body=SMUGGLED)),
    S.refused(
        "S4 white space before the first name", b"GET /v1/svc/x HTTP/1.1\r\n\tContent-Length: 1\r\nHost: gw\r\n\r\nX"
    ),
    S.refused("S5 version read as its longest prefix", version(b"HTTP/1.32"), 400, 505),
    S.refused("S6 method read as its longest prefix", request(line=b'G=":<>(e),[T];?" /v1/svc/x HTTP/1.1')),
    S.refused("S7 target not checked", request(line=b"GET ! HTTP/1.1")),
    S.refused("S8 byte above 0x7f in a name", get(b"\xeffoo: bar")),
    S.refused("S9 LF as a space of the request line", request(line=b"GET /v1/svc/x\nHTTP/1.1")),
    S.refused("S10 CL read by int()", post(CL + b"+1_0", body=b"0123456789")),
    S.refused("S11 two TE lines", post(TE, TE, body=Z)),
    S.refused("S12 bytes 0xa0 and 0x85 around TE", post(b"Transfer-Encoding: \xa0chunked\x85", body=LAST)),
    S.refused("S13 CR ends a field line", get(b"Visible: :/\rSmuggled: :)")),
    S.refused("S14 every odd byte in a name", get(ODD_NAME + b": whatever")),
    S.refused("S15 version not checked", version(b"HTTP/\r\r1.1"), 400, 505),
    S.refused("S16 empty CL taken for 0", get(CL)),
    S.refused("S17 empty chunk size taken for 0", chunked(b"\r\n\r\n")),
    S.refused("S18 empty name", b"GET /v1/svc/x HTTP/1.1\r\n: ignored\r\nHost: gw\r\n\r\n"),
    S.refused(
        "S19 LF stripped from a value's beginning", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\nUseless:\n\n" + SMUGGLED
    ),
    S.refused("S20 byte 0x85 stripped from a name", get(b"Content-Length\x85: 10", body=b"0123456789")),
    S.refused("S21 TE ,chunked taken for another coding", post(b"Transfer-Encoding: ,chunked", CL + b"5", body=LAST)),
    S.refused("S22 chunk size read as its longest prefix", chunked(b"0x2e\r\n\r\n" + CHOPPED)),
    S.refused("S23 two CL, the first one counts", get(CL + b"1", CL + b"0", body=b"Z")),
    S.refused("S24 version overflows", version(b"HTTP/4294967295.255"), 400, 505),
    S.refused("S25 chunk size read by strtoll()", chunked(b"-0x0\r\n\r\n")),
    S.refused("S26 negative CL", get(CL + b"-48")),
    S.refused("S27 head chopped at an empty field", b"GET /v1/svc/x HTTP/1.1\r\n:\r\nHost: gw\r\n\r\n"),
    S.refused("S28 no colon needed", get(b"Content-Length 10", body=b"0123456789")),
    S.refused("S29 CL read as its longest prefix", get(CL + b"1Z", body=b"Z")),
    S.refused("S30 head ends in CRLF CR X", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\rZ" + SMUGGLED),
    S.refused("S31 size line ends in CR X", chunked(b"5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n" + CHOPPED)),
    S.clean(
        "S32 CL with a zero in front is decimal", get(CL + b"010", body=b"0123456789"), saw=saw(b"Content-Length: 10")
    ),
    S.refused("S33 two CL, the last one counts", get(CL + b"0", CL + b"1", body=b"Z")),
    S.refused("S34 CR in a value", get(b"Header: va\rlue")),
    S.refused("S35 value cut at NUL", get(b"Test: test\0THESE BYTES GET DROPPED", b"Connection: close")),
    S.refused(
        "S36 CR in the white space of an extension", chunked(b"41;a=b\r\r" + b"X" * 65 + b"\r\n0\r\n\r\n" + SMUGGLED)
    ),
    S.refused("S37 a name across lines", post(b"Transfer-", b"Encoding: chunked", CL + b"5", body=LAST)),
    S.refused("S38 empty CL taken for no end", get(CL, body=SMUGGLED)),
    S.clean("S39 chunks end in CRLF and any two bytes", chunked(b"0\r\nX:" + SMUGGLED)),
    S.refused(
        "S40 neither method nor version checked", b"\0 /v1/svc/x HTTP/............0596.7407.\r\nHost: gw\r\n\r\n"
    ),
    S.clean(
        "S41 bytes 0x85 and 0xa0 are part of a value", get(b"User: \x85admin\xa0"), saw=saw(b"User: \x85admin\xa0")
    ),
    S.refused("S42 empty CL before a good one", get(CL, CL + b"43", body=SMUGGLED)),
    S.refused("S43 NUL stripped from a value's end", get(b"Evil: evil\0")),
    S.refused("S44 unknown coding taken for chunked", post(b"Transfer-Encoding: blegh", body=Z)),
    S.clean(
        "S45 a bad request behind the last one spoils nothing",
        get(b"Connection: close", body=b"Invalid\r\n\r\n"),
        closes=True,
    ),
    S.refused(
        "S46 bytes above 0x80 stripped",
        request(b"Transfer-Encoding: \xffchunked\xff", line=POST, host=b"Host: \xffa\xff", body=Z),
    ),
    S.refused("S47 a next message behind a bad chunk", chunked(b"INVALID!!!\r\n" + SMUGGLED)),
    S.clean("S48 a pipelined request is not a body", (post(CL + b"0") + post(CL + b"34", body=b"G" * 34)), times=2),
]
PROXIES = [
    T.refused("T1 CL with 0x", post(CL + b"0x10", body=b"Z")),
    T.refused("T2 chunk sizes that are none", chunked(b"Z\r\nZZ\r\nZZZ\r\n\r\n")),
    T.refused("T3 CR before an extension", chunked(b"2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n" + SMUGGLED)),
    T.refused("T4 bad chunks are not cut off a message", chunked(b"1\r0\n")),
    T.refused("T5 empty CL passed on", get(b"content-length: ")),
    T.refused("T6 byte 0x85 in a name passed on", get(b"Header\x85: value")),
    T.refused(
        "T7 chunk size read as its prefix and written anew",
        chunked(b"1these-bytes-never-get-validated\r\nZ\r\n0\r\n\r\n"),
    ),
    T.refused("T9 TE ,chunked passed on as chunked", post(b"Transfer-Encoding: ,chunked", body=LAST)),
    T.refused("T10 CR in a value passed on", get(b"Invalid-Header: this\rvalue\ris\rinvalid")),
    T.refused("T11 empty CL before another passed on", get(b"content-length: ", b"content-length: 43", body=SMUGGLED)),
    T.refused("T12 NUL in Host passed on", get(host=b"Host: google.com\0.example.org")),
    T.refused("T13 LF behind a chunk", chunked(b"a\r\n0123456789\n0\r\n\r\n")),
    T.refused("T14 a line without a colon passed on", get(b"Te\nst: test", b"Connection: close")),
    T.refused("T15 CL and an unknown TE passed on", post(b"Transfer-Encoding: ,chunked", CL + b"5", body=LAST)),
    T.refused("T16 LF line ends passed on", b"GET /v1/svc/x HTTP/1.1\nHost: gw\nConnection: close\n\n"),
    T.refused("T17 empty line before the last chunk", chunked(b"5\r\nhello\r\n\r\n0\r\n\r\n" + SMUGGLED)),
    T.refused("T18 TE ,chunked passed on as another coding", get(b"Transfer-Encoding: ,chunked", CL + b"5", body=LAST)),
    T.refused("T19 chunk size with a sign and 0x", chunked(b"-0x0\r\n\r\n")),
    T.refused("T20 a line with NUL joined to the one before", get(b"a:b", b"c\0")),
    T.clean("T21 a GET keeps its body with its length", get(CL + b"10", body=b"1234567890")),
    T.refused("T22 two CL passed on", post(CL + b"0", CL + b"43", body=SMUGGLED)),
    T.refused("T23 CL and TE passed on", post(CL + b"5", TE, body=LAST)),
    T.refused("T24 white space before a chunk size", chunked(b"           0\r\n\r\n")),
    T.refused("T25 two TE lines passed on", post(TE, TE, body=LAST)),
]
ON_THE_WAY = [
    B.clean("B1 a request with an empty body", post(CL + b"0")),
    B.case("B3 NUL behind a chunked body", chunked(LAST) + b"\0", CleanThenRefused(2, (400,)), followed=False),
    B.clean("B4 a chunked body is not echoed", chunked(Z), got=got(absent=(b"transfer-encoding",))),
    B.refused(
        "B6 HTTP/2 with white space in a value", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x04\0\0\0\0\0\0", 400, 505
    ),
]
ROWS = SERVERS + PROXIES + ON_THE_WAY
