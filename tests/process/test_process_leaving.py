"""A client that leaves: its upstream connection closes at once, whatever the request was, and nothing is left over."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from kernel_sockets import connecting_to, unread_bytes
from places import Place, eventually, plain_and_tls
from raw_wire import Clients, Origin, Wire, deaf_listener

AT_ONCE = 0.1
LEFT = 499
HUGE = 1 << 40
PIECE = bytes(16384)
LEAVE: dict[str, Callable[[Wire], None]] = {"fin": Wire.fin, "rst": Wire.reset}
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"8\r\ndata: 1\n\r\n"

pytestmark = plain_and_tls
leaving = pytest.mark.parametrize("how", LEAVE)


async def left(place: Place, client: Wire, upstream: Wire, how: str, descriptors: int) -> None:
    """Leave, and see everything that has to follow."""
    started = time.monotonic()
    LEAVE[how](client)
    await seen(place, upstream, started, descriptors)


async def seen(place: Place, upstream: Wire, left_at: float, descriptors: int) -> None:
    """What has to follow when the client has left."""
    await upstream.end()
    assert upstream.ended_at - left_at < AT_ONCE
    line = await place.gateway.logged(service=place.service)
    assert line["status"] == LEFT
    upstream.fin()
    await place.settles(descriptors)


async def uploading(place: Place, clients: Clients, origin: Origin) -> tuple[Wire, Wire]:
    """A client in the middle of an upload that never ends, and its upstream."""
    data = place.request("PUT", fields=f"Content-Length: {HUGE}\r\n") + PIECE
    client, upstream = await place.exchange(clients, origin, data)
    await upstream.read(len(PIECE))
    return client, upstream


@leaving
async def test_ED_23_while_it_waits_for_the_first_byte(place: Place, clients: Clients, how: str) -> None:
    descriptors = place.gateway.descriptors
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin, place.request("POST", body=b"{}"))
        assert await place.metric("http_requests_in_flight") == 1
        await left(place, client, upstream, how, descriptors)


@leaving
async def test_ED_20_in_the_middle_of_a_stream(place: Place, clients: Clients, how: str) -> None:
    descriptors = place.gateway.descriptors
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin, place.request("POST", body=b"{}"))
        upstream.send(STREAM + EVENT)
        await client.head()
        await client.read(len(EVENT))
        await left(place, client, upstream, how, descriptors)


@leaving
async def test_in_the_middle_of_an_upload(place: Place, clients: Clients, how: str) -> None:
    descriptors = place.gateway.descriptors
    async with place.origin() as origin:
        client, upstream = await uploading(place, clients, origin)
        await left(place, client, upstream, how, descriptors)


@leaving
async def test_right_behind_what_it_sends(place: Place, clients: Clients, how: str) -> None:
    """Both are there when the gateway looks: it has to see what comes after what it reads."""
    descriptors = place.gateway.descriptors
    async with place.origin() as origin:
        client, upstream = await uploading(place, clients, origin)
        place.gateway.signal(signal.SIGSTOP)
        client.send(PIECE)
        LEAVE[how](client)
        if how == "rst" or not place.tls:  # else it has shut its side down at once, and waits for an answer
            await client.end()
        place.gateway.signal(signal.SIGCONT)
        await seen(place, upstream, time.monotonic(), descriptors)


@leaving
async def test_while_an_upstream_that_does_not_read_holds_back_its_upload(
    place: Place, clients: Clients, how: str
) -> None:
    descriptors = place.gateway.descriptors
    async with place.origin() as origin:
        origin.keeps_little()
        client = await place.client(clients)
        client.send(place.request("PUT", fields=f"Content-Length: {HUGE}\r\n"))
        upstream = await origin.accepted()
        upstream.transport.pause_reading()
        await send_until_unread(client, place.gateway.port)
        started = time.monotonic()
        LEAVE[how](client)
        line = await place.gateway.logged(service=place.service)
        assert line["status"] == LEFT
        assert time.monotonic() - started < AT_ONCE + 0.2  # the log is written in batches
        upstream.transport.resume_reading()
        assert await upstream.end() in {"fin", "reset"}
        upstream.fin()
        await place.settles(descriptors)


async def send_until_unread(client: Wire, port: int) -> None:
    """Send until the gateway has stopped reading, but not so much that a FIN would not reach it."""
    quiet = 0
    while quiet < 20:
        waiting = unread_bytes(port, client.transport.get_extra_info("sockname")[1])
        quiet = quiet + 1 if waiting else 0
        if not waiting:
            client.send(PIECE)
        await asyncio.sleep(0.002)
    assert not client.stalled


@leaving
async def test_while_the_gateway_is_still_connecting(place: Place, clients: Clients, how: str) -> None:
    descriptors = place.gateway.descriptors
    with ExitStack() as stack:
        deaf_listener(stack, place.upstream_port)
        others = connecting_to(place.upstream_port)
        client = await place.client(clients)
        client.send(place.request("POST", body=b"{}"))
        await eventually(lambda: connecting_to(place.upstream_port) > others)
        started = time.monotonic()
        LEAVE[how](client)
        line = await place.gateway.logged(service=place.service)
        assert line["status"] == LEFT
        assert time.monotonic() - started < AT_ONCE + 0.2
        await place.settles(descriptors)


async def test_ED_22_a_thousand_resets_leave_nothing_behind(place: Place, clients: Clients) -> None:
    async def endless(upstream: Wire) -> None:
        await upstream.head()
        upstream.send(STREAM)
        await upstream.send_all(HUGE, b"4000\r\n" + PIECE + b"\r\n")

    descriptors = place.gateway.descriptors
    async with place.origin(endless) as origin:
        for _ in range(20):
            group = [await place.client(clients) for _ in range(50)]
            for client in group:
                client.send(place.request())
            for client in group:
                await client.head()
            for client in group:
                client.reset()
        for upstream in origin.wires:
            await upstream.end()
            upstream.drop()
        await place.settles(descriptors)
        assert await place.metric("http_requests_total", method="GET", status=str(LEFT)) == 1000
