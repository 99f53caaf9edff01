"""What a check does on the wire."""

import asyncio
import resource
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import pytest
import trustme
from aiohttp import web

from gateway.balance.probe import PathProbe, connect_probe
from gateway.balance.upstream import Upstream


class Origin:
    """A server that answers `/ready` with `status`, and notes what it was asked."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[web.BaseRequest] = []

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"}, text="ready")

    async def start(self, tls: ssl.SSLContext | None = None) -> int:
        self._runner = web.ServerRunner(web.Server(self.handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        await self._runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.mark.parametrize(("status", "good"), [(200, True), (204, True), (302, True), (404, False), (503, False)])
async def test_status_of_the_path_decides(client: aiohttp.ClientSession, status: int, good: bool) -> None:
    origin = Origin(status)
    port = await origin.start()
    probe = PathProbe(client, "/ready?deep=1", {"Authorization": "Bearer key"}, None)
    assert await probe(Upstream(f"http://models.example:{port}/v1", address=("127.0.0.1", port))) is good
    [asked] = origin.asked
    assert (asked.method, asked.path_qs, asked.headers["Host"]) == ("GET", "/ready?deep=1", f"models.example:{port}")
    assert (asked.headers["Authorization"], asked.headers["User-Agent"]) == ("Bearer key", "ai-api-gateway")
    await origin.close()


async def test_tls_is_verified_by_the_name_not_by_the_address(client: aiohttp.ClientSession) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("models.example").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    origin = Origin()
    port = await origin.start(server)
    good, other = (
        Upstream(f"https://{name}:{port}", address=("127.0.0.1", port)) for name in ("models.example", "other.example")
    )
    assert await PathProbe(client, "/ready", {}, trusting)(good)
    assert not await PathProbe(client, "/ready", {}, trusting)(other)
    assert not await PathProbe(client, "/ready", {}, None)(good)
    await origin.close()


async def test_nobody_there_is_bad(client: aiohttp.ClientSession, unused_port: int) -> None:
    upstream = Upstream(f"http://127.0.0.1:{unused_port}")
    assert await PathProbe(client, "/ready", {}, None)(upstream) is False
    assert await connect_probe(upstream) is False


@contextmanager
def no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nothing_is_learned_without_a_descriptor(
    client: aiohttp.ClientSession, unused_port: int, host: str
) -> None:
    upstream = Upstream(f"http://{host}:{unused_port}")
    probes = [PathProbe(client, "/ready", {}, None), connect_probe]
    assert [await probe(upstream) for probe in probes] == [False, False]
    with no_descriptors():
        learned = [await probe(upstream) for probe in probes]
    assert learned == [None, None]


async def test_connection_is_made_and_nothing_is_sent() -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await connect_probe(Upstream(f"http://127.0.0.1:{port}"))
    assert await received == b""
    server.close()
