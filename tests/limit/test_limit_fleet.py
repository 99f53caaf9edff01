"""Four gateway processes, one Redis, two hundred connections, one key: what passes is what the limit says (RL-11).

`FLEET_SECONDS=20 pytest -s tests/limit/test_limit_fleet.py` is the long run, which prints its figures.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fleet import Gateway, Seen, admitted, clients, gateways, most_within, statuses, upstream
from redis_servers import RedisServer, free_port, running
from waiting import until

SECONDS = float(os.environ.get("FLEET_SECONDS", "2"))
GATEWAYS = 4
CONNECTIONS = 200


BURST, RATE = 200, 300
WINDOW_LIMIT = 300
SLOTS, HOLD = 40, 0.02
RULES = [
    {"name": "bucket", "bucket_size": BURST, "refill_rate": RATE},
    {"name": "window", "algorithm": "sliding_window", "bucket_size": WINDOW_LIMIT, "window": "1s"},
    {"name": "slots", "algorithm": "concurrency", "bucket_size": SLOTS},
    {"name": "few", "algorithm": "concurrency", "bucket_size": 4},
]


def config(server: RedisServer, port: int, services: Sequence[str], **ratelimit: Any) -> dict[str, Any]:
    """`services` with one upstream, and these limits."""
    upstreams = [{"url": f"http://127.0.0.1:{port}"}]
    offered = {name: {"upstreams": upstreams} for name in services}
    return {"redis": {"url": server.url, "timeout": "1s"}, "ratelimit": ratelimit, "services": offered}


class Fleet(NamedTuple):
    """Four gateways, before an upstream that a test has to put at `port`."""

    gateways: list[Gateway]
    port: int

    async def blind(self) -> int:
        return sum([await gateway.blind() for gateway in self.gateways])


@pytest.fixture(scope="module")
def fleet(shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    port = free_port()
    rules = [{**rule, "services": [rule["name"]]} for rule in RULES]
    options = config(shared_redis, port, [str(rule["name"]) for rule in RULES], rules=rules)
    with gateways(GATEWAYS, options, tmp_path_factory.mktemp("fleet")) as started:
        yield Fleet(started, port)


def report(name: str, seen: list[Seen], allowed: float) -> None:
    passed = len(admitted(seen))
    print(
        f"\n{name}: {len(seen)} asked, {passed} passed of {allowed:.0f} allowed, {passed / allowed:.4f}; {SECONDS:g} s"
    )


async def test_RL_11_a_token_bucket_over_four_processes_admits_burst_and_rate_and_nearly_all_of_it(fleet: Fleet):
    async with upstream(fleet.port), clients(fleet.gateways, CONNECTIONS, service="bucket") as seen:
        await asyncio.sleep(SECONDS)
        assert await fleet.blind() == 0
    assert set(statuses(seen)) == {200, 429}
    passed = admitted(seen)
    took = passed[-1].answered - passed[0].sent
    report("token bucket", seen, BURST + RATE * took)
    assert 0.97 * (BURST + RATE * took) <= len(passed) <= BURST + RATE * took
    for one in passed[:: max(1, len(passed) // 50)]:  # any interval, not only the whole
        for end in (one.sent + 0.1, one.sent + 1.0):
            inside = [each for each in passed if each.sent >= one.sent and each.answered <= end]
            assert len(inside) <= BURST + RATE * (end - one.sent)


async def test_RL_11_a_strict_window_over_four_processes_never_holds_more_than_the_limit(fleet: Fleet):
    async with upstream(fleet.port), clients(fleet.gateways, CONNECTIONS, service="window") as seen:
        await asyncio.sleep(SECONDS)
        assert await fleet.blind() == 0
    assert set(statuses(seen)) == {200, 429}
    passed = admitted(seen)
    took = passed[-1].answered - passed[0].sent
    report("strict window", seen, WINDOW_LIMIT * took)
    assert most_within(passed, 1.0) <= WINDOW_LIMIT
    assert len(passed) >= 0.97 * WINDOW_LIMIT * took


async def test_RL_11_concurrency_over_four_processes_is_never_more_than_the_limit(
    fleet: Fleet, shared_redis: RedisServer
):
    async with upstream(fleet.port, HOLD) as at_once:
        async with clients(fleet.gateways, CONNECTIONS, service="slots", pause=0.01) as seen:
            await asyncio.sleep(SECONDS)
            assert await fleet.blind() == 0
        await until(lambda: not shared_redis.client.keys("*:slots:*"))  # every slot is free again
    assert set(statuses(seen)) == {200, 429}
    print(
        f"\nconcurrency: {len(seen)} asked, {len(admitted(seen))} passed, {at_once.most_in_flight} at once of {SLOTS}"
    )
    assert 0.97 * SLOTS <= at_once.most_in_flight <= SLOTS


async def test_a_killed_gateway_gives_its_slots_back_after_one_lease(fleet: Fleet, shared_redis: RedisServer):
    *_, living, dying = fleet.gateways
    async with upstream(fleet.port, hold=30.0) as at_once, clients([dying], 4, service="few"):
        await until(lambda: at_once.in_flight == 4)
        async with clients([living], 1, service="few", pause=0.05) as seen:
            dying.stop()
            await until(lambda: len(seen) > 2)
            assert statuses(seen).keys() == {429}
            [key] = shared_redis.client.keys("*:few:*")
            assert 20 < shared_redis.client.ttl(key) <= 30
            for slot, ends in shared_redis.client.zrange(key, 0, -1, withscores=True):
                shared_redis.client.zadd(key, {slot: ends - 29_900_000})  # as if 29.9 seconds had passed
            await until(lambda: at_once.in_flight == 5)


POLICIES = ("local", "open", "closed")


async def test_RL_21_redis_hung_killed_and_restarted_under_load_costs_no_500_and_no_wait_beyond_the_timeout(
    tmp_path: Path,
):
    """No request waits longer than `redis.timeout` and 50 ms, by what the gateway's access log tells of each."""
    timeout, port = 0.1, free_port()
    with running(tmp_path) as server, contextlib.ExitStack() as stack:
        limit = {"bucket_size": 10**6, "refill_rate": 10**6}
        rules = [{**limit, "name": policy, "services": [policy], "on_store_error": policy} for policy in POLICIES]
        options = config(server, port, POLICIES, rules=rules)
        options["redis"]["timeout"] = timeout
        [gateway] = stack.enter_context(gateways(1, {**options, "log": {"access": True}}, tmp_path))
        gateway.hurry()
        async with upstream(port), contextlib.AsyncExitStack() as callers:
            seen = [await callers.enter_async_context(clients([gateway], 8, service=p, pause=0.05)) for p in POLICIES]

            async def more(requests: int) -> None:
                before = list(map(len, seen))
                await until(lambda: all(len(mine) > n + requests for mine, n in zip(seen, before, strict=True)))

            assert "ok: limiter store: redis" in await gateway.get("/ready")
            await more(40)
            assert all(set(statuses(mine)) == {200} for mine in seen)
            for fault, mend in ((server.hang, server.go_on), (server.stop, server.start)):
                fault()
                await more(80)
                assert "not ok: limiter store" in await gateway.get("/ready")  # some rule is closed
                assert "HTTP/1.1 200" in await gateway.get("/health")
                mend()
                async with asyncio.timeout(5):
                    while "deciding" in await gateway.get("/ready"):
                        await asyncio.sleep(0.02)
                await more(40)
            assert await gateway.blind() > 300
        waits = await gateway.waits(sum(map(len, seen)))
    assert [set(statuses(mine)) for mine in seen] == [{200}, {200}, {200, 503}]
    print(f"\n{len(waits)} waits, the longest ms {[round(wait * 1000, 1) for wait in sorted(waits)[-5:]]}")
    assert timeout / 2 < max(waits) <= timeout + 0.05
