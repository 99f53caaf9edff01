"""How late the event loop is: what every callback waits for those before it."""

import asyncio

from gateway.observe.tallies import Durations
from gateway.runtime import Runtime

INTERVAL = 0.25


async def watch(runtime: Runtime, lag: Durations, interval: float = INTERVAL) -> None:
    """Add to `lag` how much later than asked the loop woke us, every `interval` seconds, until cancelled."""
    while True:
        due = runtime.clock() + interval
        await asyncio.sleep(interval)
        lag.add(max(0.0, runtime.clock() - due))
