"""K8-11 to K8-13: gateways are restarted in turn, and killed, while clients ask."""

import asyncio
import signal
import time
from pathlib import Path

from rolling_load import NAMES, STREAMS, Load, stage

# After a kill: HAProxy's check interval, and what was on its way.
SETTLED = 0.5


async def test_k8_11_k8_12_gateways_restarted_in_turn_fail_nobody(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        load = Load(on.port)
        async with load.running():
            await asyncio.sleep(0.5)
            for name in NAMES:
                gateway = on.gateways[name]
                assert await load.until_streaming(name)
                gateway.signal(signal.SIGTERM)
                assert await gateway.exit_code() == 0
                gateway.kill()
                await asyncio.to_thread(on.start, name)
                await on.until_used(name)
                await asyncio.sleep(0.5)
        assert load.failures == []
        assert load.requests > 500
        assert load.streams > 2 * STREAMS


async def test_k8_13_killed_gateway_fails_its_own_only(tmp_path: Path) -> None:
    victim, survivor = NAMES
    async with stage(tmp_path) as on:
        load = Load(on.port)
        async with load.running():
            await asyncio.sleep(0.5)
            streaming = await load.until_streaming(victim)
            killed_at = time.monotonic()
            on.gateways[victim].signal(signal.SIGKILL)
            await asyncio.sleep(1.5)
        streams = [failure for failure in load.failures if failure.what == "stream"]
        assert 0 < len(streams) <= streaming + 2
        assert {failure.gateway for failure in streams} == {victim}
        requests = [failure for failure in load.failures if failure.what == "request"]
        assert len(requests) <= 3
        assert all(failure.gateway in ("", victim) for failure in requests)
        assert all(failure.at - killed_at < SETTLED for failure in load.failures)
        assert load.streaming[survivor] == 0
