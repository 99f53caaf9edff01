"""SIGTERM: readiness first, then what is in flight, then the end; and a second signal does not wait."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from gateway_process import GatewayProcess
from places import Place, fetch, open_service
from raw_wire import Clients

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"8\r\ndata: 1\n\r\n"
END = b"0\r\n\r\n"
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DELAY = 1.0

Start = Callable[..., Place]


@pytest.fixture
def start(tmp_path: Path, ports: Callable[[], int]) -> Iterator[Start]:
    """Starts a gateway with these `server` options."""
    with ExitStack() as stack:

        def started(**server: Any) -> Place:
            port = ports()
            config = {
                "server": server,
                "auth": {"type": "none"},
                "ratelimit": {"enabled": False},
                "services": {"s": open_service(port)},
            }
            return Place(stack.enter_context(GatewayProcess.serving(config, tmp_path)), "s", port)

        yield started


async def drains(place: Place) -> None:
    place.gateway.signal(signal.SIGTERM)
    await asyncio.to_thread(place.gateway.wait_for, lambda line: line["message"] == "draining")


async def refuses(place: Place) -> None:
    """Wait until nobody new comes in, which is when every reply begins to say so."""
    async with asyncio.timeout(2):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", place.gateway.port)
            except ConnectionRefusedError:
                return
            writer.close()


async def test_readiness_is_red_at_once_while_requests_are_still_taken_for_drain_delay(
    start: Start, clients: Clients
) -> None:
    place = start(drain_delay=DELAY)
    async with place.origin() as origin:
        status, _, text = await fetch(place.gateway.port, "/ready")
        lines = text.splitlines()
        assert (status, lines[0]) == (200, "ok: accepting requests")
        assert lines[-1] == "ok: service s: 1 of 1 upstreams available"
        started = time.monotonic()
        await drains(place)
        status, _, text = await fetch(place.gateway.port, "/ready")
        assert status == 503
        assert "not ok: draining\n" in text
        assert (await fetch(place.gateway.port, "/health"))[0] == 200
        client, upstream = await place.exchange(clients, origin)
        upstream.send(FULL)
        assert (await client.reply())[1] == b"ok"
        assert time.monotonic() - started < DELAY
        assert await place.gateway.exit_code() == 0
        assert time.monotonic() - started >= DELAY - 0.05
        assert client.ended == "fin"


async def test_streams_in_flight_finish_idle_connections_close_and_nobody_new_comes_in(
    start: Start, clients: Clients
) -> None:
    place = start()
    async with place.origin() as origin:
        idle = await clients(place.gateway.port)
        idle.send(place.request())
        upstream = await origin.accepted()
        await upstream.head()
        upstream.send(FULL)
        await idle.reply()
        client = await clients(place.gateway.port)
        client.send(place.request())
        await upstream.head()
        upstream.send(STREAM + EVENT)
        await client.head()
        await drains(place)
        assert await idle.end() == "fin"
        with pytest.raises(ConnectionRefusedError):
            await clients(place.gateway.port)
        for _ in range(10):
            await asyncio.sleep(0.02)
            upstream.send(EVENT)
        upstream.send(END)
        assert await client.end() == "fin"
        assert client.received == EVENT * 11 + END
        assert await place.gateway.exit_code() == 0
    await place.gateway.logged(status=200, bytes_out=88, error=None)


async def test_replies_that_begin_while_draining_say_connection_close(start: Start, clients: Clients) -> None:
    place = start()
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        await drains(place)
        await refuses(place)
        upstream.send(FULL)
        head, body = await client.reply()
        assert (head.status, body, head["connection"]) == (200, b"ok", "close")
        assert await client.end() == "fin"
        assert await place.gateway.exit_code() == 0


async def test_drain_timeout_cuts_what_is_still_there(start: Start, clients: Clients) -> None:
    place = start(drain_timeout=0.5)
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(STREAM + EVENT)
        await client.head()
        started = time.monotonic()
        await drains(place)
        await client.end()
        assert 0.45 <= client.ended_at - started < 1.5
        assert client.received == EVENT
        assert await place.gateway.exit_code() == 0
        assert await upstream.end()
    warning = next(line for line in place.gateway.lines if line["level"] == "warning")
    assert warning["message"] == "1 connections outlived server.drain_timeout and are cut"


@pytest.mark.parametrize("server", [{"drain_delay": 30}, {"drain_timeout": 30}], ids=["in the delay", "after it"])
async def test_a_second_signal_ends_it_at_once(start: Start, clients: Clients, server: dict[str, Any]) -> None:
    place = start(**server)
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(STREAM + EVENT)
        await client.head()
        await drains(place)
        started = time.monotonic()
        place.gateway.signal(signal.SIGINT)
        assert await place.gateway.exit_code() == 1
        assert time.monotonic() - started < 1
        assert await client.end()
        assert client.received == EVENT
