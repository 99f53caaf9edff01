"""What is written waits for the end of the event loop's turn: in order, bounded, and never lost."""

import asyncio
from typing import cast

import pytest
from fakes import MemoryTransport
from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, request

from gateway.outbox import MOST_HELD, SMALL, Outbox
from gateway.wire.sender import Sender

LARGE = b"l" * (SMALL + 1)


class Peer(Sender):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def connected(outbox: Outbox) -> tuple[Peer, MemoryTransport]:
    peer = Peer(outbox)
    return peer, MemoryTransport(peer)


async def test_small_writes_of_one_turn_leave_together_at_its_end(outbox: Outbox) -> None:
    peer, transport = connected(outbox)
    peer.write(b"one ")
    peer.write(b"two")
    assert not transport.written
    await asyncio.sleep(0)
    assert (transport.written, transport.writes) == (b"one two", 1)


async def test_large_one_leaves_at_once_behind_what_waits(outbox: Outbox) -> None:
    peer, transport = connected(outbox)
    peer.write(b"head")
    peer.write(LARGE)
    assert transport.written == b"head" + LARGE
    peer.write(b"tail")
    await asyncio.sleep(0)
    assert transport.written == b"head" + LARGE + b"tail"


async def test_no_more_waits_than_small(outbox: Outbox) -> None:
    peer, transport = connected(outbox)
    for written in range(1, 11):
        peer.write(bytes(SMALL // 4))
        assert written * SMALL // 4 - len(transport.written) <= SMALL
    assert transport.writes == 2
    await asyncio.sleep(0)
    assert len(transport.written) == SMALL * 10 // 4


async def test_back_pressure_of_what_waited_is_felt_when_it_is_sent(outbox: Outbox) -> None:
    paused = []

    class Full(MemoryTransport):
        def write(self, data: bytes) -> None:
            super().write(data)
            paused.append(len(data))

    peer = Peer(outbox)
    Full(peer)
    peer.write(b"x" * SMALL)
    peer.write(b"y")
    assert paused == [SMALL + 1]


async def test_so_many_wait_at_most(outbox: Outbox) -> None:
    pairs = [connected(outbox) for _ in range(3 * MOST_HELD)]
    for number, (peer, _) in enumerate(pairs, 1):
        peer.write(b"x")
        assert sum(not transport.written for _, transport in pairs[:number]) < MOST_HELD
    await asyncio.sleep(0)
    assert all(transport.written == b"x" for _, transport in pairs)


async def test_nothing_is_sent_once_the_connection_is_lost(outbox: Outbox) -> None:
    peer, transport = connected(outbox)
    peer.write(b"x")
    peer.lost()
    peer.write(b"y")
    await asyncio.sleep(0)
    assert not transport.written


async def test_nobody_suffers_for_another_whose_write_fails(outbox: Outbox) -> None:
    class Broken(MemoryTransport):
        def write(self, data: bytes) -> None:
            raise MemoryError

    broken = Peer(outbox)
    broken_transport = Broken(broken)
    pairs = [connected(outbox) for _ in range(3)]
    for peer in (pairs[0][0], broken, pairs[1][0], pairs[2][0]):
        peer.write(b"x")
    with pytest.raises(MemoryError):
        outbox.flush()
    await asyncio.sleep(0)
    assert [bytes(transport.written) for _, transport in pairs] == [b"x"] * 3
    assert broken_transport.lost or broken_transport.is_closing()


async def test_what_is_done_while_others_are_sent_to_finds_what_still_waits(outbox: Outbox) -> None:
    """`write` of a transport calls its protocol when it is full, and who hears of that may close another."""
    pairs = [connected(outbox) for _ in range(4)]
    later, ended, forgotten = (peer for peer, _ in pairs[1:])

    class Full(MemoryTransport):
        def write(self, data: bytes) -> None:
            super().write(data)
            later.write(LARGE)
            ended.flush()
            forgotten.lost()

    first = Peer(outbox)
    Full(first)
    for peer in (first, later, ended, forgotten):
        peer.write(b"x")
    await asyncio.sleep(0)
    written = [bytes(transport.written) for _, transport in pairs[1:]]
    assert written == [b"x" + LARGE, b"x", b""]


def test_a_turn_that_could_not_be_awaited_holds_up_no_other(outbox: Outbox) -> None:
    peer, transport = connected(outbox)
    with pytest.raises(RuntimeError):
        peer.write(b"x")  # no loop runs

    async def turn() -> None:
        peer.write(b"y")
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert transport.written.endswith(b"y")


@in_memory()
async def test_pipelined_replies_leave_in_one_write(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(line=b"GET /nowhere HTTP/1.1") * 8)
    assert client.written.count(b"HTTP/1.1 404 ") == 8
    assert client.writes == 1


@in_memory()
async def test_request_of_a_client_that_left_in_the_same_turn_is_never_sent(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], OK)
    assert got(client) == GOT_OK
    before = len(gate.accepted[0].written)
    client.feed(request())
    client.feed_eof()
    await gate.quiet()
    assert len(gate.accepted[0].written) == before
    assert gate.accepted[0].lost


@in_memory()
async def test_reply_is_sent_before_the_connection_closes(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Connection: close", line=b"GET /nowhere HTTP/1.1"))
    assert client.written.startswith(b"HTTP/1.1 404 ")
    assert client.ended


@in_memory()
async def test_last_words_in_a_tunnel_are_passed_on_before_it_ends(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Connection: upgrade", b"Upgrade: websocket"))
    upstream = gate.accepted[0]
    await gate.sends(upstream, b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    client.feed(b"bye")
    client.feed_eof()
    await gate.quiet()
    assert upstream.written.endswith(b"bye")
    assert upstream.lost


@in_memory()
async def test_operators_path_waits_behind_a_reply_that_the_client_does_not_read(gate: MemoryGateway) -> None:
    client = gate.connect()
    write = client.write

    def full(data: bytes) -> None:
        write(data)
        client.stall()

    client.write = full  # type: ignore[method-assign]
    await gate.sends(client, request(line=b"GET /nowhere HTTP/1.1") + request(line=b"GET /health HTTP/1.1"))
    assert client.written.count(b"HTTP/1.1 ") == 1
    client.write = write  # type: ignore[method-assign]
    client.drain()
    await gate.until(lambda: client.written.count(b"HTTP/1.1 ") == 2)
