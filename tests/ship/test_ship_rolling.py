"""K8-11 to K8-13: gateways are restarted in turn, and killed, while clients ask."""

import asyncio
import signal
import time
from pathlib import Path

import aiohttp
from redis_servers import running
from rolling_load import NAMES, STREAMS, Load, stage

# After a kill: HAProxy's check interval, and what was on its way.
SETTLED = 0.5
LIMIT = 60


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


async def test_k8_13_what_a_caller_has_used_stays_used_when_a_gateway_is_killed(tmp_path: Path) -> None:
    victim, survivor = NAMES
    limit = {"bucket_size": LIMIT, "refill_rate": "1/h", "key": "service", "on_store_error": "closed"}
    with running(tmp_path) as redis:
        sections = {"redis": {"url": redis.url, "timeout": "2s"}, "ratelimit": limit}
        async with stage(tmp_path, **sections) as on, aiohttp.ClientSession() as session:

            async def ask() -> tuple[str, int, int]:
                async with session.get(f"http://127.0.0.1:{on.port}/v1/llm/models") as reply:
                    left = int(reply.headers["X-RateLimit-Remaining"])
                    return reply.headers["X-Gateway"], reply.status, left

            before = [await ask() for _ in range(LIMIT // 2)]
            on.gateways[victim].signal(signal.SIGKILL)
            after = [await ask() for _ in range(LIMIT)]
    assert {name for name, _, _ in before} == {victim, survivor}
    assert {name for name, _, _ in after} == {survivor}
    left = before[-1][2]
    assert left > 0
    assert [status for _, status, _ in after] == [200] * left + [429] * (LIMIT - left)
