"""1xx replies, and Expect: 100-continue (RFC 9110, sections 10.1.1 and 15.2)."""

from messages import GOT_OK, OK, bad_gateway, own, refused, replies, request, seen
from table import CLOSED, Row, Seen, Turn, Until

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n"
REQUEST_10 = b"GET /v1/llm/x HTTP/1.0\r\nHost: gw\r\n\r\n"
GOT_OK_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: ID\r\nConnection: close\r\n\r\nok"
LINE = b"POST /v1/llm/x HTTP/1.1"


def expecting(*lines: bytes, expect: bytes = b"Expect: 100-continue", body: bytes = b"", line: bytes = LINE) -> bytes:
    return request(expect, *lines, line=line, body=body)


SEEN_5 = seen(b"Content-Length: 5", line=b"POST /v1/x HTTP/1.1", tail=b"\r\nhello")
SEEN_CHUNKED = seen(line=b"POST /v1/x HTTP/1.1", tail=b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

ROWS = [
    replies("H1-35 103 passes before the reply", EARLY + OK, EARLY + GOT_OK),
    replies("H1-35 two 103 pass", EARLY + EARLY + OK, EARLY + EARLY + GOT_OK),
    replies("H1-35 100 that nobody asked for is not passed on", CONTINUE + OK, GOT_OK),
    replies("H1-35 102 passes", b"HTTP/1.1 102 Processing\r\n\r\n" + OK, b"HTTP/1.1 102 Processing\r\n\r\n" + GOT_OK),
    replies(
        "H1-33 103 has no length and no hop-by-hop fields",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\nConnection: X\r\nX: 1\r\nA: 1\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\n" + GOT_OK,
    ),
    replies("H1-35 103 alone, closed", EARLY, EARLY + own(502), then="close"),
    replies("H1-35 103 and half a reply, closed", EARLY + OK[:20], EARLY + own(502), then="close"),
    replies("103, then what is no reply", EARLY + b"NONSENSE\r\n\r\n", EARLY + own(502)),
    Row("H1-35 103 never reaches HTTP/1.0", REQUEST_10, (Turn(seen(), EARLY + OK),), (Seen(GOT_OK_CLOSE, CLOSED),)),
    bad_gateway(
        "101 that nobody asked for",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ),
    Row(
        "H1-30 body withheld until 100 Continue",
        (expecting(b"Content-Length: 5"), Until(CONTINUE), b"hello"),
        (Turn(SEEN_5, OK),),
        (Seen(CONTINUE + GOT_OK),),
    ),
    Row(
        "H1-30 chunked body withheld until 100 Continue",
        (expecting(b"Transfer-Encoding: chunked"), Until(CONTINUE), b"5\r\nhello\r\n0\r\n\r\n"),
        (Turn(SEEN_CHUNKED, OK),),
        (Seen(CONTINUE + GOT_OK),),
    ),
    Row(
        "H1-30 body sent at once: 100 Continue may be left out",
        expecting(b"Content-Length: 5", body=b"hello"),
        (Turn(SEEN_5, OK),),
        (Seen(GOT_OK), Seen(CONTINUE + GOT_OK)),
    ),
    Row(
        "H1-30 no service, no invitation",
        expecting(b"Content-Length: 5", line=b"POST /v1/nope HTTP/1.1"),
        (),
        (Seen(own(404, close=True), CLOSED),),
    ),
    Row(
        "H1-30 upstream answers without waiting for the body",
        (expecting(b"Content-Length: 5"), Until(CONTINUE)),
        (Turn(SEEN_5[:-5], FORBIDDEN + b"\r\n", at="head"),),
        (
            Seen(
                CONTINUE
                + b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX-Request-Id: ID\r\nConnection: close\r\n\r\n",
                CLOSED,
            ),
        ),
    ),
    Row("Expect without a body", expecting(line=b"GET /v1/llm/x HTTP/1.1"), (Turn(seen(), OK),), (Seen(GOT_OK),)),
    Row(
        "Expect in mixed case",
        (expecting(b"Content-Length: 5", expect=b"EXPECT: 100-Continue"), Until(CONTINUE), b"hello"),
        (Turn(SEEN_5, OK),),
        (Seen(CONTINUE + GOT_OK),),
    ),
    Row(
        "H1-18 Expect of HTTP/1.0 is ignored",
        expecting(b"Content-Length: 5", line=b"POST /v1/llm/x HTTP/1.0", body=b"hello"),
        (Turn(SEEN_5, OK),),
        (Seen(GOT_OK_CLOSE, CLOSED),),
    ),
    refused("H1-31 another expectation", expecting(b"Content-Length: 5", expect=b"Expect: something"), 417),
    refused("H1-31 another expectation beside the known one", expecting(expect=b"Expect: 100-continue, x"), 417),
    refused("H1-31 empty expectation", expecting(expect=b"Expect:"), 417),
    refused("H1-31 two Expect lines", expecting(b"Expect: x", expect=b"Expect: 100-continue")),
]
