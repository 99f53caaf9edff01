"""Two gateways behind HAProxy, and clients that ask all the time: what failed, and at whom."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from gateway_process import GatewayProcess

NAMES = ("one", "two")
REQUESTS_PER_SECOND = 200
STREAMS = 20
PATIENCE = 20.0  # seconds; two cores have much to do where tests run side by side
CONFIG = """
global
    maxconn 2000
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    option redispatch
    retries 3
    retry-on conn-failure empty-response
frontend public
    bind 127.0.0.1:{port}
    default_backend gateways
backend gateways
    option httpchk GET /ready
    http-response set-header X-Gateway %s
    default-server check inter 100ms fall 1 rise 1
    server one 127.0.0.1:{one}
    server two 127.0.0.1:{two}
"""


class Failure(NamedTuple):
    """What a client could not have; `gateway` is "" when no reply began."""

    what: str
    gateway: str
    reason: str
    at: float


class Ports:
    """Ports that are free now, from a range of this worker of pytest's that outgoing connections do not use."""

    def __init__(self) -> None:
        self._next = 18400 + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

    def take(self) -> int:
        while True:
            self._next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if probe.connect_ex(("127.0.0.1", self._next)):
                    return self._next


class Stage:
    """The gateways by name, and `port`, where HAProxy listens."""

    def __init__(
        self, directory: Path, ports: dict[str, int], upstream: int, port: int, sections: dict[str, Any]
    ) -> None:
        self.port = port
        self.gateways: dict[str, GatewayProcess] = {}
        self._directory = directory
        self._ports = ports
        self._upstream = upstream
        self._sections = sections

    def start(self, name: str) -> None:
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        config: dict[str, Any] = {
            "server": {"port": self._ports[name], "drain_delay": "500ms", "drain_timeout": "5s"},
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "log": {"access": False},
            "services": {"llm": {"upstreams": [{"url": f"http://127.0.0.1:{self._upstream}/v1"}]}},
            **self._sections,
        }
        self.gateways[name] = GatewayProcess.serving(config, directory)

    async def until_used(self, name: str) -> None:
        """Wait until HAProxy sends requests there."""
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{self.port}/v1/llm/models") as reply:
                    if reply.headers.get("X-Gateway") == name:
                        return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def stage(directory: Path, **sections: Any) -> AsyncIterator[Stage]:
    """A model server, two gateways before it, HAProxy before them; `sections` replace those of their configuration."""
    haproxy = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if haproxy is None:
        pytest.skip("haproxy is not installed: apt-get install haproxy")
    ports = Ports()
    public, named = ports.take(), {name: ports.take() for name in NAMES}
    async with AsyncExitStack() as stack:
        model = subprocess.Popen(
            [sys.executable, "-m", "gateway.demo", "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        stack.callback(_end, model)
        assert model.stdout is not None
        made = Stage(directory, named, int(model.stdout.readline().split()[-1]), public, sections)
        for name in NAMES:
            made.start(name)
        stack.callback(lambda: [gateway.kill() for gateway in made.gateways.values()])
        file = directory / "haproxy.cfg"
        file.write_text(CONFIG.format(port=public, **named))
        stack.callback(_end, subprocess.Popen([haproxy, "-q", "-db", "-f", str(file)]))
        for name in NAMES:
            await _patiently(made.until_used, name)
        yield made


async def _patiently(check: Any, *arguments: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await check(*arguments)
        except aiohttp.ClientConnectionError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


class Load:
    """Requests at a steady rate and streams one after the other, until told to stop."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/v1/llm"
        self._stopped = asyncio.Event()
        self.failures: list[Failure] = []
        self.requests = self.streams = 0
        self.streaming: dict[str, int] = dict.fromkeys(NAMES, 0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load inside the block; what is on its way at its end is waited for."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            group.create_task(self._requests(session, group))
            for _ in range(STREAMS):
                group.create_task(self._streams(session))
            yield
            self._stopped.set()

    async def until_streaming(self, gateway: str) -> int:
        """Wait until streams come from there, and give how many."""
        async with asyncio.timeout(PATIENCE):
            while not self.streaming[gateway]:
                await asyncio.sleep(0.01)
        return self.streaming[gateway]

    async def _requests(self, session: aiohttp.ClientSession, group: asyncio.TaskGroup) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            group.create_task(self._request(session))
            due += 1 / REQUESTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _request(self, session: aiohttp.ClientSession) -> None:
        gateway = ""
        try:
            async with session.get(f"{self._base}/models") as reply:
                gateway = reply.headers.get("X-Gateway", "")
                body = await reply.read()
                if reply.status != 200 or b"demo" not in body:
                    self._failed("request", gateway, str(reply.status))
        except aiohttp.ClientError as error:
            self._failed("request", gateway, repr(error))
        self.requests += 1

    async def _streams(self, session: aiohttp.ClientSession) -> None:
        question = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "Why? " * 8}]}
        while not self._stopped.is_set():
            gateway = ""
            try:
                async with session.post(f"{self._base}/chat/completions", json=question) as reply:
                    gateway = reply.headers.get("X-Gateway", "")
                    self.streaming[gateway] = self.streaming.get(gateway, 0) + 1
                    try:
                        body = await reply.read()
                    finally:
                        self.streaming[gateway] -= 1
                    if reply.status != 200 or not body.endswith(b"data: [DONE]\n\n"):
                        self._failed("stream", gateway, f"{reply.status}, cut")
            except aiohttp.ClientError as error:
                self._failed("stream", gateway, repr(error))
            self.streams += 1

    def _failed(self, what: str, gateway: str, reason: str) -> None:
        self.failures.append(Failure(what, gateway, reason, time.monotonic()))
