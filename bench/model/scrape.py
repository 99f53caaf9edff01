"""What model servers say of themselves."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence

import aiohttp

SAMPLE = re.compile(r"^([\w:]+)(?:\{.*\})? (\S+)$", re.MULTILINE)
PATIENCE = 60.0  # seconds


async def scrape(models: Sequence[int]) -> dict[str, float]:
    """The metrics of all `models` added up, by name; `lag_ms` and `mean_lag_ms` are those of the latest among them."""
    total: dict[str, float] = defaultdict(float)
    lags = []
    async with aiohttp.ClientSession() as session:
        for port in models:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                for name, value in SAMPLE.findall(await response.text()):
                    total[name] += float(value)
            async with session.get(f"http://127.0.0.1:{port}/health") as response:
                lags.append(await response.json())
    return {**total, **{name: max(lag[name] for lag in lags) for name in ("lag_ms", "mean_lag_ms")}}


async def idle(models: Sequence[int]) -> None:
    """Until no model has anything to do; TimeoutError after a minute."""
    async with asyncio.timeout(PATIENCE):
        while True:
            seen = await scrape(models)
            if not seen["vllm:num_requests_running"] and not seen["vllm:num_requests_waiting"]:
                return
            await asyncio.sleep(0.1)
