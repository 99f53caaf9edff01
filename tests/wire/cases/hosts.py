"""Host: exactly one, and nothing but a host and a port."""

from messages import passes, refused, request, seen
from table import Row


def bad(value: bytes) -> Row:
    return refused(f"H1-15 Host {value.decode('latin-1')!r}", request(host=b"Host: " + value))


def good(value: bytes) -> Row:
    return passes(f"H1-15 Host {value.decode()!r} is good", request(host=b"Host: " + value), seen(host=value))


BAD = (b"", b"a b", b"a,b", b"user@a", b"a/b", b"a?b", b"a#b", b"a\\b", b"a:80:80", b"a:8o", b"[::1", b"::1", b"\xe4")

ROWS = [
    refused("H1-15 no Host", request(host=b"")),
    refused("H1-15 two equal Host lines", request(b"Host: gw")),
    refused("H1-15 two Host lines", request(b"Host: other")),
    refused("H1-15 two Host lines of different case", request(b"hOST: other")),
    refused("H1-15 Host without a colon", request(host=b"Host")),
    *(bad(value) for value in BAD),
    *(good(value) for value in (b"a", b"a.example:8080", b"[::1]:80", b"127.0.0.1", b"a-b.c_d~", b"%65xample")),
]
