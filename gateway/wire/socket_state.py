"""What the kernel knows about a connection and the event loop does not say."""

import asyncio
import socket
import struct

# linux/tcp.h: the first byte of tcp_info. A peer that has sent FIN or RST.
CLOSE_WAIT, CLOSE = 8, 7
RESET_NOT_FIN = struct.pack("ii", 1, 0)


def peer_has_left(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer has ended the connection, seen without reading from it (Linux; elsewhere never)."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return True
    return state in (CLOSE_WAIT, CLOSE)


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Make the coming close an RST, which no client takes for the clean end of a reply (RFC 9112, section 8)."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
