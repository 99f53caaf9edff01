"""A WebSocket becomes a tunnel once the upstream says so itself (RFC 9110, section 7.8; RFC 6455, section 4).

After that both directions are bodies that end with their connection; nothing here looks inside.
"""

from gateway.errors import UpstreamError
from gateway.exchange import Exchange
from gateway.wire.reply_head import ReplyHead

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def switching_head(exchange: Exchange, reply: ReplyHead) -> bytes:
    """The client's `101` head. Raises UpstreamError when nobody asked for this protocol."""
    if exchange.request.upgrade is None or reply.upgrade != exchange.request.upgrade:
        raise UpstreamError("101 that was not asked for")
    return b"%b%b%bX-Request-Id: %b\r\n\r\n" % (reply.before, reply.after, UPGRADE, exchange.request_id)
