"""Four gateway processes, one Redis, two hundred connections, one key: what passes is what the limit says (RL-11).

`FLEET_SECONDS=20 pytest -s tests/limit/test_limit_fleet.py` is the long run, which prints its figures.
"""

import asyncio
import bisect
import os
from pathlib import Path
from typing import Any

import pytest
from driving import until
from fleet import Seen, admitted, clients, gateways, most_within, statuses, upstream
from redis_servers import RedisServer, running

SECONDS = float(os.environ.get("FLEET_SECONDS", "4"))
GATEWAYS = 4
CONNECTIONS = 200


def config(server: RedisServer, port: int, **ratelimit: Any) -> dict[str, Any]:
    services = {"llm": {"upstreams": [{"url": f"http://127.0.0.1:{port}"}]}}
    return {"redis": {"url": server.url, "timeout": "1s"}, "ratelimit": ratelimit, "services": services}


def report(name: str, seen: list[Seen], allowed: float) -> None:
    passed = len(admitted(seen))
    print(
        f"\n{name}: {len(seen)} asked, {passed} passed of {allowed:.0f} allowed, {passed / allowed:.4f}; {SECONDS:g} s"
    )


async def test_RL_11_a_token_bucket_over_four_processes_admits_burst_and_rate_and_nearly_all_of_it(
    redis_server, tmp_path
):
    burst, rate = 200, 300
    async with upstream() as (port, _):
        options = config(redis_server, port, bucket_size=burst, refill_rate=rate)
        async with gateways(GATEWAYS, options, tmp_path) as fleet:
            async with clients([gateway.port for gateway in fleet], CONNECTIONS) as seen:
                await asyncio.sleep(SECONDS)
            assert [await gateway.blind() for gateway in fleet] == [0] * GATEWAYS
    assert set(statuses(seen)) == {200, 429}
    passed = admitted(seen)
    took = passed[-1].answered - passed[0].sent
    report("token bucket", seen, burst + rate * took)
    assert 0.97 * (burst + rate * took) <= len(passed) <= burst + rate * took
    answers = [one.answered for one in sorted(passed, key=lambda one: one.answered)]
    for one in passed[:: max(1, len(passed) // 50)]:  # any interval, not only the whole
        for end in (one.sent + 0.1, one.sent + 1.0):
            inside = [each for each in passed if each.sent >= one.sent and each.answered <= end]
            assert len(inside) <= burst + rate * (end - one.sent)
    assert bisect.bisect(answers, passed[0].sent + 1.0) >= 0.9 * (burst + rate)


async def test_RL_11_a_strict_window_over_four_processes_never_holds_more_than_the_limit(redis_server, tmp_path):
    limit = 300
    async with upstream() as (port, _):
        options = config(redis_server, port, algorithm="sliding_window", bucket_size=limit, window="1s")
        async with gateways(GATEWAYS, options, tmp_path) as fleet:
            async with clients([gateway.port for gateway in fleet], CONNECTIONS) as seen:
                await asyncio.sleep(SECONDS)
            assert [await gateway.blind() for gateway in fleet] == [0] * GATEWAYS
    assert set(statuses(seen)) == {200, 429}
    passed = admitted(seen)
    took = passed[-1].answered - passed[0].sent
    report("strict window", seen, limit * took)
    assert most_within(passed, 1.0) <= limit
    assert len(passed) >= 0.97 * limit * took


async def test_RL_11_concurrency_over_four_processes_is_never_more_than_the_limit(redis_server, tmp_path):
    limit, hold = 40, 0.02
    async with upstream(hold) as (port, at_once):
        options = config(redis_server, port, algorithm="concurrency", bucket_size=limit, key="service")
        async with gateways(GATEWAYS, options, tmp_path) as fleet:
            async with clients([gateway.port for gateway in fleet], CONNECTIONS, pause=0.01) as seen:
                await asyncio.sleep(SECONDS)
            assert [await gateway.blind() for gateway in fleet] == [0] * GATEWAYS
            await until(lambda: redis_server.client.dbsize() <= 1)  # every slot is free again
    assert set(statuses(seen)) == {200, 429}
    print(
        f"\nconcurrency: {len(seen)} asked, {len(admitted(seen))} passed, {at_once.most_in_flight} at once of {limit}"
    )
    assert 0.97 * limit <= at_once.most_in_flight <= limit


async def test_a_killed_gateway_gives_its_slots_back_after_one_lease(redis_server, tmp_path):
    async with upstream(hold=30.0) as (port, at_once):
        options = config(redis_server, port, algorithm="concurrency", bucket_size=4, key="service")
        async with gateways(2, options, tmp_path) as (dying, living), clients([dying.port], 4):
            await until(lambda: at_once.in_flight == 4)
            async with clients([living.port], 1, pause=0.05) as seen:
                dying.stop()
                await until(lambda: len(seen) > 2)
                assert statuses(seen).keys() == {429}
                [key] = [key for key in redis_server.client.keys("*") if not key.endswith("replicas")]
                assert 25 < redis_server.client.ttl(key) <= 30
                # Twenty-nine seconds later:
                for slot, ends in redis_server.client.zrange(key, 0, -1, withscores=True):
                    redis_server.client.zadd(key, {slot: ends - 29_900_000})
                await until(lambda: at_once.in_flight == 5)


@pytest.mark.parametrize("policy", ["local", "open", "closed"])
async def test_RL_21_redis_killed_and_restarted_under_load_costs_no_500_and_no_long_wait(tmp_path: Path, policy: str):
    timeout = 0.1
    with running(tmp_path) as server:
        async with upstream() as (port, _):
            options = config(server, port, bucket_size=10**6, refill_rate=10**6, on_store_error=policy)
            options["redis"]["timeout"] = timeout
            async with gateways(1, options, tmp_path) as [gateway]:
                assert "ok: limiter store: redis" in await gateway.get("/ready")
                async with clients([gateway.port], 20, pause=0.05) as seen:
                    await until(lambda: len(seen) > 100)
                    assert set(statuses(seen)) == {200}
                    server.stop()
                    await asyncio.sleep(0.5)
                    down_until = len(seen)
                    ready = await gateway.get("/ready")
                    assert ("not ok: limiter store" in ready) == (policy == "closed")
                    assert "HTTP/1.1 200" in await gateway.get("/health")
                    server.start()
                    async with asyncio.timeout(5):
                        while "deciding" in await gateway.get("/ready"):
                            await asyncio.sleep(0.05)
                    healed_at = len(seen)
                    await until(lambda: len(seen) > healed_at + 100)
                assert await gateway.blind() > 20
    assert set(statuses(seen)) == ({200, 503} if policy == "closed" else {200})
    assert max(one.answered - one.sent for one in seen) < timeout + 0.05 + 0.1  # the last for a busy machine
    assert down_until > 100
