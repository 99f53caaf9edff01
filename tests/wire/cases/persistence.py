"""Connections that live on: keep-alive, pipelining, HTTP/1.0, HEAD, and reuse towards the upstream."""

from messages import GOT_OK, OK, own, passes, refused, request, seen
from table import CLOSED, Row, Seen, Turn, Until

GOT_OK_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: ID\r\nConnection: close\r\n\r\nok"
GOT_OK_KEPT = GOT_OK_CLOSE.replace(b"close", b"keep-alive")
GET_10 = b"GET /v1/llm/x HTTP/1.0"
HEAD_LINE = b"HEAD /v1/llm/x HTTP/1.1"
SEEN_HEAD = seen(line=b"HEAD /v1/x HTTP/1.1")
POST = request(b"Content-Length: 2", line=b"POST /v1/llm/x HTTP/1.1", body=b"hi")
SEEN_POST = seen(b"Content-Length: 2", line=b"POST /v1/x HTTP/1.1", tail=b"\r\nhi")
CLOSING = (Seen(GOT_OK_CLOSE, CLOSED),)
HEAD_20 = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n"
OPTIONS_STAR = b"OPTIONS * HTTP/1.1\r\nHost: gw\r\n\r\n"
ALLOW = b"Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n" + ALLOW + b"Date: DATE\r\nX-Request-Id: ID\r\n"


def times(count: int) -> tuple[Turn, ...]:
    return (Turn(seen(), OK),) * count


def head(name: str, reply: bytes, gets: bytes) -> Row:
    """A GET follows on both connections: neither may have been left with a body."""
    turns = (Turn(SEEN_HEAD, reply), Turn(seen(), OK, on="same"))
    return Row(name, request(line=HEAD_LINE) + request(), turns, (Seen(gets + GOT_OK),))


ROWS = [
    Row("two requests, one after the other", request() * 2, times(2), (Seen(GOT_OK * 2),)),
    Row(
        "H1-22 40 pipelined requests to two routes",
        (request() + OPTIONS_STAR) * 20,
        times(20),
        (Seen((GOT_OK + NO_CONTENT + b"\r\n") * 20),),
    ),
    Row("H1-22 pipelined requests with bodies", POST * 9, (Turn(SEEN_POST, OK),) * 9, (Seen(GOT_OK * 9),)),
    Row(
        "pipelined requests of which one is refused",
        request() + request(line=b"GET /v1/nope HTTP/1.1") + request(),
        times(2),
        (Seen(GOT_OK + own(404) + GOT_OK),),
    ),
    Row(
        "H1-04 nothing behind a malformed request is read",
        request() + request(b"A : 1") + request(),
        times(1),
        (Seen(GOT_OK + own(400, close=True), CLOSED),),
    ),
    Row("Connection: close is kept", request(b"Connection: close"), times(1), CLOSING),
    Row("close wins over keep-alive", request(b"Connection: keep-alive, Close"), times(1), CLOSING),
    Row(
        "what follows Connection: close is not read",
        request(b"Connection: close") + request(),
        times(1),
        CLOSING,
    ),
    passes("Connection: keep-alive says nothing new", request(b"Connection: keep-alive"), seen()),
    Row("H1-18 HTTP/1.0 closes by default", request(line=GET_10), times(1), CLOSING),
    Row(
        "H1-18 HTTP/1.0 with keep-alive",
        request(b"Connection: Keep-Alive", line=GET_10),
        times(1),
        (Seen(GOT_OK_KEPT),),
    ),
    Row(
        "H1-18 HTTP/1.0 without Host",
        request(line=GET_10, host=b""),
        (Turn(seen(host=b""), OK),),
        CLOSING,
    ),
    Row(
        "H1-18 HTTP/1.0 with a body",
        request(b"Content-Length: 2", line=b"POST /v1/llm/x HTTP/1.0", body=b"hi"),
        (Turn(SEEN_POST, OK),),
        CLOSING,
    ),
    refused(
        "H1-18 HTTP/1.0 with TE",
        request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.0", body=b"0\r\n\r\n"),
    ),
    Row(
        "HTTP/1.0: our own answer closes too",
        request(line=b"GET / HTTP/1.0"),
        (),
        (Seen(own(404, close=True), CLOSED),),
    ),
    Row(
        "HTTP/1.0 with keep-alive: so does our own answer",
        request(b"Connection: keep-alive", line=b"GET / HTTP/1.0"),
        (),
        (Seen(own(404, keep=b"Connection: keep-alive\r\n")),),
    ),
    Row(
        "unknown service with a body: the connection lives on if it was there",
        request(b"Content-Length: 2", line=b"POST /v1/nope HTTP/1.1", body=b"hi"),
        (),
        (Seen(own(404)), Seen(own(404, close=True), CLOSED)),
    ),
    Row("H1-20 OPTIONS * is answered here", OPTIONS_STAR, (), (Seen(NO_CONTENT + b"\r\n"),)),
    Row(
        "OPTIONS * with Connection: close",
        OPTIONS_STAR[:-2] + b"Connection: close\r\n\r\n",
        (),
        (Seen(NO_CONTENT + b"Connection: close\r\n\r\n", CLOSED),),
    ),
    Row(
        "OPTIONS * of HTTP/1.0",
        OPTIONS_STAR.replace(b"1.1", b"1.0"),
        (),
        (Seen(NO_CONTENT + b"Connection: close\r\n\r\n", CLOSED),),
    ),
    head(
        "HEAD with a length",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nX-Request-Id: ID\r\n\r\n",
    ),
    head(
        "HEAD with chunks announced",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Request-Id: ID\r\n\r\n",
    ),
    head("HEAD without any length", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Request-Id: ID\r\n\r\n"),
    Row(
        "H1-32 HEAD to an upstream that sends a body",
        (request(line=HEAD_LINE), Until(HEAD_20), request()),
        (Turn(SEEN_HEAD, HEAD_20 + b"\r\n" + b"x" * 20), Turn(seen(), OK, on="new")),
        (Seen(HEAD_20 + b"X-Request-Id: ID\r\n\r\n" + GOT_OK),),
    ),
    Row(
        "HEAD: our own answer has no body",
        request(line=b"HEAD /v1/nope HTTP/1.1"),
        (),
        (Seen(own(404, head_only=True)),),
    ),
]
