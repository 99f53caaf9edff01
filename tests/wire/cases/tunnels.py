"""WebSockets: a tunnel only once the upstream says so, and only when nothing could hide in the handshake."""

from messages import GOT_OK, OK, own, passes, refused, request, seen
from table import CLOSED, Row, Seen, Turn, Until

KEY = (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: x")
UPGRADE = (b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket")
HANDSHAKE = request(*UPGRADE, *KEY)
SEEN = seen(*KEY, tail=b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\n"
)
GOT = (
    b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: y\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: ID\r\n\r\n"
)
FRAMES = bytes(range(256))


def bad_switch(name: str, reply: bytes) -> Row:
    return Row(name, HANDSHAKE, (Turn(SEEN, reply),), (Seen(own(502)),))


ROWS = [
    Row(
        "frames pass both ways, and the upstream ends it",
        (HANDSHAKE, Until(GOT), FRAMES, Until(GOT + b"answer"), b"more"),
        (Turn(SEEN, SWITCH), Turn(FRAMES, b"answer", at="raw"), Turn(b"more", b"bye", "close", at="raw")),
        (Seen(GOT + b"answerbye", CLOSED),),
    ),
    Row(
        "frames right behind the 101",
        (HANDSHAKE, Until(GOT + b"first"), b"end"),
        (Turn(SEEN, SWITCH + b"first"), Turn(b"end", b"", "close", at="raw")),
        (Seen(GOT + b"first", CLOSED),),
    ),
    Row(
        "H1-24 upstream that does not switch",
        HANDSHAKE + request(),
        (Turn(SEEN, OK), Turn(seen(), OK)),
        (Seen(GOT_OK * 2),),
    ),
    bad_switch("101 to another protocol", SWITCH.replace(b"websocket", b"h2c")),
    bad_switch("101 without Connection: Upgrade", SWITCH.replace(b"Connection: Upgrade\r\n", b"")),
    bad_switch("101 without Upgrade", SWITCH.replace(b"Upgrade: websocket\r\n", b"")),
    passes("Upgrade that Connection does not name", request(b"Upgrade: websocket", *KEY), seen(*KEY)),
    passes("Connection: Upgrade without Upgrade", request(b"Connection: Upgrade", *KEY), seen(*KEY)),
    passes("Upgrade to two protocols", request(b"Connection: Upgrade", b"Upgrade: websocket, h2c"), seen()),
    passes(
        "Upgrade of POST is none",
        request(*UPGRADE, line=b"POST /v1/llm/x HTTP/1.1"),
        seen(line=b"POST /v1/x HTTP/1.1"),
    ),
    Row(
        "Upgrade of HTTP/1.0 is none",
        request(*UPGRADE, line=b"GET /v1/llm/x HTTP/1.0"),
        (Turn(seen(), OK),),
        (
            Seen(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: ID\r\nConnection: keep-alive\r\n\r\nok",
            ),
        ),
    ),
    refused("H1-24 handshake with a body", request(*UPGRADE, b"Content-Length: 5", body=b"hello")),
    refused("H1-24 handshake with chunks", request(*UPGRADE, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    Row(
        "H1-24 handshake with a body, after three without",
        request(*UPGRADE, b"Content-Length: 0") * 3 + request(*UPGRADE, b"Content-Length: 5", body=b"hello"),
        (Turn(seen(b"Content-Length: 0", tail=b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), OK),) * 3,
        (Seen(GOT_OK * 3 + own(400, close=True), CLOSED),),
    ),
]
