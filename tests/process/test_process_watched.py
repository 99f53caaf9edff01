"""FT-10 and FT-11: a collector or a reader of stdout that has a bad day costs requests nothing.

Gateways that differ in that alone are asked in turn, round after round; compared is the median of the differences
within a round, so that a machine that is busy is so for all. `python -m bench.seen` measures the same more strictly.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from gateway_process import GatewayProcess
from places import metric, open_service
from raw_wire import Clients, Wire

from gateway.observe.sink import LARGEST_BACKLOG
from gateway.observe.tracing import EXPORT_SECONDS, MOST_WAITING

ROUNDS = 12
REQUESTS = 100
ADDED_SECONDS = 0.001
MOST_BYTES = 24 * 1024 * 1024
MOST_CPU = 1.5
# A collector that cannot be reached is given up after EXPORT_SECONDS of trying.
GIVEN_UP_SECONDS = 4 * EXPORT_SECONDS
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
WRONG = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
GOOD = ("good", "good too")


class Arm:
    """A gateway, a connection to it, and what it has shown so far; `path` is asked for."""

    def __init__(self, gateway: GatewayProcess, client: Wire, path: str = "/x") -> None:
        self.gateway = gateway
        self.p99: list[float] = []
        self.cpu = 0.0
        self._client = client
        self._request = f"GET /v1/llm{path} HTTP/1.1\r\nHost: gateway.example\r\nX-Number: 7\r\n\r\n".encode()
        self.rss = 0

    async def ask(self, number: int) -> list[float]:
        took = []
        for _ in range(number):
            started = time.perf_counter()
            self._client.send(self._request)
            head, _ = await self._client.reply(within=10)
            took.append(time.perf_counter() - started)
            assert head.status == 200
        return took

    async def round(self) -> None:
        before = self._cpu()
        took = await self.ask(REQUESTS)
        self.cpu += self._cpu() - before
        self.p99.append(sorted(took)[REQUESTS * 99 // 100 - 1])

    def _cpu(self) -> float:
        times = self.gateway.process.cpu_times()
        return float(times.user + times.system)


async def warm(arm: Arm) -> Arm:
    await arm.ask(REQUESTS)
    arm.rss = arm.gateway.rss
    return arm


@contextmanager
def model(port: int) -> Iterator[None]:
    """An upstream in a process of its own."""
    with subprocess.Popen([sys.executable, str(Path(__file__).parent / "upstream_process.py"), str(port)]) as process:
        try:
            yield
        finally:
            process.kill()


@asynccontextmanager
async def collector(reply: bytes) -> AsyncIterator[int]:
    """Reads spans and answers with `reply`, which may be nothing: its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def in_turn(arms: dict[str, Arm]) -> dict[str, float]:
    """How many seconds the 99th percentile of each arm is above the first's; `noise` is what that is worth."""
    for number in range(ROUNDS):
        names = list(arms)
        for place in range(len(names)):
            await arms[names[(number + place) % len(names)]].round()
    first, second = (arms[name].p99 for name in GOOD)
    scatter = statistics.median(abs(one - other) for one, other in zip(first, second, strict=True))
    added = {
        name: statistics.median(one - other for one, other in zip(arm.p99, first, strict=True))
        for name, arm in arms.items()
    }
    return added | {"noise": max(abs(added[GOOD[1]]), scatter)}


def assert_nothing_is_felt(arms: dict[str, Arm], added: dict[str, float], figure: Callable[[str], None]) -> None:
    cpu = max(arms[name].cpu for name in GOOD)
    for name, arm in arms.items():
        more = arm.gateway.rss - arm.rss
        figure(f"{name}: p99 {added[name] * 1e3:+.2f} ms (noise {added['noise'] * 1e3:.2f}), CPU x {arm.cpu / cpu:.2f}")
        assert added[name] <= ADDED_SECONDS + 2 * added["noise"], name
        assert more <= MOST_BYTES, (name, more)
        assert arm.cpu <= MOST_CPU * cpu, name


def configured(port: int, **sections: Any) -> dict[str, Any]:
    return {
        "auth": {"type": "none"},
        "ratelimit": {"enabled": False},
        "services": {"llm": open_service(port)},
        **sections,
    }


async def test_ft_10_dead_hanging_or_wrong_collector_is_felt_by_no_request(
    ports: Callable[[], int], clients: Clients, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    async with AsyncExitStack() as stack:
        upstream = ports()
        stack.enter_context(model(upstream))
        replies = {GOOD[0]: OK, GOOD[1]: OK, "hanging": b"", "wrong": WRONG}
        places = {name: await stack.enter_async_context(collector(reply)) for name, reply in replies.items()}
        arms = {}
        for name, port in {**places, "dead": ports()}.items():
            tracing = {"enabled": True, "endpoint": f"http://127.0.0.1:{port}/v1/traces"}
            (directory := tmp_path / name).mkdir()
            gateway = GatewayProcess.serving(configured(upstream, tracing=tracing), directory)
            stack.callback(gateway.kill)
            arms[name] = await warm(Arm(gateway, await clients(gateway.port)))
        await arms["hanging"].ask(MOST_WAITING // 2 + 100)  # two spans a request
        assert_nothing_is_felt(arms, await in_turn(arms), figure)
        for name, result in {"hanging": "dropped", "wrong": "failed", "dead": "failed"}.items():
            async with asyncio.timeout(GIVEN_UP_SECONDS):
                while not await metric(arms[name].gateway.port, "trace_spans_total", result=result):
                    await asyncio.sleep(0.1)


async def test_ft_11_stdout_that_nobody_reads_is_felt_by_no_request(
    ports: Callable[[], int], clients: Clients, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    long = "/" + "x" * 2000
    async with AsyncExitStack() as stack:
        upstream = ports()
        stack.enter_context(model(upstream))
        arms = {}
        for name in (*GOOD, "unread"):
            (directory := tmp_path / name).mkdir()
            gateway = GatewayProcess.serving(configured(upstream), directory)
            stack.callback(gateway.kill)
            arms[name] = await warm(Arm(gateway, await clients(gateway.port), long))
        unread = arms["unread"]
        with unread.gateway.unread():
            await unread.ask(LARGEST_BACKLOG // len(long) + 100)
            assert_nothing_is_felt(arms, await in_turn(arms), figure)
            assert await metric(unread.gateway.port, "log_lines_dropped_total") > 0
