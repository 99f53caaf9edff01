"""Where the corpus is played: one gateway as a process, and one scripted upstream behind many services.

Each playing of a row has a service of its own, with a name of three letters, so that putting it in place of `svc`
moves no byte. All services share the upstream's port: the first segment of a target says whose connection it is.
"""

import asyncio
import itertools
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, cast

from gateway_process import GatewayProcess
from scripted import Conversation, Script
from table import Turn

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
ALWAYS_OK = Turn(b"", OK)
WHOSE = re.compile(rb"[^ ]* /([a-z]{3})(?=[/? ])")
HEADER, BODY = 1.5, 1.5
TIMEOUTS = {"connect": 1.0, "first_byte": 1.0, "idle": 1.0}
MIB = 1 << 20


def names(count: int) -> list[str]:
    letters = itertools.product(string.ascii_lowercase, repeat=3)
    return ["".join(one) for one in itertools.islice(letters, count)]


class Answering(Script):
    """A script that goes on with 200 when its turns are played; `reused` once a connection carried two requests."""

    reused = False
    connections = 0

    def next_turn(self, conversation: Conversation, used: bool) -> Turn:
        self.reused = self.reused or used
        self.connections += not used
        return super().next_turn(conversation, used) or ALWAYS_OK


class UpstreamSide(asyncio.Protocol):
    """One connection from the gateway; its first request says whose it is."""

    transport: asyncio.Transport

    def __init__(self, ground: "Ground") -> None:
        self._ground = ground
        self._early = b""
        self._conversation: Conversation | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._conversation is None:
            self._early += data
            data = self._early
            match = WHOSE.match(data)
            name = match[1].decode() if match else ""
            if name not in self._ground.scripts:
                if b"\r\n" in data:
                    self._ground.strays.append(data)
                return
            self._ground.sides.setdefault(name, []).append(self)
            self._conversation = Conversation(self._ground.scripts[name], self)
        self._conversation.received(data)

    def play(self, data: bytes, then: str) -> None:
        self.transport.write(data)
        if then == "reset":
            self.transport.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER, 0 s
            self.transport.abort()
        elif then == "close":
            self.transport.close()


class Ground:
    """The gateway and the upstream, for as long as the block lasts."""

    def __init__(
        self, directory: Path, services: list[str], *, timeouts: Mapping[str, float] = TIMEOUTS, **sections: Any
    ) -> None:
        self._directory = directory
        self._names = services
        self._timeouts = dict(timeouts)
        self._free: Iterator[str] = iter(self._names)
        self._sections = sections
        self._stack = AsyncExitStack()
        self.scripts: dict[str, Answering] = {}
        self.sides: dict[str, list[UpstreamSide]] = {}
        self.strays: list[bytes] = []  # what reached the upstream and belongs to no row
        self.gateway: GatewayProcess

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: UpstreamSide(self), "127.0.0.1", 0, backlog=1024)
        await self._stack.enter_async_context(server)
        self.upstream_port = port = server.sockets[0].getsockname()[1]
        config = {
            "server": {"header_timeout": HEADER, "body_timeout": BODY, "max_body_size": 4 * MIB},
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "log": {"access": False},
            "services": {
                name: {
                    "upstreams": [{"url": f"http://127.0.0.1:{port}/{name}"}],
                    "timeouts": self._timeouts,
                    "health": {"interval": 0},  # nobody but the rows connects to the upstream
                }
                for name in self._names
            },
        }
        for section, keys in self._sections.items():
            config[section] = {**config.get(section, {}), **keys}
        self.gateway = await asyncio.to_thread(GatewayProcess.serving, config, self._directory)
        await self._warm_up()
        return self

    async def _warm_up(self) -> None:
        """One request for each service, so that what a service costs once is in the baseline."""
        self.descriptors = self.gateway.descriptors
        self.scripts = {name: Answering(()) for name in self._names}
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        for name in self._names:
            writer.write(b"GET /v1/%b/warm HTTP/1.1\r\nHost: gw\r\n\r\n" % name.encode())
            await reader.readuntil(b"\r\n\r\nok")
        writer.close()
        for name in self._names:
            self.forget(name)
        while self.gateway.descriptors > self.descriptors:
            await asyncio.sleep(0.01)
        self.rss = self.gateway.rss

    async def __aexit__(self, *error: Any) -> None:
        with self.gateway:
            pass
        for name in list(self.sides):
            self.forget(name)
        await self._stack.aclose()

    def service(self, turns: tuple[Turn, ...] = ()) -> tuple[str, Answering]:
        """A service that nobody used before, and the script of its upstream."""
        name = next(self._free)
        script = self.scripts[name] = Answering(turns)
        return name, script

    def forget(self, name: str) -> None:
        """Close the upstream's connections of a service."""
        for side in self.sides.pop(name, []):
            side.transport.close()

    # --- the standing oracle ---

    async def alive(self, growth: int = 5) -> list[str]:
        """What has changed since the beginning, `growth` MiB more memory and two descriptors apart."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 2
        while self.gateway.descriptors > self.descriptors + 2 and loop.time() < deadline:
            await asyncio.sleep(0.002)
        found = []
        if self.gateway.descriptors > self.descriptors + 2:
            found.append(f"{self.gateway.descriptors} descriptors instead of {self.descriptors}")
        if self.gateway.rss > self.rss + growth * MIB:
            found.append(f"{self.gateway.rss / MIB:.1f} MiB resident instead of {self.rss / MIB:.1f}")
        if not await self.answers():
            found.append("does not answer /health within a second")
        if self.strays:
            found.append(f"belongs to no row: {self.strays!r}")
            self.strays = []
        return found

    async def answers(self) -> bool:
        """Whether /health is 200 within a second."""
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
                writer.write(b"GET /health HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
                data = await reader.read()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return data.startswith(b"HTTP/1.1 200 ")

    @property
    def cpu(self) -> int:
        """Nanoseconds of CPU that the event loop's thread has had."""
        return int(Path(f"/proc/{self.gateway.process.pid}/schedstat").read_text().split()[0])
