"""The gateway without descriptors: who was accepted is served, who was not waits, and all is well again afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from ground import Ground, names
from meant import replies
from play import Client, connect

MORE = 40
SERVICE = names(1)[0]
REQUEST = b"GET /v1/%b/x HTTP/1.1\r\nHost: gw\r\n\r\n" % SERVICE.encode()
SHORT = "descriptors run short"


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with Ground(tmp_path, [SERVICE], server={"header_timeout": 30}) as ground:
        ground.service()
        yield ground


@pytest.fixture
def limit(ground: Ground) -> Callable[[int], int]:
    """Sets how many descriptors more than now the gateway may have; gives the limit."""

    def lower(more: int) -> int:
        number = ground.gateway.descriptors + more
        ground.gateway.process.rlimit(psutil.RLIMIT_NOFILE, (number, 1 << 14))
        return number

    return lower


async def answered(client: Client, within: float) -> int:
    """The status of the reply, 0 when there is none `within` seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline and not client.end:
        found, _, _ = replies(client.received, [b"GET"], closed=False)
        if found:
            return found[0].status
        await client.change(deadline - asyncio.get_running_loop().time())
    return 0


async def eventually(condition: Callable[[], bool | Awaitable[bool]], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def test_FT_08_connections_beyond_the_descriptors_wait_and_none_is_lost(
    ground: Ground, limit: Callable[[int], int]
) -> None:
    number = limit(MORE)
    clients = [await connect(ground.gateway.port) for _ in range(2 * MORE)]
    await eventually(lambda: any(SHORT in line["message"] for line in ground.gateway.lines))
    assert ground.gateway.descriptors <= number * 3 // 4 + 4, "no room is left for upstreams"
    served, waiting = clients[0], clients[-1]
    served.transport.write(REQUEST)
    waiting.transport.write(REQUEST)
    assert await answered(served, within=2) == 200
    assert await answered(waiting, within=0.3) == 0
    assert not waiting.end
    busy = ground.cpu
    await asyncio.sleep(0.5)
    assert ground.cpu - busy < 0.05e9, "it spins"
    for client in clients[:-1]:
        client.transport.abort()
    assert await answered(waiting, within=5) == 200
    waiting.transport.abort()
    ground.forget(SERVICE)
    assert await ground.alive() == []
    assert sum(SHORT in line["message"] for line in ground.gateway.lines) == 1, "one line for all of it"


async def test_FT_08_without_a_descriptor_for_the_upstream_it_is_503_and_the_upstream_is_not_blamed(
    ground: Ground, limit: Callable[[int], int]
) -> None:
    client = await connect(ground.gateway.port)
    client.transport.write(REQUEST.replace(b"/x", b"/", 1).replace(SERVICE.encode(), b"nobody"))
    assert await answered(client, within=2) == 404  # accepted, before the limit is where it is
    client.received = b""
    limit(0)
    client.transport.write(REQUEST)
    assert await answered(client, within=2) == 503
    assert b"Retry-After: 1\r\n" in client.received
    assert b'"no_upstream"' in client.received
    client.received = b""
    limit(100)
    client.transport.write(REQUEST)
    assert await answered(client, within=2) == 200
    client.transport.abort()
    ground.forget(SERVICE)
    assert await ground.alive() == []
