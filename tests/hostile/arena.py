"""Two gateways, one of them attacked, and a witness who asks both in turn: what differs between them is the attack."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from gateway_process import GatewayProcess
from play import Client, connect

MIB = 1 << 20
ASK = b"GET /v1/svc/witness HTTP/1.1\r\nHost: gw\r\n\r\n"
RAMP = 0.3
PAUSE = 0.004
IDLE = 10_000_000  # nanoseconds of CPU in 0.3 s
DEADLINES = {"header_timeout": 0.5, "body_timeout": 0.5, "keepalive_timeout": 10, "max_body_size": 16 * MIB}


@dataclass
class Figures:
    """What an attack came to; latencies in seconds, medians of the same moments, without the waiting for a core."""

    attacked: float
    control: float
    slow: float  # what nine of ten answers of the attacked one were faster than
    sent: int
    cpu: int  # nanoseconds
    peak: int  # bytes of resident memory more than before

    def __str__(self) -> str:
        return (
            f"witness {self.attacked * 1e3:.2f} ms, elsewhere {self.control * 1e3:.2f} ms; "
            f"{self.sent / 1e6:.2f} MB sent, {self.cpu / 1e6:.0f} ms CPU, {self.peak / MIB:.1f} MiB"
        )


class Arena:
    """`attacked` and `control` are equal gateways before the same upstream."""

    def __init__(self, attacked: GatewayProcess, control: GatewayProcess) -> None:
        self.attacked = attacked
        self.control = control

    async def attack(self, name: str, seconds: float) -> Figures:
        """Run the attack of that name (see `attacks`) while a witness asks."""
        gateway = self.attacked
        await self._at_rest(gateway)
        memory, cpu = gateway.rss, self._cpu()
        gateway.forget_peak()
        attacker = await program("attacks", name, str(gateway.port), str(seconds))
        attacked, control = await self._witness(attacker)
        sent = int(await output_of(attacker).read())
        slow = quantiles(attacked, n=10)[-1]
        return Figures(median(attacked), median(control), slow, sent, self._cpu() - cpu, gateway.peak_rss - memory)

    def _cpu(self) -> int:
        """What the attack alone costs: the witness costs both the same."""
        return cpu_of(self.attacked) - cpu_of(self.control)

    async def _witness(self, attacker: asyncio.subprocess.Process) -> tuple[list[float], list[float]]:
        ended = asyncio.ensure_future(attacker.wait())
        await asyncio.wait([ended], timeout=RAMP)
        gateways = (self.attacked, self.control)
        clients = [await connect(one.port) for one in gateways]
        found: tuple[list[float], list[float]] = ([], [])
        while not ended.done():
            for client, gateway, latencies in zip(clients, gateways, found, strict=True):
                latencies.append(await ask(client, gateway))
            await asyncio.sleep(PAUSE)
        for client in clients:
            client.transport.abort()
        return found

    async def _at_rest(self, gateway: GatewayProcess) -> None:
        """Until nothing is left to do of the attack before; the deadlines of its remains are short."""
        last, patience = (-1, 0), time.monotonic() + 5
        while time.monotonic() < patience:
            now = (gateway.descriptors, cpu_of(gateway))
            if now[0] == last[0] and now[1] - last[1] <= IDLE:
                return
            last = now
            await asyncio.sleep(0.3)


async def program(*arguments: str) -> asyncio.subprocess.Process:
    """A module beside this one, as a child process."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments), cwd=Path(__file__).parent, stdout=asyncio.subprocess.PIPE
    )


def output_of(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout


async def ask(client: Client, gateway: GatewayProcess) -> float:
    """Seconds until the answer is there, less those in which the gateway had no core: they are the machine's."""
    client.received = b""
    waited, started = waited_of(gateway), time.perf_counter()
    client.transport.write(ASK)
    while not client.received.endswith(b"\r\n\r\nok"):
        assert await client.change(5), "the witness waits for five seconds"
        assert not client.end, "the witness was sent away"
    return time.perf_counter() - started - (waited_of(gateway) - waited) / 1e9


def cpu_of(gateway: GatewayProcess) -> int:
    """Nanoseconds of CPU that all its threads have had."""
    tasks = Path(f"/proc/{gateway.process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())


def waited_of(gateway: GatewayProcess) -> int:
    """Nanoseconds that the event loop's thread could have run, but others had the cores."""
    return int(Path(f"/proc/{gateway.process.pid}/schedstat").read_text().split()[1])


@asynccontextmanager
async def arena(directory: Path) -> AsyncIterator[Arena]:
    async with AsyncExitStack() as stack:
        upstream = await program("arena_upstream")
        stack.callback(upstream.kill)
        port = int(await output_of(upstream).readline())
        service = {"upstreams": [{"url": f"http://127.0.0.1:{port}"}], "max_connections": 2000}
        config = {
            "server": DEADLINES,
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "services": {"svc": service},
        }
        gateways = []
        for name in ("attacked", "control"):
            (directory / name).mkdir()
            gateway = await asyncio.to_thread(GatewayProcess.serving, config, directory / name)
            stack.callback(gateway.kill)
            gateways.append(gateway)
            client = await connect(gateway.port)
            for _ in range(50):
                await ask(client, gateway)
            client.transport.abort()
        yield Arena(*gateways)
        for gateway in gateways:
            await asyncio.to_thread(gateway.stop)
            assert gateway.complaints() == []
