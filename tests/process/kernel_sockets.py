"""What the kernel knows of TCP connections on 127.0.0.1, asked for by sock_diag(7): as quick with many as with few."""

import socket
import struct

SOCK_DIAG, BY_FAMILY = 4, 20
ONE, ALL = 1, 0x301
SYN_SENT = 1 << 2
LOOPBACK = socket.inet_aton("127.0.0.1").ljust(16, b"\0")
# Of an answer: the netlink header, family and state, then the ports; behind addresses and expiry, what waits unread.
PORTS_AT, UNREAD_AT = 16 + 4, 16 + 4 + 48 + 4


def unread_bytes(port: int, peer: int) -> int:
    """What has arrived at `port` from `peer` and was not read there."""
    return int(struct.unpack_from("=I", _ask(ONE, port, peer, ~0)[0], UNREAD_AT)[0])


def connecting_to(port: int) -> int:
    """How many sockets wait for an answer from `port` before they are connected."""
    return [struct.unpack_from(">H", each, PORTS_AT + 2)[0] for each in _ask(ALL, 0, 0, SYN_SENT)].count(port)


def _ask(how: int, port: int, peer: int, states: int) -> list[bytes]:
    connection = struct.pack(">HH", port, peer) + LOOPBACK * 2 + struct.pack("=IQ", 0, 2**64 - 1)
    request = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, states & 0xFFFFFFFF) + connection
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(request), BY_FAMILY, how, 0, 0) + request)
        answers: list[bytes] = []
        while True:
            data = sock.recv(1 << 16)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                if kind != BY_FAMILY:
                    return answers  # the end of them
                answers.append(data[:size])
                data = data[(size + 3) & ~3 :]
            if how == ONE:
                return answers
