"""The store in Redis: how checks travel, what is written, and what callers who leave do to the others."""

import asyncio
import random

import pytest
from driving import Driven, all_of, ask, decided, driven, limited, permitted, store_at
from limit_reference import SECOND, exchange, rule
from redis_servers import RedisServer
from waiting import until

from gateway.errors import ClientLeft, RateLimited
from gateway.exchange import ANONYMOUS
from gateway.limit.approximate_window import ApproximateWindow
from gateway.limit.base import SPACE, Rule, Slots
from gateway.limit.concurrency import Concurrency
from gateway.limit.leaky_bucket import LeakyBucket
from gateway.limit.sliding_window import SlidingWindow
from gateway.limit.token_bucket import TokenBucket
from gateway.runtime import Runtime


def of(algorithm, name: str = "default", **options) -> Rule:
    return Rule(name, algorithm, lambda exchange, identity: identity.subject, **options)


def calls(server: RedisServer, command: str) -> int:
    """How often `command` ran, also inside scripts."""
    return server.client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0)


def keys(server: RedisServer) -> list[str]:
    return [key for key in server.client.keys("*") if not key.endswith("replicas")]


async def test_checks_that_come_together_travel_in_one_call_and_are_decided_in_order(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        redis_server.client.config_resetstat()
        verdicts = await all_of(*(ask(store, rule(5, 1)) for _ in range(8)))
        assert [verdict.allowed for verdict in verdicts] == [True] * 5 + [False] * 3
        assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0, 0, 0]
        assert calls(redis_server, "evalsha") == 1
        assert calls(redis_server, "set") == 1


async def test_each_changed_key_is_written_once_and_refusals_write_nothing(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limit = rule(2, 1)
        redis_server.client.config_resetstat()
        await all_of(*(ask(store, limit, key) for key in "abcabcabc"))
        assert calls(redis_server, "set") == 3
        await all_of(*(ask(store, rule(2, 1), key) for key in "abc"))
        assert calls(redis_server, "set") == 3


async def test_what_comes_while_the_lanes_are_busy_waits_for_the_next_batch(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limit = rule(10_000, 1)
        redis_server.client.config_resetstat()

        async def caller() -> None:
            for _ in range(50):
                await ask(store, limit)

        await all_of(*(caller() for _ in range(64)))
        assert (await ask(store, limit)).remaining in range(10_000 - 64 * 50 - 1, 10_000 - 64 * 50 + 60)
        assert calls(redis_server, "evalsha") < 64 * 50 / 10


async def test_merging_changes_no_verdict_where_another_check_comes_between(redis_server: RedisServer):
    wide, narrow = rule(9, 1, name="wide"), rule(2, 1, name="narrow")
    async with store_at(redis_server.url) as store:
        asked = [[(wide, "a"), (narrow, "all")], [(wide, "b"), (narrow, "all")], [(wide, "a"), (narrow, "all")]]
        told = await all_of(*(driven(decided(store, checks)) for checks in asked))
        assert [all(verdict.allowed for verdict in verdicts) for verdicts in told] == [True, True, False]
        assert (await ask(store, wide, "a")).remaining == 7  # the third one burnt nothing


async def test_more_checks_than_one_script_may_take_go_in_several(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limit = rule(1, 1)
        redis_server.client.config_resetstat()
        verdicts = await all_of(*(ask(store, limit, f"key-{n}") for n in range(1000)))
        assert all(verdict.allowed for verdict in verdicts)
        assert calls(redis_server, "evalsha") == 4
        assert len(keys(redis_server)) == 1000


async def test_a_thousand_slots_of_one_key_are_taken_in_one_call(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limit = of(Concurrency(5000))
        verdicts = await all_of(*(ask(store, limit) for _ in range(3000)))
        assert verdicts[-1].remaining == 2000
        assert redis_server.client.zcard(limit.scope + "a") == 3000


async def test_RL_25_a_script_that_redis_forgot_is_sent_again(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limit = rule(100, 1)
        for left in range(99, 89, -1):
            redis_server.client.script_flush()
            assert (await ask(store, limit)).remaining == left
        assert store.blind.counts["local"] == 0


@pytest.mark.parametrize(
    "algorithm",
    [
        TokenBucket(20, 3),
        TokenBucket(5, "0.1"),
        LeakyBucket(20, 3),
        LeakyBucket(20, 3, SECOND),
        SlidingWindow(20, SECOND),
        SlidingWindow(20, 50 * SECOND, log=True),
        ApproximateWindow(20, 2 * SECOND),
    ],
    ids=repr,
)
async def test_RL_12_every_key_leaves_when_it_is_as_good_as_never_seen(redis_server: RedisServer, algorithm):
    rng = random.Random(1)
    async with store_at(redis_server.url) as store:
        for _ in range(30):
            limit, key = of(algorithm), rng.choice("abc")
            verdict = await ask(store, limit, key)
            ttl = redis_server.client.pttl(limit.scope + key) * 1000
            if verdict.allowed:
                assert verdict.reset_us - 100_000 <= ttl <= verdict.reset_us + 2000 <= 2 * verdict.reset_us
            assert ttl > 0


async def test_RL_12_no_key_is_left_after_a_while_of_silence(redis_server: RedisServer):
    rules = [
        of(algorithm, str(index))
        for index, algorithm in enumerate(
            [TokenBucket(5, 50), LeakyBucket(5, 50), SlidingWindow(5, 100_000), ApproximateWindow(5, 50_000)]
        )
    ]
    async with store_at(redis_server.url) as store:
        redis_server.client.config_resetstat()
        slots: Slots = []
        rules.append(of(Concurrency(5), "held"))
        await all_of(*(driven(decided(store, [(each, key) for each in rules], slots)) for key in "abc"))
        assert (calls(redis_server, "set"), calls(redis_server, "zadd")) == (12, 3)
        store.release(slots)
        await until(lambda: keys(redis_server) == [])


async def test_a_state_that_is_none_of_ours_counts_as_never_seen(redis_server: RedisServer):
    limits = [of(TokenBucket(5, 1)), of(SlidingWindow(5, SECOND)), of(ApproximateWindow(5, SECOND))]
    async with store_at(redis_server.url) as store:
        for limit in limits:
            for nonsense in ("", "x", "1", "1 2 3", "1e5 2", "- -", "99999999999999999999 1", "5 5 5 5 5 five"):
                redis_server.client.set(limit.scope + "a", nonsense)
                assert (await ask(store, limit)).remaining == 4, nonsense
            redis_server.client.delete(limit.scope + "a")
            redis_server.client.lpush(limit.scope + "a", "of another type")
            assert (await ask(store, limit)).remaining == 4
        assert store.malformed == 3 * 8


async def test_callers_that_leave_never_shift_the_answers_of_others(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        sizes = range(1, 101)
        requests = [Driven(decided(store, [(rule(size, 1, name=str(size)), "a")])) for size in sizes]
        for request in requests[::2]:
            request.interrupt(ClientLeft())
        for size, request in zip(sizes, requests, strict=True):
            if request in requests[::2]:
                with pytest.raises(ClientLeft):
                    await request.result
            else:
                assert (await request.result)[0].remaining == size - 1


async def test_the_slot_of_a_caller_that_left_while_it_was_asked_for_is_free_again(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limit = of(Concurrency(1))
        redis_server.client.config_resetstat()
        leaving = Driven(decided(store, [(limit, "a")]))
        leaving.interrupt(ClientLeft())
        with pytest.raises(ClientLeft):
            await leaving.result
        await until(lambda: calls(redis_server, "zrem") and not redis_server.client.exists(limit.scope + "a"))
        assert (await ask(store, limit)).allowed
        assert store.leases.count(limit.scope + "a") == 1


async def test_a_slot_is_held_until_the_permit_is_settled_and_settling_twice_frees_one(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limiter = limited(store, of(Concurrency(2)))
        first, second = await permitted(limiter), await permitted(limiter)
        assert (
            b'RateLimit-Policy: "default";q=2;qu="concurrent-requests"\r\nRateLimit: "default";r=0\r\n'
            in second.headers
        )
        with pytest.raises(RateLimited) as refused:
            await permitted(limiter)
        assert b"\r\nRetry-After: 1\r\n" in refused.value.headers
        first.settle(None)
        first.settle(None)
        assert (await permitted(limiter)).headers
        with pytest.raises(RateLimited):
            await permitted(limiter)


async def test_a_held_slot_outlives_its_lease_and_one_of_a_dead_gateway_does_not(redis_server: RedisServer):
    limit = of(Concurrency(2, lease_us=300_000))
    async with store_at(redis_server.url, renew_every=0.1) as living:
        assert (await ask(living, limit)).allowed
        async with store_at(redis_server.url, renew_every=0.1) as dead:
            assert (await ask(dead, limit)).allowed
            assert not (await ask(living, limit)).allowed
        # It is gone without a word; its slot is back after the lease, that of the living stays.
        started = asyncio.get_running_loop().time()
        while not (await ask(living, limit)).allowed:
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - started < 0.5
        await asyncio.sleep(1.0)  # three leases
        assert not (await ask(living, limit)).allowed
        assert redis_server.client.zcard(limit.scope + "a") == 2


async def test_a_slot_that_redis_lost_is_registered_again(redis_server: RedisServer):
    limit = of(Concurrency(1))
    async with store_at(redis_server.url, renew_every=0.05) as store:
        await ask(store, limit)
        redis_server.client.flushall()
        await until(lambda: redis_server.client.zcard(limit.scope + "a") == 1)
        assert not (await ask(store, limit)).allowed


async def test_replicas_know_how_many_they_are(redis_server: RedisServer):
    async with store_at(redis_server.url) as one, store_at(redis_server.url) as other:
        assert other.blind.replicas == 2
        one._announce()
        await until(lambda: one.blind.replicas == 2)
        assert redis_server.client.pttl(SPACE + "replicas") > 10_000


async def test_a_known_refusal_asks_redis_nothing_until_the_request_could_pass(redis_server: RedisServer):
    limit = rule(1, 10)
    async with store_at(redis_server.url) as store:
        await ask(store, limit)
        first = await ask(store, limit)
        redis_server.client.config_resetstat()
        loop = asyncio.get_running_loop()
        asked_at, waits = loop.time(), []
        while not (verdict := await ask(store, limit)).allowed:
            waits.append(verdict.retry_after_us)
            await asyncio.sleep(0)
        took = (loop.time() - asked_at) * SECOND
        assert waits[0] > waits[len(waits) // 2] > waits[-1]
        assert 0 < waits[-1] < waits[0] <= first.retry_after_us <= 100_000
        assert len(waits) > 20
        assert took >= waits[0] - 5000
        assert calls(redis_server, "evalsha") <= 3


async def test_a_reset_by_an_operator_is_seen_within_a_quarter_of_a_second(redis_server: RedisServer):
    limit = rule(1, "0.01")
    async with store_at(redis_server.url) as store:
        await ask(store, limit)
        assert not (await ask(store, limit)).allowed
        redis_server.client.delete(limit.scope + "a")
        assert not (await ask(store, limit)).allowed  # known to refuse
        started = asyncio.get_running_loop().time()
        while not (await ask(store, limit)).allowed:
            await asyncio.sleep(0.005)
        assert asyncio.get_running_loop().time() - started < 0.35


async def test_a_queue_lets_requests_go_on_in_order_and_apart(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        limiter = limited(store, of(LeakyBucket(100, 50, 200_000)))
        loop, went = asyncio.get_running_loop(), []

        async def request(number: int) -> bool:
            try:
                await permitted(limiter)
            except RateLimited:
                return False
            went.append((number, loop.time()))
            return True

        passed = await all_of(*(request(number) for number in range(20)))
        assert passed == [True] * 11 + [False] * 9  # at once, and ten within 200 ms
        assert [number for number, _ in went] == list(range(11))
        assert went[-1][1] - went[0][1] >= 0.195


async def test_a_client_that_leaves_the_queue_gives_back_what_it_holds(redis_server: RedisServer):
    async with store_at(redis_server.url) as store:
        slow, held = of(LeakyBucket(10, 1, 5 * SECOND), "slow"), of(Concurrency(5), "held")
        limiter = limited(store, slow, held)
        await permitted(limiter)
        waiting = Driven(limiter.permit(exchange(), ANONYMOUS))
        await until(lambda: len(limiter._line) == 1)
        assert redis_server.client.zcard(held.scope) == 2
        waiting.interrupt(ClientLeft())
        with pytest.raises(ClientLeft):
            await waiting.result
        await until(lambda: redis_server.client.zcard(held.scope) == 1)


async def test_a_shadow_rule_counts_and_refuses_nobody(redis_server: RedisServer):
    shadow, real = of(TokenBucket(1, "0.01"), "shadow", shadow=True), of(TokenBucket(3, "0.01"), "real")
    async with store_at(redis_server.url, Runtime()) as store:
        told = await all_of(*(driven(decided(store, [(shadow, "a"), (real, "a")])) for _ in range(4)))
        assert [[verdict.allowed for verdict in verdicts] for verdicts in told] == [
            [True, True],
            [False, True],
            [False, True],
            [False, False],
        ]
