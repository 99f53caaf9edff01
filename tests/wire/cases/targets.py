"""Request targets: forms, bytes that pass as they are, and paths that could mean two things."""

from messages import ALLOW, own, passes, refused, request, seen
from table import Row, Seen


def target(text: bytes, host: bytes = b"Host: gw", method: bytes = b"GET") -> bytes:
    return request(line=method + b" " + text + b" HTTP/1.1", host=host)


def kept(rest: bytes) -> Row:
    """ED-33: what follows the service reaches the upstream byte for byte."""
    name = f"ED-33 {rest.decode()[:40]!r} is kept byte for byte"
    return passes(name, target(b"/v1/llm" + rest), seen(line=b"GET /v1" + rest + b" HTTP/1.1"))


def ambiguous(path: bytes) -> Row:
    return refused(f"ED-34 {path.decode()!r} could mean two things", target(path))


def unknown(path: bytes) -> Row:
    return Row(f"{path.decode()!r} names no service", target(path), (), (Seen(own(404)),))


def absolute(name: str, text: bytes, host: bytes = b"gw") -> Row:
    return passes(f"H1-21 absolute form {name}", target(text), seen(host=host))


KEPT = (
    b"/a%2Fb",
    b"/%7Euser",
    b"/%e2%82%ac",
    b"/x?q=a+b%20c&x=%26",
    b"/x?",
    b"?x=1",
    b"",
    b"/",
    b"//x",
    b"/x?a=/../b",
    b"/x?url=http://h/%2e%2e",
    b"/...",
    b"/..a",
    b"/.well-known/x",
    b"/a;v=1/b",
    b"/a:b@c!$&'()*+,=~",
    b'/"<>^`{|}',
    b"/%zz",
    b"/" + b"a" * 7980,
)
AMBIGUOUS = (
    b"/v1/llm/../admin",
    b"/v1/llm/..",
    b"/v1/llm/./x",
    b"/v1/llm/.",
    b"/../v1/llm/x",
    b"/v1/llm/..?x",
    b"/v1/llm/%2e%2e/x",
    b"/v1/llm/%2E./x",
    b"/v1/llm/.%2e",
    b"/v1/llm/a%2f..%2fb",
    b"/v1/llm/..;/x",
    b"/v1/llm/..%5cx",
    b"/v1/llm/a\\b",
    b"/v1/llm/a%5Cb",
    b"/v1/llm/a%00b",
    b"/v1/llm/a%0d%0ab",
    b"/v1/llm/a%1Fb",
    b"/v1/llm/a%7fb",
    b"/v1//llm/x",
    b"/v1/llm/x#frag",
    b"/v1/llm/x?q#frag",
)

ROWS = [
    *(kept(rest) for rest in KEPT),
    *(ambiguous(path) for path in AMBIGUOUS),
    *(unknown(path) for path in (b"/", b"/v1", b"/v1/", b"/v1/nope/x", b"/V1/llm/x", b"//v1/llm/x", b"/v1/%6clm/x")),
    unknown(b"/v1/llm;x/y"),
    passes("base path of the root is empty", target(b"/v1/root/x?y"), seen(line=b"GET /x?y HTTP/1.1")),
    passes("service alone is the upstream's root", target(b"/v1/root"), seen(line=b"GET / HTTP/1.1")),
    passes("query behind the service alone", target(b"/v1/root?x=1"), seen(line=b"GET /?x=1 HTTP/1.1")),
    absolute("with the same Host", b"http://gw/v1/llm/x"),
    absolute("wins over Host", b"http://other:81/v1/llm/x", host=b"other:81"),
    absolute("in upper case", b"HTTP://gw/v1/llm/x"),
    absolute("with an IPv6 address", b"http://[::1]:80/v1/llm/x", host=b"[::1]:80"),
    absolute("says https, the peer did not", b"https://gw/v1/llm/x"),
    Row("H1-21 absolute form without a path", target(b"http://gw"), (), (Seen(own(404)),)),
    refused("H1-21 absolute form with user information", target(b"http://user@gw/v1/llm/x")),
    refused("H1-21 absolute form without a host", target(b"http:///v1/llm/x")),
    refused("H1-21 absolute form of another scheme", target(b"ftp://gw/v1/llm/x")),
    refused("H1-21 absolute form with dot segments", target(b"http://gw/v1/llm/../x")),
    refused("H1-21 absolute form without Host", target(b"http://gw/v1/llm/x", host=b"")),
    refused("H1-20 asterisk with GET", target(b"*")),
    refused("H1-20 no leading slash", target(b"v1/llm/x")),
    refused("H1-20 authority with GET", target(b"gw:80")),
    refused("H1-20 space in the target", target(b"/v1/llm/a b")),
    refused("H1-20 tab in the target", target(b"/v1/llm/a\tb")),
    refused("H1-20 raw bytes above 0x7f", target(b"/v1/llm/\xc3\xa4")),
    refused("H1-20 DEL", target(b"/v1/llm/\x7f")),
    Row(
        "ED-16 OPTIONS with no hop left is about the gateway",
        request(b"Max-Forwards: 0", line=b"OPTIONS /v1/llm/x HTTP/1.1"),
        (),
        (Seen(b"HTTP/1.1 204 No Content\r\n" + ALLOW + b"Date: DATE\r\nX-Request-Id: ID\r\n\r\n"),),
    ),
    passes(
        "ED-16 OPTIONS counts its hops",
        request(b"Max-Forwards: 010", line=b"OPTIONS /v1/llm/x HTTP/1.1"),
        seen(b"Max-Forwards: 9", line=b"OPTIONS /v1/x HTTP/1.1"),
    ),
    passes(
        "ED-16 hops that are no number pass",
        request(b"Max-Forwards: x", line=b"OPTIONS /v1/llm/x HTTP/1.1"),
        seen(b"Max-Forwards: x", line=b"OPTIONS /v1/x HTTP/1.1"),
    ),
    passes("ED-16 other methods have no hops", request(b"Max-Forwards: 0"), seen(b"Max-Forwards: 0")),
    refused("H1-20 target of 20 KiB", target(b"/v1/llm/" + b"a" * 20480), 414),
    refused("H1-20 target of 70 KiB", target(b"/v1/llm/" + b"a" * 71680), 414),
]
