"""The request that an upstream gets: the client's lines that pass, and what the gateway sets."""

from gateway.exchange import Exchange
from gateway.wire.headers import METHODS, HeaderPlan

VIA = b"\r\nVia: 1.1 ai-api-gateway\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
SPELLED = {name: spelled + b" " for spelled, name in METHODS.items()}


class Destination:
    """How one upstream is addressed: `base` is the path of its URL without a trailing slash, `authority` its Host."""

    __slots__ = ("base", "line_end")

    def __init__(self, base: bytes, authority: bytes) -> None:
        self.base = base
        self.line_end = b" HTTP/1.1\r\nHost: " + authority + b"\r\n"


def upstream_request(exchange: Exchange, plan: HeaderPlan, destination: Destination) -> bytes:
    """The whole head, up to and including its empty line, and what there is of the body."""
    request = exchange.request
    memo = request.plan
    before, after = memo[1] if memo and memo[0] is plan else plan.lines(request)
    rest = request.rest
    if not (destination.base or rest.startswith(b"/")):
        rest = b"/" + rest
    framing = b""
    if request.chunked:
        framing = CHUNKED
    elif request.upgrade:
        framing = UPGRADE
    return b"".join(
        (
            SPELLED[request.method],
            destination.base,
            rest,
            destination.line_end,
            before,
            b"%d" % exchange.content_length if request.has_length else b"",
            after,
            exchange.forwarded,
            b"\r\nX-Request-Id: ",
            exchange.request_id,
            b"\r\ntraceparent: ",
            exchange.traceparent,
            VIA,
            exchange.identity.headers,
            framing,
            b"\r\n",
            exchange.body,
        )
    )
