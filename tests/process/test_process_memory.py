"""What connections, slow readers and large bodies cost, as the kernel counts it."""

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from certificates import Certificates
from gateway_process import GatewayProcess
from places import SERVER_NAME, Place, eventually, moves_no_more, open_service
from raw_wire import Clients, Wire

from gateway.wire.tls import SHARED_OPENSSL

MIB = 1 << 20
UPLOAD = int(os.environ.get("PROCESS_UPLOAD_MIB", "256")) * MIB  # 5120 to be sure about 5 GiB
UPSTREAM_PACE = 300 * MIB  # bytes a second
SLOW_READERS = 50
CONNECTIONS = 1000
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EVENT = b"8\r\ndata: 1\n\r\n"

Figure = Callable[[str], None]


@pytest.fixture(params=["plain", "tls"])
def fresh(
    tmp_path: Path, ports: Callable[[], int], certificates: Certificates, request: pytest.FixtureRequest
) -> Iterator[Place]:
    """A gateway of its own, so that nothing but the test moves its memory."""
    secure = request.param == "tls"
    port = ports()
    config = {
        "server": {"max_body_size": 0, **(certificates.server if secure else {})},
        "auth": {"type": "none"},
        "ratelimit": {"enabled": False},
        "log": {"access": False},
        "services": {"s": open_service(port, max_connections=2 * CONNECTIONS)},
    }
    with GatewayProcess.serving(config, tmp_path) as gateway:
        yield Place(gateway, "s", port, certificates.trusting() if secure else None)


async def answer(upstream: Wire) -> None:
    """An upstream that always says ok."""
    while not upstream.ended:
        await upstream.head(within=60)
        upstream.send(FULL)


async def warmed_up(place: Place, clients: Clients) -> None:
    """Everything that is loaded or allocated with the first requests is there, and no connection of theirs is left."""
    descriptors = place.gateway.descriptors
    async with place.origin(answer):
        client = await place.client(clients)
        for _ in range(50):
            client.send(place.request())
            await client.reply()
        client.fin()
    await place.settles(descriptors)


async def test_ED_24_slow_readers_of_large_replies_cost_bounded_memory(
    fresh: Place, clients: Clients, figure: Figure
) -> None:
    if fresh.tls is not None and not SHARED_OPENSSL:
        pytest.skip("OpenSSL is linked into this interpreter: docs/decisions/0011-tls-transports.md")

    async def large(upstream: Wire) -> None:
        await upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (100 * MIB))
        await upstream.send_all(100 * MIB, bytes(65536))

    await warmed_up(fresh, clients)
    before = fresh.gateway.rss
    fresh.gateway.forget_peak()
    async with fresh.origin(large) as origin:
        for _ in range(SLOW_READERS):
            client = await fresh.client(clients)
            client.transport.pause_reading()
            client.send(fresh.request())
        for _ in range(SLOW_READERS):
            await origin.accepted()
        await eventually(lambda: all(wire.stalled for wire in origin.wires), within=10)
        await moves_no_more(lambda: sum(wire.transport.get_write_buffer_size() for wire in origin.wires))
        grown = fresh.gateway.peak_rss - before
        figure(f"{grown / MIB:.1f} MiB for {SLOW_READERS} clients, {grown / SLOW_READERS / 1024:.0f} KiB each")
        assert grown <= SLOW_READERS * MIB


async def test_a_large_upload_through_a_slow_upstream_costs_a_few_mib(
    fresh: Place, clients: Clients, figure: Figure
) -> None:
    await warmed_up(fresh, clients)
    before = fresh.gateway.rss
    fresh.gateway.forget_peak()
    started = time.monotonic()
    with listening(fresh.upstream_port) as listener:
        taken = asyncio.create_task(asyncio.to_thread(take_slowly, listener, UPLOAD))
        reply = await asyncio.to_thread(upload, fresh, UPLOAD)
    assert reply.endswith(b"ok")
    assert await taken == UPLOAD
    grown = fresh.gateway.peak_rss - before
    seconds = time.monotonic() - started
    figure(f"{grown / MIB:.1f} MiB for {UPLOAD // MIB} MiB in {seconds:.1f} s")
    assert grown <= 4 * MIB
    assert seconds >= UPLOAD / UPSTREAM_PACE * 0.9, "the upstream was not slow"


def upload(place: Place, size: int) -> bytes:
    """PUT `size` zero bytes, and the reply."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        file.truncate(size)
        sock = stack.enter_context(socket.create_connection(("127.0.0.1", place.gateway.port), 60))
        if place.tls is not None:
            sock = stack.enter_context(place.tls.wrap_socket(sock, server_hostname=SERVER_NAME))
        sock.sendall(place.request("PUT", fields=f"Content-Length: {size}\r\n"))
        assert sock.sendfile(file) == size
        return sock.recv(65536)


def listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    listener.settimeout(10)
    return listener


def take_slowly(listener: socket.socket, size: int) -> int:
    """An upstream that reads one request body at its own pace, and answers; what it has read."""
    with listener.accept()[0] as peer:
        data = bytearray(MIB)
        received = peer.recv_into(data)
        body = received - (data.index(b"\r\n\r\n") + 4)
        started = time.monotonic()
        while body < size and (received := peer.recv_into(data)):
            body += received
            time.sleep(max(0.0, body / UPSTREAM_PACE - (time.monotonic() - started)))
        peer.sendall(FULL)
    return body


async def test_ED_10_an_upload_stalls_when_its_upstream_does_not_read(
    fresh: Place, clients: Clients, figure: Figure
) -> None:
    await warmed_up(fresh, clients)
    before = fresh.gateway.rss
    fresh.gateway.forget_peak()
    async with fresh.origin() as origin:
        client = await fresh.client(clients)
        client.send(fresh.request("PUT", fields=f"Content-Length: {1 << 30}\r\n"))
        upstream = await origin.accepted()
        upstream.transport.pause_reading()
        sent = 0

        async def push() -> None:
            nonlocal sent
            while True:
                await client.send_all(65536, bytes(65536))
                sent += 65536

        pushing = asyncio.create_task(push())
        await moves_no_more(lambda: sent - client.transport.get_write_buffer_size())
        assert client.stalled
        pushing.cancel()
        grown = fresh.gateway.peak_rss - before
        figure(f"stalled after {sent / MIB:.1f} MiB, {grown / MIB:.1f} MiB of them in the gateway's own memory")
        assert grown <= 2 * MIB
        upstream.transport.resume_reading()
        await upstream.until(lambda wire: len(wire.received) >= sent)


async def test_a_thousand_idle_connections_add_10_mb_at_most_60_over_tls(
    fresh: Place, clients: Clients, figure: Figure
) -> None:
    await warmed_up(fresh, clients)
    before = fresh.gateway.rss
    async with fresh.origin(answer):
        for _ in range(CONNECTIONS):
            client = await fresh.client(clients)
            client.send(fresh.request())
            await client.reply()
        grown = fresh.gateway.rss - before
        figure(f"{grown / 1e6:.1f} MB, {grown / CONNECTIONS / 1024:.1f} KiB each")
        assert grown <= (60e6 if fresh.tls else 10e6)


async def test_a_thousand_open_event_streams_add_30_mb_at_most_80_over_tls(
    fresh: Place, clients: Clients, figure: Figure
) -> None:
    async def streaming(upstream: Wire) -> None:
        await upstream.head()
        upstream.send(IN_CHUNKS)

    await warmed_up(fresh, clients)
    before = fresh.gateway.rss
    async with fresh.origin(streaming) as origin:
        opened = []
        for _ in range(CONNECTIONS):
            client = await fresh.client(clients)
            client.send(fresh.request("POST", body=b'{"stream": true}'))
            opened.append(client)
            await client.head()
        for upstream in origin.wires:
            upstream.send(EVENT * 3)
        for client in opened:
            assert await client.read(3 * len(EVENT)) == EVENT * 3
        grown = fresh.gateway.rss - before
        figure(f"{grown / 1e6:.1f} MB, {grown / CONNECTIONS / 1024:.1f} KiB each")
        assert grown <= (80e6 if fresh.tls else 30e6)
