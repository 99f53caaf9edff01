"""An upstream that dies in the middle of a reply: the client gets every byte that came, and never a clean end."""

import asyncio
from collections.abc import Callable

import pytest
from places import Place, moves_no_more
from raw_wire import Clients, Wire

BODY = b"a" * 40_000
LARGE = 24 << 20
DIE: dict[str, Callable[[Wire], None]] = {"fin": Wire.fin, "rst": Wire.reset}
WITH_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
IN_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

dying = pytest.mark.parametrize("how", DIE)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def died(
    place: Place, clients: Clients, how: str, sent: bytes, *, minor: int = 1, size: int = len(BODY)
) -> tuple[bytes, str]:
    """What the client has of the body, and how its connection ended."""
    async with place.origin() as origin:
        client, upstream = await place.exchange(
            clients, origin, place.request().replace(b"HTTP/1.1", b"HTTP/1.%d" % minor)
        )
        upstream.send(sent)
        await client.head()
        await client.until(lambda wire: len(wire.received) >= size)
        DIE[how](upstream)
        ended = await client.end()
    return bytes(client.received), ended


@dying
async def test_H1_43_a_body_with_a_length_ends_short_of_it(place: Place, clients: Clients, how: str) -> None:
    received, _ = await died(place, clients, how, WITH_LENGTH + BODY)
    assert received == BODY
    line = await place.gateway.logged(service=place.service)
    assert line["status"] == 200
    assert line["error"].startswith("upstream_error: connection")
    assert line["bytes_out"] == len(BODY)


@dying
async def test_H1_44_a_chunked_body_ends_without_its_last_chunk(place: Place, clients: Clients, how: str) -> None:
    received, _ = await died(place, clients, how, IN_CHUNKS + chunk(BODY))
    assert received == chunk(BODY)


@dying
async def test_a_client_of_http_1_0_sees_the_reset_of_what_was_chunked(
    place: Place, clients: Clients, how: str
) -> None:
    received, ended = await died(place, clients, how, IN_CHUNKS + chunk(BODY), minor=0)
    assert received == BODY
    assert ended == "reset"


async def test_H1_48_a_client_of_http_1_0_sees_the_reset_of_what_ends_with_its_connection(
    place: Place, clients: Clients
) -> None:
    received, ended = await died(place, clients, "rst", UNTIL_CLOSE + BODY, minor=0)
    assert received == BODY
    assert ended == "reset"


async def test_H1_48_a_reset_of_what_ends_with_its_connection_is_no_last_chunk(place: Place, clients: Clients) -> None:
    received, _ = await died(place, clients, "rst", UNTIL_CLOSE + BODY)
    assert received.startswith(b"%x\r\n" % len(BODY) if len(received) == len(chunk(BODY)) else b"")
    assert received.count(b"a") == len(BODY)
    assert not received.endswith(LAST_CHUNK)


async def test_H1_48_what_ends_with_its_connection_ends_cleanly_when_that_does(place: Place, clients: Clients) -> None:
    received, ended = await died(place, clients, "fin", UNTIL_CLOSE + BODY, minor=0)
    assert (received, ended) == (BODY, "fin")


@pytest.mark.parametrize(
    ("head", "minor"),
    [(WITH_LENGTH, 1), (IN_CHUNKS, 1), (IN_CHUNKS, 0)],
    ids=["length", "chunks", "chunks to HTTP/1.0"],
)
async def test_what_came_before_the_end_reaches_a_client_that_reads_late(
    place: Place, clients: Clients, head: bytes, minor: int
) -> None:
    body = b"a" * LARGE
    async with place.origin() as origin:
        client, upstream = await place.exchange(
            clients, origin, place.request().replace(b"HTTP/1.1", b"HTTP/1.%d" % minor)
        )
        upstream.send(head)
        await client.head()
        client.transport.pause_reading()
        upstream.send(body if head == WITH_LENGTH else chunk(body))
        await moves_no_more(upstream.transport.get_write_buffer_size)
        upstream.fin()
        client.transport.resume_reading()
        await client.end()
    assert client.received.count(b"a") == LARGE


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"], ids=["nothing", "half a head"])
@dying
async def test_before_the_head_is_whole_it_is_502_and_the_client_s_connection_lives_on(
    place: Place, clients: Clients, how: str, sent: bytes
) -> None:
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin, place.request("POST", body=b"{}"))
        upstream.send(sent)
        await asyncio.sleep(0)
        DIE[how](upstream)
        head, body = await client.reply()
        assert head.status == 502
        assert b'"upstream_error"' in body
        assert len(origin.wires) == 1, "a POST was sent twice"
        client.send(place.request())
        following = await origin.accepted()
        await following.head()
        following.send(WITH_LENGTH.replace(b"100000000", b"2") + b"ok")
        assert (await client.reply())[1] == b"ok"


async def test_ED_27_an_upstream_that_is_not_there_is_502_without_its_address(place: Place, clients: Clients) -> None:
    client = await clients(place.gateway.port)
    client.send(place.request("POST", body=b"{}"))
    head, body = await client.reply()
    assert head.status == 502
    assert str(place.upstream_port).encode() not in head.raw + body
    line = await place.gateway.logged(service=place.service)
    assert line["error"] == "upstream_error: connect: ConnectionRefusedError"
