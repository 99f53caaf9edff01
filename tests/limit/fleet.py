"""Gateways as processes, an upstream that answers at once or after a while, and clients that always want more."""

import asyncio
import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from waiting import until, wait_until

PR_SET_PDEATHSIG = 1
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
START_SECONDS = 20
_libc = ctypes.CDLL(None)


class Gateway:
    """One process of `python -m gateway serve`."""

    def __init__(self, config: dict[str, Any], folder: Path) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]
        server = {"host": "127.0.0.1", "port": self.port}
        file = folder / f"gateway-{self.port}.yaml"
        file.write_text(json.dumps({"server": server, "auth": {"type": "none"}, "log": {"access": False}, **config}))
        self.log = folder / f"gateway-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--config", str(file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
            )

    def wait(self) -> None:
        """Return when it listens."""
        wait_until(self._listens, START_SECONDS, self.log.read_text)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return b"listening on" in self.log.read_bytes()

    async def get(self, path: str) -> str:
        """What an operator's page says."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode())
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    async def blind(self) -> int:
        """How many checks it has decided without the store."""
        found = re.findall(r"rate_limit_store_errors_total\{.*\} ([0-9]+)", await self.get("/metrics"))
        return sum(map(int, found))

    async def waits(self, answered: int) -> list[float]:
        """Seconds that each request of a service spent in the gateway before it went to the upstream or was refused.

        Read from the access log, once it tells of as many as were `answered`: no client's delay is in it.
        """
        await until(lambda: len(self._requests()) >= answered, START_SECONDS)
        return [(line["duration_ms"] - (line["upstream_ms"] or 0)) / 1000 for line in self._requests()]

    def _requests(self) -> list[dict[str, Any]]:
        found = []
        for raw in self.log.read_bytes().splitlines(keepends=True):
            if b'"message":"request"' in raw and raw.endswith(b"\n"):
                line = json.loads(raw)
                found += [line] if line["service"] else []
        return found

    def hurry(self) -> None:
        """Run before what else is on the machine, where that is allowed: what it takes is then its own doing."""
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -15)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def gateways(count: int, config: dict[str, Any], folder: Path) -> Iterator[list[Gateway]]:
    """`count` of them, listening."""
    started = [Gateway(config, folder) for _ in range(count)]
    try:
        for gateway in started:
            gateway.wait()
        yield started
    finally:
        for gateway in started:
            gateway.stop()


class Upstream(asyncio.Protocol):
    """One connection to the upstream: answers each request after `hold` seconds."""

    hold = 0.0
    in_flight = 0
    most_in_flight = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            _, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            kind = type(self)
            kind.in_flight += 1
            kind.most_in_flight = max(kind.most_in_flight, kind.in_flight)
            if kind.hold:
                asyncio.get_running_loop().call_later(kind.hold, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        type(self).in_flight -= 1
        self._transport.write(REPLY)


@contextlib.asynccontextmanager
async def upstream(port: int, hold: float = 0.0) -> AsyncIterator[type[Upstream]]:
    """An upstream at `port`; what counts its requests."""
    kind = type("Upstream", (Upstream,), {"hold": hold})
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", port)
    try:
        yield kind
    finally:
        server.close()


class Seen(NamedTuple):
    """One request: when it was sent and answered, and with which status."""

    sent: float
    answered: float
    status: int


class Client(asyncio.Protocol):
    """One connection that sends a request, and the next one when it is answered (after `pause` seconds)."""

    def __init__(self, seen: list[Seen], service: str, pause: float) -> None:
        self._seen = seen
        self._request = f"GET /v1/{service}/x HTTP/1.1\r\nHost: gateway\r\n\r\n".encode()
        self._pause = pause
        self._sent = 0.0
        self._buffer = b""
        self._loop = asyncio.get_running_loop()
        self.stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if not self.stopped:
            self._sent = self._loop.time()
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(re.search(rb"(?i)content-length: *([0-9]+)", head)[1])
        if len(body) < length:
            return
        self._buffer = b""
        self._seen.append(Seen(self._sent, self._loop.time(), int(head[9:12])))
        if self._pause:
            self._loop.call_later(self._pause, self._send)
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.stopped:
            self._seen.append(Seen(self._sent, self._loop.time(), 0))

    def stop(self) -> None:
        self.stopped = True
        self._transport.abort()


@contextlib.asynccontextmanager
async def clients(
    gateways: Sequence[Gateway], count: int, *, service: str, pause: float = 0.0
) -> AsyncIterator[list[Seen]]:
    """`count` connections, spread over `gateways`, for the length of a block; what they have seen."""
    seen: list[Seen] = []
    loop, made = asyncio.get_running_loop(), []
    for number in range(count):
        port = gateways[number % len(gateways)].port
        _, client = await loop.create_connection(lambda: Client(seen, service, pause), "127.0.0.1", port)
        made.append(client)
    try:
        yield seen
    finally:
        for client in made:
            client.stop()


def statuses(seen: list[Seen]) -> Counter[int]:
    return Counter(one.status for one in seen)


def admitted(seen: list[Seen]) -> list[Seen]:
    return sorted(one for one in seen if one.status == 200)


def most_within(passed: list[Seen], seconds: float) -> int:
    """The most requests that were sent and answered within one window: so many have surely passed in it."""
    by_answer = sorted(passed, key=lambda one: one.answered)
    most = 0
    for first, (start, _, _) in enumerate(sorted(passed)):
        if first % 7:  # every seventh window is enough to find one, and keeps the search short
            continue
        most = max(most, sum(start <= one.sent and one.answered < start + seconds for one in by_answer))
    return most
