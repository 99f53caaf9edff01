"""What the kernel knows about a connection and the event loop does not say."""

import asyncio
import socket
import struct
from contextlib import suppress
from math import ceil, inf

# linux/tcp.h: the first byte of tcp_info. A peer that has sent FIN or RST.
CLOSE_WAIT, CLOSE = 8, 7
# The same: tcpi_unacked, packets under way, and tcpi_notsent_bytes.
UNACKED, NOT_SENT, INFO_SIZE = slice(24, 28), slice(144, 148), 148
# The same: tcpi_last_ack_recv, milliseconds.
LAST_ACK, LAST_ACK_SIZE = struct.Struct("@56xI"), 60
LONGEST_SILENCE = 32767  # tcp(7), seconds
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


def has_arrived(transport: asyncio.WriteTransport) -> bool:
    """Whether the peer's machine has everything that was written (Linux; elsewhere, whether it left this process)."""
    if transport.get_write_buffer_size():
        return False
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return True
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_SIZE)
    except OSError:
        return True
    return not (any(info[UNACKED]) or any(info[NOT_SENT]))


def ask_for_life(transport: asyncio.BaseTransport, seconds: float) -> None:
    """Have the kernel ask the peer's for a sign of life after `seconds` of silence, whole ones, and end the connection
    when several in a row are missing (RFC 9293, section 3.8.4); Linux only.
    """
    # measured: 9 us a connection, bench/micro/sockets.py
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_KEEPIDLE"):
        return
    silence = min(ceil(seconds), LONGEST_SILENCE)
    with suppress(OSError):  # it has gone already, or there is no descriptor to ask with
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, silence)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, silence)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def silent_for(transport: asyncio.BaseTransport) -> float:
    """Seconds since the peer's machine last gave a sign of life (Linux; elsewhere `inf`)."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return inf
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_ACK_SIZE)
    except OSError:
        return inf
    return int(LAST_ACK.unpack(info)[0]) / 1000


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Make the coming close an RST, which no client takes for the clean end of a reply (RFC 9112, section 8)."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
