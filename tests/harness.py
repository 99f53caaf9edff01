"""Plays rows over real sockets, and builds the gateway for every way of playing."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from scripted import Conversation, Script
from table import CLOSED, PROBE, PROBED, RESET, Outcome, Row, Until, normal

from gateway.app import Gateway
from gateway.config.tree import Config
from gateway.observe.sink import Sink

# Nothing here takes so long unless it is wrong.
WITHIN = 5.0
RESET_NOT_FIN = struct.pack("ii", 1, 0)


def configuration(authority: str, over: Mapping[str, Any]) -> Config:
    """One upstream behind three services: below a path, at the root, and with header rules of its own."""
    services: dict[str, Any] = {
        "llm": {"upstreams": [{"url": f"http://{authority}/v1"}]},
        "root": {"upstreams": [{"url": f"http://{authority}"}]},
        "own": {
            "upstreams": [{"url": f"http://{authority}/own/"}],
            "forward_authorization": True,
            "request_headers": {"set": {"X-Set": "by us"}, "remove": ["X-Remove"]},
        },
    }
    tree: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": 0},
        "auth": {"type": "none"},
        "ratelimit": {"enabled": False},
        "log": {"access": False},
        "services": services,
    }
    for section, keys in over.items():
        tree[section] = {**tree.get(section, {}), **keys}
    return Config.model_validate(tree)


class Nowhere(Sink):
    """A sink whose lines go nowhere."""

    def __init__(self) -> None:
        self.dropped = 0

    def write(self, chunk: bytes, lines: int = 1) -> None: ...

    def close(self, timeout: float = 1.0) -> None: ...


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Gateway]:
    """A whole gateway, closed in the end whatever happens."""
    gateway = Gateway(config, Nowhere())
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.close()


def left_over(gateway: Gateway) -> list[str]:
    """What an idle gateway must not have: exchanges in flight, active upstream connections, client connections."""
    parts = gateway._parts
    groups = [backend.group for backend in parts._backends.values()]
    busy = [repr(upstream) for group in groups for upstream in group.upstreams if upstream.in_flight]
    return busy + [repr(pool) for _, pool in parts.pools() if pool.active] + ["client"] * len(gateway._front)


class SocketClient(asyncio.Protocol):
    """A client that records every byte, and how its connection ends."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.received = b""
        self.end = ""
        self.changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own kind

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.changed.set()

    def eof_received(self) -> None:
        self._ended(CLOSED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(RESET if exc else CLOSED)

    def _ended(self, how: str) -> None:
        self.end = self.end or how
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`, or for the end of the connection, or until it has taken too long to be right."""
        try:
            async with asyncio.timeout(WITHIN):
                while not (self.end or condition()):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            self.end = "silent"


class SocketUpstream(asyncio.Protocol):
    """One connection of the scripted upstream; `progress` is set whenever something arrived."""

    _transport: asyncio.Transport

    def __init__(self, script: Script, progress: asyncio.Event) -> None:
        self._conversation = Conversation(script, self)
        self._progress = progress

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._conversation.received(data)
        self._progress.set()

    def play(self, data: bytes, then: str) -> None:
        self._transport.write(data)
        if then == "reset":
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
            self._transport.abort()
        elif then == "close":
            self._transport.close()


async def play_on_sockets(row: Row) -> Outcome:
    """The row, each step in one write."""
    loop = asyncio.get_running_loop()
    mishaps: list[Any] = []
    loop.set_exception_handler(lambda _, context: mishaps.append(context))
    script, client = Script(row.upstream), SocketClient()
    upstream = await loop.create_server(lambda: SocketUpstream(script, client.changed), "127.0.0.1", 0)
    authority = f"127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    async with running(configuration(authority, row.config)) as gateway, upstream:
        await loop.create_connection(lambda: client, "127.0.0.1", gateway.port)
        await _act(row, script, client)
        received, end = client.received, client.end
        client.transport.abort()
        await _nothing_left(gateway)
        mishaps += [*script.violations, *left_over(gateway)]
    return Outcome(received, end, [data.replace(authority.encode(), b"UP") for data in script.seen], mishaps)


async def _act(row: Row, script: Script, client: SocketClient) -> None:
    for step in row.steps:
        if isinstance(step, Until):
            wanted = step.data
            await client.until(lambda wanted=wanted: wanted in normal(client.received))
        else:
            client.transport.write(step)
    await client.until(lambda: script.played)
    if row.stays_open:
        client.transport.write(PROBE)
        await client.until(lambda: bool(PROBED.search(client.received)))
    else:
        await client.until(lambda: False)


async def _nothing_left(gateway: Gateway) -> None:
    """Connections take a turn or two of the event loop to end."""
    deadline = asyncio.get_running_loop().time() + WITHIN
    while left_over(gateway) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.001)
