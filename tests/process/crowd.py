"""Many clients at once, upstreams that behave as they are told, and upstreams that are processes of their own."""

import asyncio
import itertools
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from raw_wire import Head, Origin, Wire

NUMBERS = itertools.count()
Behaviour = Callable[[Wire, Head], Awaitable[None]]


class Answer(NamedTuple):
    """What one request came to: status 0 when the connection ended instead."""

    method: str
    status: int
    body: bytes


class Crowd:
    """Clients that send one request after the other until told to stop; each request has a number of its own."""

    def __init__(self, port: int, service: str, *, gets: int = 0, posts: int = 0, path: str = "/x") -> None:
        self.answers: list[Answer] = []
        self._port = port
        self._target = f"/v1/{service}{path}"
        self._stopped = False
        self._members = ["GET"] * gets + ["POST"] * posts
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.ensure_future(self._ask_on(method)) for method in self._members]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let everybody finish what is under way."""
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def _ask_on(self, method: str) -> None:
        loop = asyncio.get_running_loop()
        wire: Wire | None = None
        while not self._stopped:
            if wire is None or wire.ended:
                _, wire = await loop.create_connection(Wire, "127.0.0.1", self._port)
            self.answers.append(await self._ask(wire, method))
            if self.answers[-1].status == 0:
                wire.drop()
                wire = None
        if wire is not None:
            wire.drop()

    async def _ask(self, wire: Wire, method: str) -> Answer:
        number = next(NUMBERS)
        length = "Content-Length: 4\r\n" if method == "POST" else ""
        wire.send(f"{method} {self._target} HTTP/1.1\r\nHost: gw\r\nX-Number: {number}\r\n{length}\r\n".encode())
        if method == "POST":
            wire.send(b"body")
        try:
            head, body = await wire.reply(20.0)
        except (AssertionError, ValueError):
            return Answer(method, 0, b"")
        return Answer(method, head.status, body)

    async def has(self, number: int, within: float = 20.0) -> None:
        """Wait until there are so many answers."""
        async with asyncio.timeout(within):
            while len(self.answers) < number:
                await asyncio.sleep(0.002)

    def failed(self, method: str) -> list[Answer]:
        """Answers that are not 200."""
        return [one for one in self.answers if one.method == method and one.status != 200]


class Upstreams:
    """Origins that answer whole requests by a behaviour each; `received` counts the numbers of requests they saw."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.received: Counter[tuple[str, str]] = Counter()
        self.asked = [0] * len(behaviours)
        self.origins = [Origin(script=self._script(place, does)) for place, does in enumerate(behaviours)]

    def _script(self, place: int, does: Behaviour) -> Callable[[Wire], Awaitable[None]]:
        async def play(wire: Wire) -> None:
            while not wire.ended:
                await wire.until(lambda wire: b"\r\n\r\n" in wire.received or bool(wire.ended), 60.0)
                if wire.ended:
                    return
                head = await wire.head()
                await wire.read(int(head["content-length"] or 0))
                self.asked[place] += 1
                self.received[head.line.split(" ")[0], head["x-number"] or ""] += 1
                await does(wire, head)

        return play

    async def __aenter__(self) -> Self:
        for origin in self.origins:
            await origin.__aenter__()
        return self

    async def __aexit__(self, *why: object) -> None:
        for origin in self.origins:
            await origin.__aexit__(None, None, None)

    @property
    def urls(self) -> list[dict[str, str]]:
        return [{"url": f"http://127.0.0.1:{origin.port}"} for origin in self.origins]

    @property
    def posts_received_twice(self) -> list[str]:
        return [number for (method, number), times in self.received.items() if method == "POST" and times > 1]


def answering(seconds: float = 0.0, status: int = 200) -> Behaviour:
    async def answer(wire: Wire, head: Head) -> None:
        if seconds:
            await asyncio.sleep(seconds)
        wire.send(b"HTTP/1.1 %d Said\r\nContent-Length: 2\r\n\r\nok" % status)

    return answer


async def resetting(wire: Wire, head: Head) -> None:
    wire.reset()


class UpstreamProcess:
    """An upstream that can be killed: answers with 200, after the milliseconds that the query asks for."""

    SCRIPT = Path(__file__).with_name("upstream_process.py")

    def __init__(self, port: int) -> None:
        self.port = port
        self._child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._child = subprocess.Popen([sys.executable, str(self.SCRIPT), str(self.port)])
        async with asyncio.timeout(10):
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        return
                await asyncio.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        self._child.send_signal(number)
        if number == signal.SIGKILL:
            self._child.wait()

    def end(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
