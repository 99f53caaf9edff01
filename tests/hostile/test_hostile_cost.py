"""ED-41: what a byte costs the gateway, CPU and memory, whatever it is that a client sends."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import meant
import pytest
from arena import MIB, cpu_of, output_of, program
from gateway_process import GatewayProcess
from inputs import INPUTS, PLAIN, SECRET, Input
from play import Client, connect

AMPLIFICATION = 100  # Envoy's threat model: more is a hole
LONG_ENOUGH = 20e6  # nanoseconds of CPU that an input is measured by, at least
TOGETHER = 20
MOST = 200
WITHIN = 20.0
IDLE = 1_000_000
BASELINE = Input("a plain GET", PLAIN)


@dataclass
class Cost:
    """Of one byte: nanoseconds of CPU, and bytes of memory while it is there."""

    cpu: float
    memory: float


class Gauge:
    """Sends inputs to a gateway, and reads off what they cost it."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._numbers = itertools.count(10)

    async def cost(self, one: Input, at_least: int = 0) -> Cost:
        """`TOGETHER` at a time, until there is enough to go by, or it is clear that there never will."""
        sent, rounds = 0, 0
        memory = self._gateway.rss
        self._gateway.forget_peak()
        before = cpu_of(self._gateway)
        while cpu_of(self._gateway) - before < LONG_ENOUGH and rounds < MOST // TOGETHER:
            sent += sum(await asyncio.gather(*(self._play(one) for _ in range(TOGETHER))))
            rounds += 1
        await self._rests()
        peak = max(self._gateway.peak_rss - memory, at_least)
        return Cost((cpu_of(self._gateway) - before) / sent, peak / (sent / rounds))

    async def _play(self, one: Input) -> int:
        """On a connection of its own; how many bytes it was."""
        data = one.data.replace(b"@@", b"%d" % next(self._numbers))
        client = await connect(self._gateway.port)
        size = -(-len(data) // one.pieces)
        for start in range(0, len(data), size):
            client.transport.write(data[start : start + size])
            if one.pieces > 1:
                await asyncio.sleep(0)
        await self._over(client, one)
        client.transport.abort()
        return len(data)

    async def _over(self, client: Client, one: Input) -> None:
        async with asyncio.timeout(WITHIN):
            if not one.replies:
                await asyncio.sleep(0.05)
            while not client.end and one.replies:
                methods = [one.data.partition(b" ")[0]] * one.replies
                if len(meant.replies(client.received, methods, closed=False)[0]) >= one.replies:
                    return
                await client.change(WITHIN)

    async def _rests(self) -> None:
        """Until what was begun is done."""
        last, patience = 0, time.monotonic() + 5
        while (now := cpu_of(self._gateway)) - last > IDLE and time.monotonic() < patience:
            last = now
            await asyncio.sleep(0.02)


@asynccontextmanager
async def gauge(directory: Path) -> AsyncIterator[Gauge]:
    upstream = await program("arena_upstream")
    try:
        url = f"http://127.0.0.1:{int(await output_of(upstream).readline())}"
        service = {"upstreams": [{"url": url}], "max_connections": 1000}
        config = {
            "server": {"trusted_proxies": ["127.0.0.1/32"], "max_body_size": 100 * MIB},
            "jwt": {"secret": SECRET},
            "ratelimit": {"bucket_size": 10**9},
            "services": {"open": {**service, "auth": "none"}, "locked": {**service, "auth": "required"}},
        }
        with await asyncio.to_thread(GatewayProcess.serving, config, directory) as gateway:
            yield Gauge(gateway)
    finally:
        upstream.kill()
        await upstream.wait()


async def all_costs(directory: Path) -> dict[str, Cost]:
    async with gauge(directory) as one:
        await one.cost(BASELINE)
        plain = await one.cost(BASELINE, at_least=MIB)
        return {"": plain, **{each.name: await one.cost(each) for each in INPUTS}}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    return asyncio.run(all_costs(tmp_path_factory.mktemp("gauge")))


@pytest.mark.parametrize("one", INPUTS, ids=str)
def test_ED_41_a_byte_costs_no_more_than_a_hundred_of_a_plain_get(one: Input, costs: dict[str, Cost]) -> None:
    cost, plain = costs[one.name], costs[""]
    assert cost.cpu <= AMPLIFICATION * plain.cpu, (cost, plain)
    assert cost.memory <= AMPLIFICATION * plain.memory, (cost, plain)
