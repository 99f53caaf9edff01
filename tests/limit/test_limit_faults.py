"""What happens when Redis does not do its part: pack RL-20 to RL-32, through a fault proxy."""

import asyncio
import contextlib
import itertools
import logging
from pathlib import Path

import pytest
import redis
from callers import loaded, percentile
from driving import PATIENT, all_of, ask, decided, driven, store_at
from fault_proxy import before
from limit_reference import rule
from redis_servers import RedisServer, free_port, major_version, running
from waiting import until

from gateway.errors import NoUpstream
from gateway.limit.base import Rule, Slots
from gateway.limit.concurrency import Concurrency
from gateway.limit.queue import STUCK
from gateway.limit.redis import LANES
from gateway.limit.token_bucket import TokenBucket

TIMEOUT = 0.1
SLACK = 0.05


def of(algorithm, policy: str, name: str = "default", **options) -> Rule:
    return Rule(name, algorithm, lambda exchange, identity: "", on_store_error=policy, **options)


@contextlib.asynccontextmanager
async def proxied(server: RedisServer, **options):
    async with before(server.port) as proxy, store_at(proxy.url, **{"timeout": TIMEOUT, **options}) as store:
        yield proxy, store


async def test_RL_20_down_at_start_it_decides_by_policy_and_heals(tmp_path: Path):
    port = free_port()
    async with store_at(f"redis://127.0.0.1:{port}/0", timeout=TIMEOUT) as store:
        limit = rule(2, "0.01")
        assert not store.up
        assert [(await ask(store, limit)).allowed for _ in range(3)] == [True, True, False]
        assert store.blind.counts == {"local": 3, "open": 0, "closed": 0}
        with running(tmp_path, port=port):
            await until(lambda: store.up, within=5)
            assert [(await ask(store, limit)).allowed for _ in range(3)] == [True, True, False]
            assert store.blind.counts["local"] == 3


async def test_RL_21_killed_under_load_nobody_waits_longer_than_the_timeout_and_then_hardly_at_all(tmp_path: Path):
    with running(tmp_path) as server:
        async with store_at(server.url, timeout=TIMEOUT) as store, loaded(store) as load:
            await load.some()
            assert store.blind.counts["local"] == 0
            server.stop()
            await load.until(lambda: store.blind.counts["local"] > 50)
            assert load.longest() < TIMEOUT + SLACK
            assert not store.up
            load.waits.clear()
            await load.some()
            assert load.longest() < SLACK  # no more waiting at all, but for what a busy machine adds
            server.start()
            await until(lambda: store.up, within=5)
            await load.some()
            assert load.longest() < TIMEOUT + SLACK


@pytest.mark.parametrize("fault", ["stall", "reset", "refuse", "nonsense", "truncate", "error"])
async def test_RL_21_RL_27_every_fault_is_bounded_counted_and_heals(redis_server: RedisServer, fault: str):
    async with proxied(redis_server) as (proxy, store), loaded(store) as load:
        await load.some()
        assert store.blind.counts["local"] == 0
        if fault == "stall":
            proxy.stall()
        elif fault in {"reset", "refuse"}:
            getattr(proxy, fault)()
        else:
            proxy.rewrite = {
                "nonsense": lambda reply: b"$3\r\nabc\r\n",
                "truncate": lambda reply: b"$1\r\n1\r\n",
                "error": lambda reply: b"-LOADING Redis is loading the dataset in memory\r\n",
            }[fault]
        await load.until(lambda: store.blind.counts["local"] > (0 if fault == "reset" else 50))
        if fault == "reset":  # the next connections work
            await until(lambda: store.up)
        assert store.up == (fault == "reset")
        assert load.longest() < TIMEOUT + SLACK
        proxy.flow()
        proxy.rewrite = lambda reply: reply
        if fault == "refuse":
            await proxy.listen()
        await until(lambda: store.up, within=5)
        await load.some()
        counted = store.blind.counts["local"]
        await load.some()
        assert store.blind.counts["local"] == counted


async def test_nothing_is_sent_again_when_a_reply_was_lost(redis_server: RedisServer):
    limit = rule(100, "0.001")
    async with proxied(redis_server) as (proxy, store):
        proxy.stall()
        told = await all_of(*(ask(store, limit) for _ in range(10)))
        assert [verdict.allowed for verdict in told] == [True] * 10  # by the local share
        proxy.flow()
        await until(lambda: store.up)
        assert (await ask(store, limit)).remaining == 89  # those ten were decided there once


async def test_replies_that_come_too_late_are_never_taken_for_those_of_other_batches(redis_server: RedisServer):
    async with proxied(redis_server) as (proxy, store):
        for _ in range(5):
            proxy.stall()
            await ask(store, rule(7, 1, name="late"))
            proxy.flow()
            await until(lambda: store.up)
            for size in range(1, 20):
                verdict = await ask(store, rule(1000 + size, 1, name="next"))
                assert 1000 + size - 6 <= verdict.remaining < 1000 + size


async def test_RL_22_closed_is_an_error_of_its_own_with_retry_after(redis_server: RedisServer):
    async with proxied(redis_server) as (proxy, store):
        proxy.refuse()
        await until(lambda: not store.up or asyncio.ensure_future(ask(store, rule(5, 1))) is None)
        with pytest.raises(NoUpstream) as refused:
            await ask(store, of(TokenBucket(5, 1), "closed", "strict"))
        assert refused.value.headers == b"Retry-After: 1\r\n"
        assert str(refused.value) == "no_upstream: limiter store, rule strict"
        assert store.blind.counts["closed"] == 1
        assert (await driven(decided(store, [(of(TokenBucket(5, 1), "closed", shadow=True), "a")]))) == [None]


async def test_RL_22_a_check_that_was_on_its_way_fails_closed_as_well(redis_server: RedisServer):
    async with proxied(redis_server) as (proxy, store):
        proxy.stall()
        with pytest.raises(NoUpstream):
            await ask(store, of(TokenBucket(5, 1), "closed"))


async def test_RL_23_open_lets_everyone_pass_without_a_verdict(redis_server: RedisServer):
    async with proxied(redis_server) as (proxy, store):
        proxy.stall()
        opened, local = of(TokenBucket(1, "0.01"), "open", "opened"), of(TokenBucket(2, "0.01"), "local", "local")
        told = [await driven(decided(store, [(opened, "a"), (local, "a")])) for _ in range(3)]
        assert [verdicts[0] for verdicts in told] == [None] * 3
        assert [verdicts[1].allowed for verdicts in told] == [True, True, False]
        assert store.blind.counts == {"local": 3, "open": 3, "closed": 0}


async def test_RL_24_the_replicas_share_the_limit_among_themselves(redis_server: RedisServer):
    limit = rule(40, "0.01")
    async with proxied(redis_server) as (one_proxy, one), proxied(redis_server) as (other_proxy, other):
        one._announce()
        await until(lambda: one.blind.replicas == other.blind.replicas == 2)
        passed = []
        for proxy, store in ((one_proxy, one), (other_proxy, other)):
            proxy.stall()
            passed.append(sum([(await ask(store, limit)).allowed for _ in range(60)]))
        assert passed == [20, 20]
        one_proxy.flow()
        await until(lambda: one.up)
        allowed = sum([(await ask(one, limit)).allowed for _ in range(60)])
        assert allowed <= 40  # what Redis has of it, and nothing on top


async def test_RL_24_slots_taken_blind_are_known_to_redis_once_it_is_back(redis_server: RedisServer):
    limit = of(Concurrency(4), "local")
    async with proxied(redis_server) as (proxy, store):
        before_fault: Slots = []
        assert (await ask(store, limit, "a", before_fault)).allowed
        proxy.stall()
        slots: Slots = []
        told = [await ask(store, limit, "a", slots) for _ in range(5)]
        assert [verdict.allowed for verdict in told] == [True, True, True, False, False]
        assert len(slots) == 3
        proxy.flow()
        await until(lambda: redis_server.client.zcard(limit.scope + "a") == 4)
        assert not (await ask(store, limit)).allowed
        store.release(slots)
        store.release(before_fault)
        await until(lambda: not redis_server.client.exists(limit.scope + "a"))


async def test_RL_25_script_flush_under_load_costs_nobody_anything(redis_server: RedisServer):
    async with proxied(redis_server) as (_, store), loaded(store) as load:
        for _ in range(10):
            redis_server.client.script_flush()
            await load.some(0.05)
        assert store.blind.counts["local"] == 0
        assert len(load.verdicts) > 100


async def test_RL_26_flushall_grants_at_most_one_more_burst(redis_server: RedisServer):
    limit = rule(50, "0.001")
    async with store_at(redis_server.url) as store:
        assert sum([(await ask(store, limit)).allowed for _ in range(80)]) == 50
        redis_server.client.flushall()
        await asyncio.sleep(0.3)  # what is known to refuse is asked again
        assert sum([(await ask(store, limit)).allowed for _ in range(80)]) == 50


def sleep_once(server: RedisServer) -> None:
    with redis.Redis(port=server.port) as client:
        client.execute_command("DEBUG", "SLEEP", "0.6")


async def test_RL_27_a_sleeping_redis_and_killed_clients(tmp_path: Path):
    debug = ["--enable-debug-command", "yes"] if major_version() >= 7 else []
    with running(tmp_path, debug) as server:
        async with store_at(server.url, timeout=TIMEOUT) as store, loaded(store) as load:
            await load.some(0.2)
            server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await load.some(0.2)
            await until(lambda: store.up)
            sleeping = asyncio.get_running_loop().run_in_executor(None, sleep_once, server)
            await load.some(0.4)
            assert not store.up
            await sleeping
            await until(lambda: store.up, within=5)
            server.client.config_set("maxclients", 1)
            server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await load.some(0.4)
            server.client.config_set("maxclients", 100)
            await until(lambda: store.up, within=5)
            assert load.longest() < TIMEOUT + SLACK
            await until(lambda: len(server.client.client_list()) <= LANES + 1)  # and the test


async def test_RL_28_out_of_memory_is_an_outage(tmp_path: Path):
    limit = rule(5, "0.001")
    with running(tmp_path) as server:
        async with store_at(server.url, timeout=TIMEOUT) as store:
            await ask(store, limit)
            server.client.config_set("maxmemory-policy", "noeviction")
            server.client.config_set("maxmemory", "1mb")
            assert (await ask(store, limit)).remaining == 4  # local
            assert not store.up
            assert store.blind.counts["local"] == 1
            server.client.config_set("maxmemory", "0")
            await until(lambda: store.up, within=5)
            assert (await ask(store, limit)).remaining == 3


async def test_RL_28_an_evicted_key_grants_one_more_burst_and_no_more(tmp_path: Path):
    limit = rule(5, "0.001")
    with running(tmp_path) as server:
        async with store_at(server.url, timeout=TIMEOUT) as store:
            assert sum([(await ask(store, limit)).allowed for _ in range(8)]) == 5
            server.client.config_set("maxmemory-policy", "allkeys-lru")
            server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] + 2**20)
            filling = itertools.count()
            while server.client.exists(limit.scope + "a"):
                server.client.set(f"others-{next(filling)}", b"x" * 10_000)
            assert server.client.info("stats")["evicted_keys"] > 0
            passed = []
            async with asyncio.timeout(5):
                while not any(passed):  # what is known to refuse is not asked for a quarter of a second
                    passed.append((await ask(store, limit)).allowed)
                    await asyncio.sleep(0.01)
            passed += [(await ask(store, limit)).allowed for _ in range(20)]
            assert sum(passed) == 5
            assert store.up
            assert store.blind.counts["local"] == 0


async def test_RL_30_a_server_that_became_a_replica_is_an_outage(tmp_path: Path):
    with running(tmp_path) as server:
        async with store_at(server.url, timeout=TIMEOUT) as store:
            limit = rule(5, "0.001")
            await ask(store, limit)
            server.client.replicaof("127.0.0.1", str(free_port()))
            assert (await ask(store, limit)).allowed
            assert not store.up
            server.client.replicaof("NO", "ONE")
            await until(lambda: store.up, within=5)
            assert (await ask(store, limit)).remaining == 3


@pytest.mark.parametrize(
    "error",
    [
        b"LOADING Redis is loading the dataset in memory",
        b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        b"CROSSSLOT Keys in request don't hash to the same slot",
        b"CLUSTERDOWN Hash slot not served",
        b"BUSY Redis is busy running a script.",
    ],
    ids=lambda error: error.split()[0].decode(),
)
async def test_RL_30_an_error_instead_of_an_answer_is_an_outage_until_it_answers_again(
    redis_server: RedisServer, error: bytes
):
    async with proxied(redis_server, timeout=PATIENT) as (proxy, store):
        limit = rule(5, "0.001")
        proxy.rewrite = lambda reply: b"-" + error + b"\r\n"
        assert (await ask(store, limit)).remaining == 4
        assert not store.up
        assert store.blind.counts["local"] == 1
        proxy.rewrite = lambda reply: reply
        await until(lambda: store.up)
        assert (await ask(store, limit)).remaining == 3  # Redis had decided, although it did not say so


@pytest.mark.parametrize("latency", [0.015, 0.05])
async def test_RL_31_a_slow_redis_costs_its_own_latency_and_a_few_milliseconds(
    redis_server: RedisServer, latency: float
):
    """By the 99th percentile: 5 ms until a spare lane takes what waits, and 5 for the turns of the loop around it.

    The latency is what replies really took, by the proxy, so that a busy machine is no reason.
    """
    redis_server.hurry()
    async with proxied(redis_server, timeout=1.0) as (proxy, store), loaded(store) as load:
        proxy.delay = lambda: latency
        await load.some(0.2)
        load.waits.clear()
        proxy.took.clear()
        await load.some(1.0)
        assert store.blind.counts["local"] == 0
        assert latency <= min(proxy.took)
        assert load.percentile(99) < percentile(proxy.took, 99) + STUCK + 0.005


async def test_RL_31_one_reply_in_a_hundred_that_takes_half_a_second_holds_up_one_batch(redis_server: RedisServer):
    redis_server.hurry()
    async with proxied(redis_server) as (proxy, store), loaded(store) as load:
        replies = itertools.count(1)
        proxy.delay = lambda: 0.5 if next(replies) % 100 == 0 else 0.001
        await load.some(1.2)
        assert store.up
        assert load.longest() < TIMEOUT + SLACK
        held_up = load.waited_more_than(0.03)
        assert 0 < len(held_up) < 0.06 * len(load.waits)


async def test_RL_31_a_redis_slower_than_the_timeout_is_an_outage(redis_server: RedisServer):
    async with proxied(redis_server) as (proxy, store), loaded(store) as load:
        proxy.delay = lambda: 2 * TIMEOUT
        await until(lambda: not store.up)
        await load.some(0.2)
        assert load.longest() < TIMEOUT + SLACK


async def test_RL_32_ten_thousand_keys_leave_redis_and_the_gateway_remembers_none_of_them(redis_server: RedisServer):
    limit = rule(5, 5)
    async with store_at(redis_server.url) as store:
        for start in range(0, 10_000, 500):
            await all_of(*(ask(store, limit, f"key-{start + n}") for n in range(500)))
        assert not store._queue._pending
        assert len(store._denials._known) == 0
        await until(lambda: redis_server.client.dbsize() <= 1)


async def test_the_log_says_once_that_it_is_down_and_once_that_it_is_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "gateway.limit.redis")
    async with proxied(redis_server) as (proxy, store), loaded(store) as load:
        for _ in range(3):
            proxy.refuse()
            await load.some(0.2)
            await proxy.listen()
            await until(lambda: store.up, within=5)
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 2
        assert said[0].startswith("limiter store redis: ConnectionError")
        assert said[0].endswith("deciding by on_store_error until it answers")
        assert "answers again after" in said[1]


async def test_more_than_can_wait_is_decided_blind_at_once(redis_server: RedisServer):
    async with proxied(redis_server, timeout=0.3) as (proxy, store):
        proxy.stall()
        limit = rule(1_000_000, 1)
        works = [asyncio.ensure_future(ask(store, limit, f"key-{n}")) for n in range(20_000)]
        await asyncio.sleep(0)
        assert store.blind.counts["local"] > 0
        assert len(store._queue._pending) <= 66
        assert all(verdict.allowed for verdict in await all_of(*works))
        proxy.flow()
