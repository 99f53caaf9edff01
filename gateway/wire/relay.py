"""How a reply goes on to this client: the head it gets, and the framing its body leaves in.

Framed the same on both sides, a body passes byte for byte. Framed anew are bodies that end with the upstream's
connection, and chunks for a client that speaks HTTP/1.0.
"""

from gateway.exchange import Exchange
from gateway.wire.framing import Chunked, Framing, Length, UntilClose, UntilCloseAsChunks
from gateway.wire.reply_head import ReplyHead

CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
KEEP_ALIVE = b"Connection: keep-alive\r\n"
NO_BUFFERING = b"X-Accel-Buffering: no\r\n"
BODILESS = frozenset((204, 304))


def body_framing(exchange: Exchange, reply: ReplyHead, length: int) -> Framing:
    """Where the body of this reply ends (RFC 9112, section 6.3), in the shape in which it goes on to this client."""
    if is_bodiless(exchange, reply):
        return Length(0)
    if reply.chunked:
        return Chunked(decode=exchange.request.minor == 0)
    if reply.has_length:
        return Length(length)
    return UntilCloseAsChunks() if exchange.request.minor else UntilClose()


def is_bodiless(exchange: Exchange, reply: ReplyHead) -> bool:
    """Whether no body follows this head, whatever it announces (RFC 9112, section 6.3, rule 1)."""
    return exchange.request.method == "HEAD" or reply.status in BODILESS


def coding_of(exchange: Exchange, reply: ReplyHead, framing: Framing) -> bytes:
    """The line that tells the client of chunks; empty when there are none."""
    return CHUNKED if (reply.chunked and exchange.request.minor) or type(framing) is UntilCloseAsChunks else b""


def client_reply(exchange: Exchange, reply: ReplyHead, length: int, coding: bytes, body: bytes, *, keep: bool) -> bytes:
    """The head that the client gets, and what there is of the `body`.

    `keep` says whether its connection lives on, `coding` is as of `coding_of`.
    """
    minor = exchange.request.minor
    limits = exchange.permit.headers
    before, after = reply.without_limits() if limits and reply.limited else (reply.before, reply.after)
    return b"".join(
        (
            before,
            b"%d" % length if after else b"",
            after,
            coding,
            NO_BUFFERING if reply.event_stream else b"",
            limits,
            b"X-Request-Id: ",
            exchange.request_id,
            b"\r\n" if keep and minor else (b"\r\n" + (KEEP_ALIVE if keep else CLOSE)),
            b"\r\n",
            body,
        )
    )


def may_keep(exchange: Exchange, framing: Framing) -> bool:
    """Whether the client's connection can carry another request after this reply."""
    if not (exchange.request.keep_alive and exchange.body_complete):
        return False
    if exchange.request.minor:
        return True
    return type(framing) is Length
