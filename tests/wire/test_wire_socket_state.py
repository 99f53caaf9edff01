"""What the kernel knows about a connection."""

import asyncio
import socket
import sys

import pytest

from gateway.wire.socket_state import has_arrived, peer_has_left, reset_on_close

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")


class Pair:
    """Two ends of a connection on the loopback: a transport, and the peer's bare socket."""

    def __init__(self, transport: asyncio.Transport, peer: socket.socket) -> None:
        self.transport = transport
        self.peer = peer

    @classmethod
    async def connect(cls) -> "Pair":
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            peer = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        accepted.setblocking(False)
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, accepted)
        transport.pause_reading()
        return cls(transport, peer)

    def close(self) -> None:
        self.transport.abort()
        self.peer.close()


async def test_peer_that_is_there_has_not_left() -> None:
    pair = await Pair.connect()
    pair.peer.sendall(b"unread")
    assert not peer_has_left(pair.transport)
    pair.close()


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_peer_that_left_is_seen_without_reading(how: str) -> None:
    pair = await Pair.connect()
    if how == "reset":
        pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    pair.peer.close()
    assert peer_has_left(pair.transport)
    pair.close()


async def test_what_the_peer_took_has_arrived_and_what_it_cannot_take_has_not() -> None:
    pair = await Pair.connect()
    pair.transport.write(b"small")
    assert has_arrived(pair.transport)
    pair.transport.write(b"x" * (16 << 20))
    assert not has_arrived(pair.transport)
    pair.close()


async def test_close_becomes_a_reset() -> None:
    pair = await Pair.connect()
    reset_on_close(pair.transport)
    pair.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        pair.peer.recv(1)
    pair.close()
