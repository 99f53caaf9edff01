"""What any bytes at all must do to the parts that read them: one function for each, which raises when they do not.

`fuzz_target` drives them with atheris, `test_fuzz_harnesses` with mutants; they share no code with what they check.
"""

import asyncio
import ipaddress
import posixpath
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import meant
import strict

from gateway.errors import GatewayError
from gateway.exchange import Exchange, Request
from gateway.wire.framing import BodyTooLarge, Chunked, Framing, FramingError, Length, UntilClose
from gateway.wire.headers import HeaderPlan, parse_request
from gateway.wire.peer import Peer
from gateway.wire.reply_head import ReplyHead
from gateway.wire.request_head import Destination, upstream_request
from gateway.wire.target import split_authority, split_service

PLAN = HeaderPlan({}, [], forward_authorization=True)
DESTINATION = Destination(b"/base", b"up.test:8000")
TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
PLAIN_PEER = Peer("203.0.113.9", tls=False, networks=TRUSTED)
PROXY_PEER = Peer("10.1.1.1", tls=True, networks=TRUSTED)
LIMIT = 1 << 16


def _head(data: bytes) -> bytes:
    """As `Express` cuts it: up to the first empty line."""
    data += b"\r\n\r\n"
    return data[: data.find(b"\r\n\r\n") + 4]


def heads(data: bytes) -> None:
    """What is passed on is strict and means the same: method, target, length, and no field that was not there."""
    head = _head(data)
    trusted = len(data) % 2 == 1
    peer = PROXY_PEER if trusted else PLAIN_PEER
    try:
        request = parse_request(head, trusted=trusted)
    except GatewayError:
        return
    if not request.service or request.length > LIMIT:
        return
    sent = strict.read_request(_passed_on(request, peer) + _body(request))
    reading = meant.requests(head + _body(request))
    assert sent is not None
    assert len(reading.messages) == 1, reading
    original = reading.messages[0]
    assert (sent.method.encode(), sent.body) == (original.method, original.body)
    assert original.target == b"/v1/" + request.service.encode() + request.rest
    ours = {"host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "traceparent", "via"}
    theirs = list(original.fields)
    for name, value in sent.fields:
        if name not in ours | {"content-length", "transfer-encoding", "connection", "upgrade", "max-forwards"}:
            theirs = theirs[theirs.index((name.encode(), value)) + 1 :]


def _passed_on(request: Request, peer: Peer) -> bytes:
    exchange = Exchange(request, None, peer.client(request), peer.forwarded(request), request.length)  # type: ignore[arg-type]
    exchange.request_id, exchange.traceparent = b"0" * 32, b"00-" + b"1" * 32 + b"-" + b"1" * 16 + b"-00"
    return upstream_request(exchange, PLAN, DESTINATION)


def _body(request: Request) -> bytes:
    return b"0\r\n\r\n" if request.chunked else bytes(request.length)


def targets(data: bytes) -> None:
    """The service that is chosen is the one that every reader sees, also one that decodes and normalises."""
    if not data or min(data) < 0x21 or max(data) > 0x7E:
        return  # is no target, says the request line
    try:
        _, origin = split_authority(data)
        service, rest = split_service(origin)
    except GatewayError:
        return
    assert origin.startswith(b"/")
    if not service:
        return
    assert origin == b"/v1/" + service.encode() + rest
    path = origin.partition(b"?")[0]
    for reader in (path, unquote_to_bytes(path)):
        assert b"\\" not in reader
        assert min(reader) >= 0x20
        assert posixpath.normpath(reader).split(b"/")[:3] == [b"", b"v1", service.encode()]


def forwarded(data: bytes) -> None:
    """The client is the right-most address nobody trusted vouches for, or the peer; and no line is ever split."""
    request = Request()
    request.fields, request.host, request.proto, request.forwarded_for = [(b"x-forwarded-host", data)], b"gw", b"", data
    for peer in (PROXY_PEER, PLAIN_PEER):
        client = peer.client(request)
        assert client == _right_most(data, peer.address)
        ipaddress.ip_address(client)
        if not {10, 13} & set(data):
            assert peer.forwarded(request).count(b"\r\n") == 2


def _right_most(data: bytes, peer: str) -> str:
    client = peer
    for hop in reversed(data.decode("latin-1").split(",") if data else []):
        try:
            address = ipaddress.ip_address(hop.strip().strip("[]").partition("%")[0])
        except ValueError:
            return client
        mapped = getattr(address, "ipv4_mapped", None)
        client = str(mapped or address)
        if not any((mapped or address) in network for network in TRUSTED):
            return client
    return client


def framing(data: bytes) -> None:
    """However a body is cut, the same bytes pass, the same are left over; and a chunked one is what it means."""
    if len(data) < 3:
        return
    kind, step, data = data[0] % 4, data[1] % 7 + 1, data[2:]
    makers: list[Callable[[], Framing]] = [
        lambda: Chunked(limit=LIMIT),
        lambda: Chunked(decode=True, limit=LIMIT),
        lambda: Length(step * 5),
        UntilClose,
    ]
    whole, pieces = _feed(makers[kind](), [data]), _feed(makers[kind](), _cut(data, step))
    if whole[0] == "bad" or pieces[0] == "bad":
        assert whole[0] == pieces[0] == "bad", (whole, pieces)
    else:
        assert whole == pieces
    if kind < 2:
        _check_chunks(data, whole, decoded=kind == 1)


def _check_chunks(data: bytes, outcome: tuple[str, bytes, bytes], *, decoded: bool) -> None:
    reading = meant.requests(b"POST /v1/s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    if outcome[0] != "done":
        return
    assert reading.messages, (reading, outcome)
    passed = outcome[1] if decoded else meant.requests(_CHUNKED + outcome[1]).messages[0].body
    assert passed == reading.messages[0].body


_CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def _cut(data: bytes, step: int) -> list[bytes]:
    return [data[place : place + step] for place in range(0, len(data), step)]


def _feed(body: Framing, pieces: list[bytes]) -> tuple[str, bytes, bytes]:
    passed, surplus = [], b""
    try:
        for piece in pieces:
            if body.done:
                surplus += piece
            else:
                passed.append(body.take(piece))
    except (FramingError, BodyTooLarge):
        return "bad", b"", b""
    return "done" if body.done else "open", b"".join(passed), body.surplus + surplus


def replies(data: bytes) -> None:
    """A reply head that passes is one that has one meaning, and its length is that one's."""
    whole = _head(data)
    try:
        head = ReplyHead(whole)
    except GatewayError:
        return
    body = b"0\r\n\r\n" if head.chunked else bytes(min(head.length, LIMIT))
    if head.status == 204 or head.status < 200 or head.length > LIMIT:
        return
    found, state, _ = meant.replies(whole + body, [b"GET"], closed=True)
    assert found, (state, data)
    assert found[0].status == head.status
    passed = head.before + (b"%d" % head.length if head.after else b"") + head.after + b"\r\n"
    found, _, rest = meant.replies(passed, [b"HEAD"], closed=True)
    assert found, passed
    assert not rest


HARNESSES: dict[str, Callable[[bytes], None]] = {
    "heads": heads,
    "targets": targets,
    "forwarded": forwarded,
    "framing": framing,
    "replies": replies,
}


def in_a_loop(harness: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """aiohttp's parser wants an event loop to belong to."""

    def run(data: bytes) -> None:
        asyncio.set_event_loop(_LOOP)
        harness(data)

    return run


_LOOP = asyncio.new_event_loop()
