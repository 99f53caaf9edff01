"""What the kernel knows about a connection and the event loop does not say."""

import asyncio
import socket
import struct
from contextlib import suppress
from math import inf

# linux/tcp.h: the first byte of tcp_info; the latter two of a peer that has sent FIN or RST.
ESTABLISHED, CLOSE_WAIT, CLOSE = 1, 8, 7
# The same: tcpi_unacked, packets under way, and tcpi_notsent_bytes.
UNACKED, NOT_SENT, INFO_SIZE = slice(24, 28), slice(144, 148), 148
# The same: tcpi_state, tcpi_last_data_recv and tcpi_last_ack_recv, the latter two in milliseconds.
LAST_HEARD = struct.Struct("@B51xII")
LONGEST_SILENCE, MOST_QUESTIONS = 32767, 127  # tcp(7), seconds and number
# Of a socket that is closed already; the latter is uvloop's.
GONE = (OSError, ValueError)
RESET_NOT_FIN = struct.pack("ii", 1, 0)


def peer_has_left(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer has ended the connection, seen without reading from it (Linux; elsewhere never)."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except GONE:
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
    except GONE:
        return True
    return not (any(info[UNACKED]) or any(info[NOT_SENT]))


def keep_alive(transport: asyncio.BaseTransport, seconds: int) -> None:
    """Have the kernel ask the peer's for a sign of life after each so many `seconds` of silence, so that `silent_for`
    tells who lives; it ends the connection when 127 in a row are missing (RFC 9293, section 3.8.4; Linux only).
    """
    # measured: 7 us a connection, bench/micro/sockets.py
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_KEEPIDLE"):
        return
    silence = min(seconds, LONGEST_SILENCE)
    with suppress(*GONE):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, silence)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, silence)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, MOST_QUESTIONS)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def silent_for(transport: asyncio.BaseTransport) -> float:
    """Seconds since the peer's machine last sent anything (Linux); `inf` where that is not known, or it has left."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return inf
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_HEARD.size)
    except GONE:
        return inf
    if len(info) < LAST_HEARD.size:
        return inf
    state, *silences = LAST_HEARD.unpack(info)
    return min(silences) / 1000 if state == ESTABLISHED else inf


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Make the coming close an RST, which no client takes for the clean end of a reply (RFC 9112, section 8)."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
