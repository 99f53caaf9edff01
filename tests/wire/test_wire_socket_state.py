"""What the kernel knows about a connection."""

import asyncio
import socket
import sys
from math import inf

import pytest
import uvloop
from raw_wire import DEAF, SO_ATTACH_FILTER
from waiting import until

from gateway.wire.socket_state import has_arrived, keep_alive, peer_has_left, reset_on_close, silent_for

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


async def test_silence_lasts_until_the_peer_sends_or_acknowledges_something() -> None:
    pair = await Pair.connect()

    def acknowledged() -> bool:
        pair.transport.write(b"x")
        return silent_for(pair.transport) < 0.5

    def sent() -> bool:
        pair.peer.sendall(b"x")
        return silent_for(pair.transport) < 0.5

    for heard in (acknowledged, sent):
        await until(lambda: silent_for(pair.transport) > 0.5)
        await until(heard)
    pair.close()


async def test_sign_of_life_is_asked_for_after_whole_seconds_of_silence() -> None:
    pair = await Pair.connect()
    keep_alive(pair.transport, 1)
    await until(lambda: silent_for(pair.transport) > 0.9)
    await until(lambda: silent_for(pair.transport) < 0.5)
    pair.close()


async def test_whose_machine_has_vanished_gives_none() -> None:
    pair = await Pair.connect()
    keep_alive(pair.transport, 1)
    pair.peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, DEAF)
    await until(lambda: silent_for(pair.transport) > 2.2)
    assert silent_for(pair.transport) < inf
    pair.close()


async def test_keep_alive_ends_nothing_before_the_gateway_does() -> None:
    pair = await Pair.connect()
    sock = pair.transport.get_extra_info("socket")
    for seconds, asked in ((5, 5), (10**6, 32767)):
        keep_alive(pair.transport, seconds)
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [sock.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [asked, asked, 127]
    pair.close()


def test_of_who_has_left_nothing_is_heard() -> None:
    async def story() -> None:
        pair = await Pair.connect()
        assert silent_for(pair.transport) < inf
        pair.peer.close()
        await until(lambda: silent_for(pair.transport) == inf)
        pair.transport.abort()
        await asyncio.sleep(0)
        assert silent_for(pair.transport) == inf
        assert peer_has_left(pair.transport)
        keep_alive(pair.transport, 1)

    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(story())
