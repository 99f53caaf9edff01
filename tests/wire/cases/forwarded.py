"""Whom the client speaks for: X-Forwarded-* and their like, from strangers and from trusted proxies."""

from messages import GOT_OK, OK, passes, request, seen
from table import Row, Seen, Turn

TRUSTING = {"server": {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}}
CLAIMS = (
    b"X-Forwarded-For: 6.6.6.6",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil",
    b"x-forwarded-for: 7.7.7.7",
    b"X-Forwarded-Port: 1",
    b"X-Forwarded-Server: s",
    b"X-Forwarded-Prefix: /p",
    b"X-Forwarded-Ssl: on",
    b"X-Real-IP: 6.6.6.6",
    b"Forwarded: for=6.6.6.6",
)


def believed(
    name: str,
    lines: tuple[bytes, ...],
    addresses: bytes = b"127.0.0.1",
    proto: bytes = b"http",
    host: bytes = b"gw",
    passing: tuple[bytes, ...] = (),
) -> Row:
    sees = seen(*passing, host=host)
    sees = sees.replace(b"For: 127.0.0.1", b"For: " + addresses).replace(b"Proto: http", b"Proto: " + proto)
    return Row(f"ED-37 from a trusted proxy: {name}", request(*lines), (Turn(sees, OK),), (Seen(GOT_OK),), TRUSTING)


ROWS = [
    passes("ED-37 a stranger's claims are replaced", request(b"A: 1", *CLAIMS, b"B: 1"), seen(b"A: 1", b"B: 1")),
    believed("nothing said", ()),
    believed("an address", (b"X-Forwarded-For: 6.6.6.6",), b"6.6.6.6, 127.0.0.1"),
    believed(
        "addresses in two lines",
        (b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: 10.0.0.1,  10.0.0.2"),
        b"6.6.6.6, 10.0.0.1,  10.0.0.2, 127.0.0.1",
    ),
    believed("a protocol", (b"X-Forwarded-Proto: HTTPS",), proto=b"https"),
    believed("a protocol that is none", (b"X-Forwarded-Proto: gopher",)),
    believed("a host", (b"X-Forwarded-Host: public.example",), host=b"public.example"),
    believed(
        "the other fields pass",
        (b"X-Forwarded-Port: 443", b"Forwarded: for=6.6.6.6", b"X-Real-IP: 6.6.6.6"),
        passing=(b"X-Forwarded-Port: 443", b"Forwarded: for=6.6.6.6", b"X-Real-IP: 6.6.6.6"),
    ),
    believed("look-alikes do not pass", (b"X_Forwarded_For: 6.6.6.6",)),
    believed("named away", (b"Connection: X-Forwarded-For", b"X-Forwarded-For: 6.6.6.6"), b"6.6.6.6, 127.0.0.1"),
]
