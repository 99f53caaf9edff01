"""Every wait has an end: each deadline of the gateway, seen from outside."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from gateway_process import GatewayProcess
from places import Place, eventually, open_service, reserved_port
from raw_wire import Clients, Wire, deaf_listener

HEADER, BODY, KEEPALIVE = 0.4, 0.8, 0.6
CONNECT, FIRST_BYTE, IDLE, TOTAL = 0.3, 0.3, 0.3, 0.7
EARLY, LATE = 0.02, 1.0  # deadlines are 50 ms coarse, the machine is shared; what the client reads says which it was
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

PlaceOf = Callable[[str], Place]


@pytest.fixture(scope="module")
def place_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaceOf]:
    """One gateway in a hurry, with a service for each of its tests."""
    timeouts = {"connect": CONNECT, "first_byte": FIRST_BYTE, "idle": IDLE}
    names = (
        "header",
        "later",
        "body",
        "drip",
        "keepalive",
        "connect",
        "first_byte",
        "idle",
        "unread",
        "whole",
        "stalled",
    )
    with ExitStack() as stack:
        ports = {name: reserved_port(stack) for name in (*names, "total")}
        services = {name: open_service(ports[name], timeouts=timeouts) for name in names}
        services["total"] = open_service(ports["total"], timeouts={"first_byte": 5, "idle": 5, "total": TOTAL})
        config = {
            "server": {
                "max_body_size": 0,
                "header_timeout": HEADER,
                "body_timeout": BODY,
                "keepalive_timeout": KEEPALIVE,
            },
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "services": services,
        }
        gateway = stack.enter_context(GatewayProcess.serving(config, tmp_path_factory.mktemp("timers")))
        yield lambda name: Place(gateway, name, ports[name])


def took(started: float, seconds: float, ended: float | None = None) -> None:
    """It took as long as it should have, since `started`."""
    elapsed = (ended or time.monotonic()) - started
    assert seconds - EARLY <= elapsed <= seconds + LATE, f"{elapsed:.3f} s instead of {seconds}"


async def test_ED_01_a_client_that_says_nothing_is_let_go(place_of: PlaceOf, clients: Clients) -> None:
    started = time.monotonic()
    opened = [await clients(place_of("header").gateway.port) for _ in range(20)]
    for client in opened:
        assert await client.end() == "fin"
    took(started, HEADER)


async def test_ED_02_a_head_that_drips_is_answered_408_at_the_deadline(place_of: PlaceOf, clients: Clients) -> None:
    client = await clients(place_of("header").gateway.port)
    started = time.monotonic()
    client.send(b"GET /v1/header/ HTTP/1.1\r\nHost: a\r\n")
    while not client.received and not client.ended:
        client.send(b"X-Slow: 1\r\n")
        await asyncio.sleep(0.05)
    took(started, HEADER)
    head, body = await client.reply()
    assert head.status == 408
    assert b'"request_timeout"' in body
    assert head["connection"] == "close"
    client.fin()


async def test_ED_02_the_head_of_a_later_request_has_its_time_from_its_first_byte(
    place_of: PlaceOf, clients: Clients
) -> None:
    place = place_of("later")
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(FULL)
        await client.reply()
        await asyncio.sleep(KEEPALIVE / 2)
        started = time.monotonic()
        client.send(b"GET /v1/later/ HTTP/1.1\r\n")
        head, _ = await client.reply()
        took(started, HEADER)
        assert head.status == 408


async def test_ED_03_a_body_that_falls_silent_is_answered_408_and_its_upstream_released(
    place_of: PlaceOf, clients: Clients
) -> None:
    place = place_of("body")
    async with place.origin() as origin:
        client, upstream = await place.exchange(
            clients, origin, place.request("POST", fields="Content-Length: 100\r\n") + b"0123456789"
        )
        await upstream.read(10)
        started = time.monotonic()
        head, _ = await client.reply()
        took(started, BODY)
        assert head.status == 408
        await upstream.end()
    line = await place.gateway.logged(service="body")
    assert (line["status"], line["error"], line["bytes_in"]) == (408, "request_timeout: body", 10)


async def test_an_upstream_that_does_not_take_the_body_has_no_more_time_than_one_that_has_it(
    place_of: PlaceOf, clients: Clients
) -> None:
    place = place_of("stalled")
    async with place.origin() as origin:
        client = await clients(place.gateway.port)
        client.send(place.request("POST", fields=f"Content-Length: {1 << 30}\r\n"))
        upstream = await origin.accepted()
        upstream.transport.pause_reading()
        upload = asyncio.ensure_future(client.send_all(1 << 30, bytes(65536)))
        head, _ = await client.reply()
        assert head.status == 504
        upload.cancel()
    line = await place.gateway.logged(service="stalled")
    assert line["error"] == "upstream_timeout: first byte"


async def test_a_body_that_drips_has_all_the_time_it_needs(place_of: PlaceOf, clients: Clients) -> None:
    place = place_of("drip")
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin, place.request("POST", fields="Content-Length: 5\r\n"))
        for byte in b"abcde":
            await asyncio.sleep(FIRST_BYTE + 0.1)
            client.send(bytes([byte]))
        assert await upstream.read(5) == b"abcde"
        upstream.send(FULL)
        assert (await client.reply())[1] == b"ok"


async def test_ED_06_an_idle_connection_is_closed(place_of: PlaceOf, clients: Clients) -> None:
    place = place_of("keepalive")
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(FULL)
        await client.reply()
        started = time.monotonic()
        assert await client.end() == "fin"
        took(started, KEEPALIVE)


async def test_ED_27_an_upstream_that_cannot_be_reached_in_time_is_504(place_of: PlaceOf, clients: Clients) -> None:
    place = place_of("connect")
    with ExitStack() as stack:
        deaf_listener(stack, place.upstream_port)
        client = await clients(place.gateway.port)
        started = time.monotonic()
        client.send(place.request("POST", body=b"{}"))
        head, body = await client.reply()
        took(started, CONNECT)
        assert head.status == 504
        assert b'"upstream_timeout"' in body
        assert str(place.upstream_port).encode() not in body
    line = await place.gateway.logged(service="connect")
    assert line["error"] == "upstream_timeout: connect"


async def test_an_upstream_that_does_not_begin_to_answer_is_504(place_of: PlaceOf, clients: Clients) -> None:
    place = place_of("first_byte")
    async with place.origin() as origin:
        client = await clients(place.gateway.port)
        started = time.monotonic()
        client.send(place.request("POST", body=b"{}"))
        upstream = await origin.accepted()
        head, _ = await client.reply()
        took(started, FIRST_BYTE)
        assert head.status == 504
        await upstream.end()
        # The client's connection is none the worse for it.
        client.send(place.request())
        following = await origin.accepted()
        await following.head()
        following.send(FULL)
        assert (await client.reply())[1] == b"ok"


async def test_ED_26_a_stream_that_falls_silent_is_cut(place_of: PlaceOf, clients: Clients) -> None:
    place = place_of("idle")
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(IN_CHUNKS)
        for _ in range(4):
            await asyncio.sleep(IDLE / 2)
            upstream.send(b"1\r\na\r\n")
        started = time.monotonic()
        await client.end()
        took(started, IDLE)
        assert client.received.endswith(b"1\r\na\r\n" * 4)
        await upstream.end()
    line = await place.gateway.logged(service="idle")
    assert line["error"] == "upstream_timeout: idle"


async def test_an_exchange_that_is_over_its_total_is_cut(place_of: PlaceOf, clients: Clients) -> None:
    place = place_of("total")
    async with place.origin() as origin:
        client = await clients(place.gateway.port)
        started = time.monotonic()
        client.send(place.request())
        upstream = await origin.accepted()
        await upstream.head()
        upstream.send(IN_CHUNKS)
        while not client.ended:
            upstream.send(b"1\r\na\r\n")
            await asyncio.sleep(0.05)
        took(started, TOTAL, client.ended_at)
        assert not client.received.endswith(LAST_CHUNK)
    line = await place.gateway.logged(service="total")
    assert line["error"] == "upstream_timeout: total"


async def test_a_client_that_never_reads_its_stream_is_cut_and_then_let_go(place_of: PlaceOf, clients: Clients) -> None:
    async def endless(upstream: Wire) -> None:
        await upstream.head()
        upstream.send(IN_CHUNKS)
        await upstream.send_all(1 << 40, b"10000\r\n" + bytes(65536) + b"\r\n")

    place = place_of("unread")
    descriptors = place.gateway.descriptors
    async with place.origin(endless):
        client = await clients(place.gateway.port)
        client.transport.pause_reading()
        client.send(place.request())
        line = await place.gateway.logged(service="unread")
        assert line["error"] == "upstream_timeout: client reads nothing"
        await eventually(lambda: place.gateway.descriptors <= descriptors, within=KEEPALIVE + LATE)


async def test_a_client_that_never_reads_its_last_reply_is_let_go(place_of: PlaceOf, clients: Clients) -> None:
    size = 6 << 20  # more than kernels hold, less than what is left when the upstream has sent all

    async def large(upstream: Wire) -> None:
        await upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

    place = place_of("whole")
    descriptors = place.gateway.descriptors
    async with place.origin(large):
        client = await clients(place.gateway.port)
        client.transport.pause_reading()
        client.send(place.request(fields="Connection: close\r\n"))
        await place.gateway.logged(service="whole")
        await eventually(lambda: place.gateway.descriptors <= descriptors, within=KEEPALIVE + LATE + 1)
