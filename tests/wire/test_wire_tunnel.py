"""Tunnels: either side ends both, and neither outruns the other."""

import pytest
from memory_gateway import MemoryGateway, got, in_memory
from messages import request

from gateway.errors import UpstreamError
from gateway.exchange import Exchange, Request
from gateway.wire.reply_head import ReplyHead
from gateway.wire.tunnel import switching_head

HANDSHAKE = request(b"Connection: Upgrade", b"Upgrade: websocket")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nA: 1\r\n\r\n"
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nA: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: r\r\n\r\n"
)
TIMEOUTS = {"timeouts": {"idle": 5}}


def exchange(upgrade: bytes | None) -> Exchange:
    request = Request()
    request.upgrade = upgrade
    made = Exchange(request, None, "", b"", 0)  # type: ignore[arg-type]
    made.request_id = b"r"
    return made


def test_switch_is_announced_with_our_own_hop_by_hop_fields() -> None:
    assert switching_head(exchange(b"websocket"), ReplyHead(SWITCH)) == SWITCHED


@pytest.mark.parametrize("upgrade", [None, b"h2c"])
def test_switch_that_nobody_asked_for_is_an_error(upgrade: bytes | None) -> None:
    with pytest.raises(UpstreamError):
        switching_head(exchange(upgrade), ReplyHead(SWITCH))


@in_memory()
async def test_client_that_ends_the_tunnel_ends_it_for_the_upstream(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, HANDSHAKE)
    await gate.sends(gate.accepted[0], SWITCH)
    client.feed_eof()
    await gate.quiet()
    assert (client.ended, gate.accepted[0].ended) == ("closed", "closed")


@in_memory()
async def test_upstream_that_resets_the_tunnel_ends_it_for_the_client(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, HANDSHAKE)
    await gate.sends(gate.accepted[0], SWITCH)
    gate.accepted[0].reset()
    await gate.quiet()
    assert client.ended


@in_memory()
async def test_slow_side_stops_the_other(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, HANDSHAKE)
    upstream = gate.accepted[0]
    await gate.sends(upstream, SWITCH)
    upstream.stall()
    assert not client.reading
    client.stall()
    assert not upstream.reading
    await gate.sends(client, b"to upstream")
    await gate.sends(upstream, b"to client")
    upstream.drain()
    client.drain()
    await gate.quiet()
    assert got(upstream).endswith(b"to upstream")
    assert got(client).endswith(b"to client")
    client.feed_eof()


@in_memory(service=TIMEOUTS, server={"body_timeout": 1, "keepalive_timeout": 1})
async def test_tunnel_in_which_either_side_speaks_is_not_idle(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, HANDSHAKE)
    await gate.sends(gate.accepted[0], SWITCH)
    for speaker in (client, gate.accepted[0]) * 3:
        await gate.passes(4.8)
        await gate.sends(speaker, b"x")
    assert not client.ended
    await gate.passes(5.1)
    assert client.ended
    assert gate.accepted[0].ended
