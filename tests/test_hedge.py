"""Hedging: the copy of a late request, which of the two is passed on, and what becomes of the other."""

from collections.abc import Callable

import pytest
from fakes import MemoryTransport
from memory_gateway import MemoryGateway, behind, got, in_memory, tally, upstreams
from messages import GOT_OK, OK, request

from gateway.balance.recent import KEPT, LOOK_EVERY, Recent
from gateway.routes import Hedging

LATE = 0.01  # real seconds
POST = request(b"Content-Length: 2", line=b"POST /v1/llm/x HTTP/1.1", body=b"hi")
UPGRADE = request(b"Connection: Upgrade", b"Upgrade: websocket")
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\n"


def hedged(**keys: object) -> Callable[..., Callable[[], None]]:
    return in_memory(upstreams=2, service={"strategy": "round_robin", "hedging": {"budget": 1.0}, **keys})


def hedging(gate: MemoryGateway) -> Hedging:
    return gate.gateway._parts._backends["llm"]._hedging


async def late(gate: MemoryGateway) -> tuple[MemoryTransport, MemoryTransport, MemoryTransport]:
    """A client whose GET is late, the first upstream's side, and that of the copy."""
    hedging(gate).latency.value = LATE
    client = gate.connect()
    await gate.sends(client, request())
    await gate.until(lambda: len(gate.accepted) == 2)
    await gate.quiet()
    first, copy = gate.accepted
    assert behind(gate, first) is not behind(gate, copy)
    assert copy.written.startswith(b"GET /v1/x")
    assert sum(upstream.in_flight for upstream in upstreams(gate)) == 2
    return client, first, copy


@hedged()
async def test_copy_that_answers_first_is_passed_on_and_the_first_is_aborted(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    await gate.sends(copy, OK[:-1])
    assert first.ended
    assert behind(gate, first).in_flight == 0, "at once, however long the reply goes on"
    await gate.sends(copy, OK[-1:])
    assert got(client) == GOT_OK
    assert tally(gate).retries == {"hedge": 1}
    assert tally(gate).upstreams[behind(gate, first).name].statuses == {499: 1}
    assert tally(gate).upstreams[behind(gate, copy).name].statuses == {200: 1}


@hedged()
async def test_first_that_answers_after_all_is_passed_on_and_the_copy_is_aborted(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    await gate.sends(first, OK)
    assert got(client) == GOT_OK
    assert copy.ended
    assert tally(gate).upstreams[behind(gate, first).name].statuses == {200: 1}
    assert tally(gate).upstreams[behind(gate, copy).name].statuses == {499: 1}


@hedged()
async def test_connection_of_the_winner_serves_again_and_the_client_too(gate: MemoryGateway) -> None:
    client, _, copy = await late(gate)
    await gate.sends(copy, OK)
    hedging(gate).latency.value = float("inf")
    for _ in range(2):
        for transport in gate.accepted:
            transport.written.clear()
        await gate.sends(client, request())
        [busy] = [transport for transport in gate.accepted if transport.written]
        await gate.sends(busy, OK)
    assert got(client) == GOT_OK * 3


@hedged()
async def test_slow_reader_holds_up_the_winner(gate: MemoryGateway) -> None:
    client, _, copy = await late(gate)
    await gate.sends(copy, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    client.stall()
    assert not copy.reading
    client.drain()
    await gate.sends(copy, b"0\r\n\r\n")
    assert got(client).endswith(b"0\r\n\r\n")


@hedged()
async def test_one_that_fails_leaves_the_request_to_the_other(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    first.reset()
    await gate.quiet()
    assert behind(gate, first).standing.faults == 1
    assert got(client) == b""
    await gate.sends(copy, OK)
    assert got(client) == GOT_OK


@hedged()
async def test_copy_that_fails_leaves_the_request_to_the_first(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    copy.reset()
    await gate.quiet()
    assert behind(gate, copy).standing.faults == 1
    await gate.sends(first, OK)
    assert got(client) == GOT_OK


@hedged()
async def test_reply_that_would_be_tried_again_waits_for_the_other(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    await gate.sends(first, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    assert got(client) == b""
    await gate.sends(copy, OK)
    assert got(client) == GOT_OK
    assert not any(upstream.standing.faults for upstream in upstreams(gate))


@hedged()
async def test_when_both_fail_the_client_hears_of_it_once(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    copy.reset()
    await gate.quiet()
    first.reset()
    await gate.quiet()
    assert got(client).startswith(BAD_GATEWAY)
    assert [upstream.standing.faults for upstream in upstreams(gate)] == [1, 1]


@hedged()
async def test_when_both_fail_in_the_other_order_too(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    first.reset()
    await gate.quiet()
    copy.reset()
    await gate.quiet()
    assert got(client).startswith(BAD_GATEWAY)
    assert [upstream.standing.faults for upstream in upstreams(gate)] == [1, 1]


@hedged()
async def test_client_that_leaves_ends_both(gate: MemoryGateway) -> None:
    client, first, copy = await late(gate)
    client.reset()
    await gate.quiet()
    assert first.ended
    assert copy.ended
    assert not any(upstream.in_flight for upstream in upstreams(gate))
    assert tally(gate).requests == {("GET", 499): 1}


@hedged()
async def test_copy_whose_upstream_refuses_changes_nothing(gate: MemoryGateway) -> None:
    hedging(gate).latency.value = LATE
    client = gate.connect()
    await gate.sends(client, request())
    [first] = gate.accepted
    other = next(name for name in gate.names if name != behind(gate, first).name)
    gate.refuse_connections_to(other)
    await gate.until(lambda: sum(upstream.standing.faults for upstream in upstreams(gate)) == 1)
    await gate.sends(first, OK)
    assert got(client) == GOT_OK


@hedged()
async def test_overtaken_upstream_is_known_to_have_taken_at_least_so_long(gate: MemoryGateway) -> None:
    _, first, copy = await late(gate)
    gate.runtime.hand.now += 3.0
    await gate.sends(copy, OK)
    assert behind(gate, first).unit == pytest.approx(3.0)


@hedged()
async def test_what_must_not_be_sent_twice_is_not(gate: MemoryGateway) -> None:
    hedging(gate).latency.value = LATE
    for message in (POST, UPGRADE, request(b"Content-Length: 9", line=b"PUT /v1/llm/x HTTP/1.1", body=b"half")):
        before = len(gate.accepted)
        client = gate.connect()
        await gate.sends(client, message)
        await gate.until(_passed(gate, 3 * LATE))
        assert len(gate.accepted) == before + 1
        client.reset()
        await gate.quiet()


@hedged()
async def test_while_nothing_is_known_nothing_is_late(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.until(_passed(gate, 3 * LATE))
    await gate.sends(gate.accepted[0], OK)
    assert (got(client), len(gate.accepted)) == (GOT_OK, 1)


@in_memory(upstreams=2, service={"strategy": "round_robin", "hedging": {"budget": 0.1}})
async def test_copies_are_a_share_of_the_requests(gate: MemoryGateway) -> None:
    hedging(gate).latency.value = LATE
    client = gate.connect()
    await gate.sends(client, request())
    await gate.until(_passed(gate, 3 * LATE))
    assert len(gate.accepted) == 1, "one of one would be all of them"
    await gate.sends(gate.accepted[0], OK)


@in_memory(upstreams=2)
async def test_nobody_asked_for_it_nobody_gets_it(gate: MemoryGateway) -> None:
    hedging(gate).latency.value = LATE
    client = gate.connect()
    await gate.sends(client, request())
    await gate.until(_passed(gate, 3 * LATE))
    assert len(gate.accepted) == 1
    await gate.sends(gate.accepted[0], OK)
    assert got(client) == GOT_OK


def _passed(gate: MemoryGateway, seconds: float) -> Callable[[], bool]:
    end = gate._loop.time() + seconds
    return lambda: gate._loop.time() >= end


def test_late_is_later_than_nearly_all_of_the_last_ones() -> None:
    recent = Recent(0.95)
    for value in range(LOOK_EVERY - 1):
        recent.add(value)
        assert recent.value == float("inf")
    recent.add(63.0)
    assert recent.value == int(0.95 * LOOK_EVERY)
    for _ in range(KEPT + LOOK_EVERY):
        recent.add(7.0)
    assert recent.value == 7.0
    assert repr(recent) == "<Recent 0.95 is 7.0 of 512>"
