"""ED-40: more streams than the memory holds, of clients that do not read.

The gateway counts connections, it does not look at its heap: `max_connections` is what keeps it within its memory.
"""

import asyncio
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from arena import MIB, output_of, program
from gateway_process import GatewayProcess
from play import Client

HEAP = 256 * MIB
# Beyond -d there is no memory to be had. It counts a thread's stack as all of its addresses, 8 MiB by default, of which
# hardly any are ever touched: -s, so that it counts what is used.
LIMITS = f"ulimit -s 1024; ulimit -d {HEAP // 1024}"
STREAMS = 2000
# docs/threat-model.md: what is left of 256 MiB beside 90 at rest, for at most a third of a MiB each.
ADMITTED = 500
REFUSED = re.compile(rb"HTTP/1\.1 503 .*\r\nRetry-After: [1-9][0-9]*\r\n", re.DOTALL)
ASK = b"GET /v1/svc/%b HTTP/1.1\r\nHost: gw\r\n\r\n"
BATCH = 50


@pytest.fixture
async def upstream() -> AsyncIterator[str]:
    process = await program("arena_upstream")
    yield f"http://127.0.0.1:{int(await output_of(process).readline())}"
    process.kill()
    await process.wait()


async def ask(port: int, what: bytes) -> Client:
    """A client with the beginning of its reply, of which it reads no more."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    _, client = await loop.create_connection(Client, sock=sock)
    client.transport.write(ASK % what)
    while not (client.received or client.end):
        assert await client.change(20), "no answer"
    client.transport.pause_reading()
    return client


async def rests(gateway: GatewayProcess) -> None:
    """Until its memory has not moved for a while."""
    last = -1
    while (now := gateway.rss) != last:
        last = now
        await asyncio.sleep(0.5)


async def served_again(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            client = await ask(port, b"x")
            client.transport.abort()
            if client.received.startswith(b"HTTP/1.1 200 "):
                return


async def test_ED_40_streams_beyond_the_cap_get_503_and_the_heap_holds(tmp_path: Path, upstream: str) -> None:
    config = {
        "server": {"max_connections": ADMITTED},
        "auth": {"type": "none"},
        "ratelimit": {"enabled": False},
        "log": {"access": False},
        "services": {"svc": {"upstreams": [{"url": upstream}], "max_connections": STREAMS}},
    }
    with await asyncio.to_thread(GatewayProcess.serving, config, tmp_path, LIMITS) as gateway:
        clients: list[Client] = []
        while len(clients) < STREAMS:
            clients += await asyncio.gather(*(ask(gateway.port, b"stream") for _ in range(BATCH)))
        await rests(gateway)
        outcomes = Counter(
            "200" if one.received.startswith(b"HTTP/1.1 200 ") else "503" if REFUSED.match(one.received) else "other"
            for one in clients
        )
        assert outcomes == {"200": ADMITTED, "503": STREAMS - ADMITTED}
        for one in clients:
            one.transport.abort()
        await served_again(gateway.port)
