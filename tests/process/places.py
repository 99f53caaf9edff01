"""A place to test at: a gateway, one of its services, and the port of an upstream that the test plays."""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import aiohttp
import pytest
from gateway_process import GatewayProcess
from raw_wire import Clients, Origin, Script, Wire

SOON = 2.0
REST_WITHIN = 20.0
SERVER_NAME = "gateway.example"

plain_and_tls = pytest.mark.parametrize("place", ["plain", "tls"], indirect=True)


def reserved_port(stack: ExitStack) -> int:
    """A port that nobody else gets until `stack` closes: bound but not listening, so an upstream can still take it."""
    holder = stack.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return int(holder.getsockname()[1])


def open_service(port: int, **options: Any) -> dict[str, Any]:
    """A service that anybody may call, with one upstream, which nobody but the test's requests connects to."""
    return {"upstreams": [{"url": f"http://127.0.0.1:{port}"}], "health": {"interval": 0}, **options}


class Place:
    """A gateway and one of its services, whose upstream a test plays; with `tls`, clients speak TLS with it."""

    def __init__(self, gateway: GatewayProcess, service: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.gateway = gateway
        self.service = service
        self.upstream_port = port
        self.tls = tls

    async def client(self, clients: Clients) -> Wire:
        """One more connection of a client."""
        return await clients(self.gateway.port, self.tls, self.tls and SERVER_NAME)

    def origin(self, script: Script | None = None) -> Origin:
        return Origin(self.upstream_port, script)

    def request(self, method: str = "GET", path: str = "/x", *, fields: str = "", body: bytes = b"") -> bytes:
        """A request as bytes; `fields` are lines that end in CRLF. A body gets its Content-Length."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} /v1/{self.service}{path} HTTP/1.1\r\nHost: gateway.example\r\n{fields}{length}\r\n"
        return head.encode() + body

    async def exchange(self, clients: Clients, origin: Origin, data: bytes = b"") -> tuple[Wire, Wire]:
        """A request (`data`, or a GET) that waits for its reply: the client's side, and the upstream's."""
        client = await self.client(clients)
        client.send(data or self.request())
        upstream = await origin.accepted()
        await upstream.head()
        return client, upstream

    async def metric(self, name: str, **labels: str) -> float:
        return await metric(self.gateway.port, name, self.tls, service=self.service, **labels)

    async def settles(self, descriptors: int) -> None:
        """Nothing is in flight for the service, and no more than `descriptors` are open, very soon."""
        await eventually(lambda: self.gateway.descriptors <= descriptors)
        assert await self.metric("http_requests_in_flight") == 0


async def eventually(condition: Callable[[], bool], within: float = SOON) -> None:
    """Look at `condition` every few milliseconds; for what only polling can see."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


async def moves_no_more(value: Callable[[], int], quiet: float = 0.3) -> None:
    """Wait until `value` is not 0 and has stayed the same for `quiet` seconds, as it does when all has come to rest."""
    last, since = 0, time.monotonic()
    async with asyncio.timeout(REST_WITHIN):
        while not last or time.monotonic() - since < quiet:
            await asyncio.sleep(0.01)
            if value() != last:
                last, since = value(), time.monotonic()


async def fetch(port: int, path: str, tls: ssl.SSLContext | None = None, **options: Any) -> tuple[int, Any, str]:
    """Status, headers and text of a GET."""
    url = f"http{'s' if tls else ''}://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, ssl=tls or True, **options) as reply:
        return reply.status, reply.headers, await reply.text()


async def metric(port: int, name: str, tls: ssl.SSLContext | None = None, **labels: str) -> float:
    """The value of one series in /metrics; 0 when it is not there yet."""
    status, _, text = await fetch(port, "/metrics", tls)
    assert status == 200
    for series, value in re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE):
        if dict(re.findall(r'(\w+)="([^"]*)"', series)) == labels:
            return float(value)
    assert f"# TYPE {name} " in text, f"no metric {name}"
    return 0.0
