"""Event streams: every event leaves as it comes."""

import asyncio
import statistics
import time
from collections.abc import Callable

from places import Place
from raw_wire import Clients, Wire

EVENTS = 100
APART = 0.01
AT_MOST = 0.020
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def event(number: int) -> bytes:
    """One server-sent event as one chunk, about as large as a token of a model."""
    data = b'data: {"index": %d, "delta": {"content": "%s"}}\n\n' % (number, b"word " * (number % 20))
    return b"%x\r\n%b\r\n" % (len(data), data)


async def stream(place: Place, clients: Clients, upstream_of: "asyncio.Future[Wire]") -> Wire:
    client = await clients(place.gateway.port)
    client.send(place.request("POST", "/chat/completions", body=b"{}"))
    upstream = await upstream_of
    await upstream.head()
    upstream.send(STREAM)
    head = await client.head()
    assert head["transfer-encoding"] == "chunked"
    assert head["x-accel-buffering"] == "no"
    return client


async def test_ED_25_each_event_arrives_unchanged_within_20_ms_of_leaving_the_upstream(
    place: Place, clients: Clients, figure: Callable[[str], None]
) -> None:
    async with place.origin() as origin:
        client = await stream(place, clients, asyncio.ensure_future(origin.accepted()))
        before = len(client.arrivals)
        sent = []
        for number in range(EVENTS):
            await asyncio.sleep(APART)
            sent.append(time.monotonic())
            origin.wires[0].send(event(number))
        origin.wires[0].send(END)
        await client.until(lambda wire: wire.received.endswith(END))
    assert bytes(client.received) == b"".join(map(event, range(EVENTS))) + END
    delays = [came - left for left, came in zip(sent, arrival_times(client.arrivals[before:]), strict=True)]
    figure(f"median {statistics.median(delays) * 1000:.2f} ms, max {max(delays) * 1000:.2f} ms")
    assert statistics.median(delays) < AT_MOST / 4
    assert max(delays) < AT_MOST
    assert len(client.arrivals) - before >= EVENTS / 2, "more than two events in a read"


async def test_ED_25_an_event_does_not_wait_for_the_next_one(place: Place, clients: Clients) -> None:
    async with place.origin() as origin:
        client = await stream(place, clients, asyncio.ensure_future(origin.accepted()))
        for number in range(EVENTS):
            origin.wires[0].send(event(number))
            await client.until(lambda wire: bool(wire.received), within=1)
            assert await client.read(len(event(number)), within=1) == event(number)
        assert [data for _, data in client.arrivals[-EVENTS:]] == list(map(event, range(EVENTS)))


def arrival_times(arrivals: list[tuple[float, bytes]]) -> list[float]:
    """When each event was whole."""
    times, size, wanted = [], 0, 0
    for when, data in arrivals:
        size += len(data)
        while len(times) < EVENTS and size >= wanted + len(event(len(times))):
            wanted += len(event(len(times)))
            times.append(when)
    return times
