"""WebSockets through the gateway, with the `websockets` library at both ends."""

import asyncio

import pytest
from places import Place, eventually, plain_and_tls
from raw_wire import Clients
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


pytestmark = plain_and_tls


def url(place: Place) -> str:
    return f"ws{'s' if place.tls else ''}://127.0.0.1:{place.gateway.port}/v1/{place.service}/chat"


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_messages_go_both_ways_and_the_client_closes(place: Place) -> None:
    descriptors = place.gateway.descriptors
    async with serve(echo, "127.0.0.1", place.upstream_port, compression=None, max_size=None):
        async with connect(url(place), ssl=place.tls, proxy=None, compression=None, max_size=None) as socket:
            for message in ["", "hello", "ä" * 1000, b"\0" * 70_000, bytes(range(256)) * 10_000]:
                await socket.send(message)
                assert await socket.recv() == message
            assert await place.metric("http_requests_in_flight") == 1
        assert socket.close_code == 1000
        line = await place.gateway.logged(service=place.service)
        assert line["status"] == 101
        assert line["error"] is None
        await place.settles(descriptors)


async def test_the_upstream_closes_with_a_code_and_a_reason(place: Place) -> None:
    async def greet(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.close(4001, "enough")

    async with (
        serve(greet, "127.0.0.1", place.upstream_port),
        connect(url(place), ssl=place.tls, proxy=None) as socket,
    ):
        assert await socket.recv() == "hello"
        with pytest.raises(ConnectionClosedError) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "enough")


async def test_a_client_that_vanishes_ends_the_upstream_s_side(place: Place) -> None:
    ended = asyncio.Event()

    async def wait(socket: ServerConnection) -> None:
        with pytest.raises((ConnectionClosedError, ConnectionClosedOK)):
            await socket.recv()
        ended.set()

    async with serve(wait, "127.0.0.1", place.upstream_port):
        socket = await connect(url(place), ssl=place.tls, proxy=None)
        socket.transport.abort()
        await asyncio.wait_for(ended.wait(), 0.5)


async def test_the_upstream_sees_the_handshake_and_what_the_gateway_says_of_the_client(
    place: Place, clients: Clients
) -> None:
    async with place.origin() as origin:
        client = await place.client(clients)
        client.send(place.request(fields=UPGRADE) + b"early")
        upstream = await origin.accepted()
        head = await upstream.head()
        assert (head["connection"], head["upgrade"]) == ("Upgrade", "websocket")
        assert head["sec-websocket-key"] == "dGhlIHNhbXBsZSBub25jZQ=="
        assert head["x-forwarded-for"] == "127.0.0.1"
        assert not upstream.received, "sent before the upstream agreed"
        upstream.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        reply = await client.head()
        assert (reply.status, reply["upgrade"]) == (101, "websocket")
        assert await client.read(5) == b"first"
        assert await upstream.read(5) == b"early"


async def test_H1_24_without_a_101_there_is_no_tunnel(place: Place, clients: Clients) -> None:
    async with place.origin() as origin:
        client = await place.client(clients)
        smuggled = place.request(path="/next")
        client.send(place.request(fields=UPGRADE) + smuggled)
        upstream = await origin.accepted()
        await upstream.head()
        assert not upstream.received
        upstream.send(FULL)
        assert (await client.reply())[1] == b"ok"
        # What came behind is the next request, read and answered as such.
        following = await upstream.head()
        assert following.line == "GET /next HTTP/1.1"
        assert following["upgrade"] is None
        upstream.send(FULL)
        assert (await client.reply())[1] == b"ok"


async def test_a_refusal_by_the_upstream_reaches_the_client(place: Place) -> None:
    async def refuse(connection: ServerConnection, request: object) -> object:
        return connection.respond(403, "no")

    async with serve(echo, "127.0.0.1", place.upstream_port, process_request=refuse):  # type: ignore[arg-type]
        with pytest.raises(InvalidStatus) as caught:
            await connect(url(place), ssl=place.tls, proxy=None)
        assert caught.value.response.status_code == 403


async def test_a_101_that_nobody_asked_for_is_502(place: Place, clients: Clients) -> None:
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        head, _ = await client.reply()
        assert head.status == 502
        await eventually(lambda: bool(upstream.ended))
