"""The limiters of a configuration: which rules hold where, what becomes of them on a reload, what is shown."""

import itertools

import pytest
from driving import driven
from limit_reference import SECOND, VirtualClock, at_once, exchange
from redis_servers import RedisServer, free_port

from gateway.config.tree import Config
from gateway.errors import NoUpstream, RateLimited
from gateway.exchange import ANONYMOUS, UNLIMITED, Identity, Permit
from gateway.limit.base import Limiter
from gateway.limit.chosen import MOST
from gateway.limit.limits import Limits
from gateway.runtime import Runtime

ALICE = Identity("alice")


def config(*rules: dict[str, object], redis: str | None = None, **ratelimit: object) -> Config:
    upstreams = {"upstreams": [{"url": "http://127.0.0.1:1"}]}
    options = {**ratelimit, "rules": [{"name": f"rule-{n}", **rule} for n, rule in enumerate(rules)]}
    return Config.model_validate(
        {"redis": {"url": redis}, "ratelimit": options, "services": {"llm": upstreams, "embed": upstreams}}
    )


def limits(*rules: dict[str, object], **ratelimit: object) -> Limits:
    return Limits(config(*rules, **ratelimit), VirtualClock().runtime())


def permit(limiter: Limiter, service: str = "llm", identity: Identity = ALICE) -> Permit:
    return at_once(limiter.permit(exchange(service=service), identity))


def passes(limits: Limits, service: str = "llm", identity: Identity = ALICE) -> bool:
    try:
        permit(limits.limiters[service], service, identity)
    except RateLimited:
        return False
    return True


def how_many(limits: Limits, identity: Identity = ALICE) -> int:
    """How many requests pass at once."""
    return sum(1 for _ in itertools.takewhile(bool, (passes(limits, identity=identity) for _ in range(100))))


def test_all_services_share_one_bucket_for_each_caller():
    made = limits(bucket_size=1)
    assert sorted(made.limiters) == ["embed", "llm"]
    assert passes(made, "llm")
    assert not passes(made, "embed")
    assert passes(made, "embed", Identity("bob"))


def test_counted_by_service_each_service_has_a_bucket_for_all_callers():
    made = limits(bucket_size=1, key="service")
    assert passes(made, "llm")
    assert not passes(made, "llm", Identity("bob"))
    assert passes(made, "embed", Identity("bob"))


def test_switched_off_everyone_passes_without_a_header():
    made = limits(enabled=False, bucket_size=1)
    for _ in range(3):
        assert permit(made.limiters["llm"]) is UNLIMITED
    assert list(made.checks()) == []


def test_the_rule_without_a_list_is_named_default():
    made = limits(bucket_size=1)
    assert passes(made)
    with pytest.raises(RateLimited) as refused:
        permit(made.limiters["llm"])
    assert refused.value.rule == "default"


def test_a_rule_holds_for_the_services_it_names():
    made = limits({"bucket_size": 1, "services": ["llm"]}, {"bucket_size": 2, "services": ["llm"], "key": "service"})
    assert how_many(made) == 1
    assert passes(made, "llm", Identity("bob"))
    assert not passes(made, "llm", Identity("carol"))
    assert permit(made.limiters["embed"], "embed") is UNLIMITED


def test_a_request_that_one_rule_refuses_costs_the_others_nothing():
    made = limits({"bucket_size": 5, "refill_rate": "0.001"}, {"bucket_size": 3, "key": "service"})
    assert how_many(made, Identity("bob")) == 3
    for _ in range(10):
        assert not passes(made)
    headers = permit(Limits(config({"bucket_size": 5, "refill_rate": "0.001"}), made._runtime, made).limiters["llm"])
    assert b"X-RateLimit-Remaining: 4\r\n" in headers.headers


def test_a_shadow_rule_refuses_nobody_says_nothing_and_is_counted():
    made = limits({"bucket_size": 1, "shadow": True}, {"bucket_size": 9})
    assert how_many(made) == 9
    assert made.misses() == [(("rule-0",), 9)]  # the tenth was refused by the other, and would have been by the shadow
    assert b"rule-0" not in permit(made.limiters["llm"], identity=Identity("bob")).headers


def test_only_shadows_leave_replies_as_they_are():
    made = limits({"bucket_size": 1, "shadow": True})
    assert [permit(made.limiters["llm"]).headers for _ in range(3)] == [b"", b"", b""]


@pytest.mark.parametrize(
    ("rule", "claim", "size"),
    [
        ({"algorithm": "sliding_window", "bucket_size": 2}, 5, 5),
        ({"algorithm": "sliding_window", "bucket_size": 2}, "5", 5),
        ({"algorithm": "concurrency", "bucket_size": 2}, 3, 3),
        ({"algorithm": "sliding_window", "bucket_size": 2}, None, 2),
        ({"algorithm": "sliding_window", "bucket_size": 2}, "many", 2),
        ({"algorithm": "sliding_window", "bucket_size": 2}, 0, 2),
        ({"algorithm": "sliding_window", "bucket_size": 2}, True, 2),
        ({"algorithm": "sliding_window", "bucket_size": 2}, [5], 2),
        ({"algorithm": "sliding_window", "bucket_size": 2, "mode": "approximate", "window": "1h"}, 10**9, 2),
    ],
)
def test_a_claim_says_the_size_and_what_cannot_be_read_does_not(rule, claim, size):
    made = limits({**rule, "rate_from_claim": "plan"})
    identity = Identity("alice", claims={} if claim is None else {"plan": claim})
    held = [permit(made.limiters["llm"], identity=identity) for _ in range(size)]
    assert len(held) == size
    assert not passes(made, identity=identity)
    assert passes(made, identity=Identity("bob", claims=identity.claims))


@pytest.mark.parametrize(
    ("claim", "wait"), [("1/h", 3600), (0.5, 2), ("2/s", 1), ("0/s", 10), ("fast", 10), (None, 10)]
)
def test_a_claim_says_the_rate_of_a_bucket(claim, wait):
    made = limits({"bucket_size": 1, "refill_rate": "0.1", "rate_from_claim": "rate"}, {"bucket_size": 50})
    identity = Identity("alice", claims={"rate": claim})
    assert passes(made, identity=identity)
    with pytest.raises(RateLimited) as refused:
        permit(made.limiters["llm"], identity=identity)
    assert b"\r\nRetry-After: %d\r\n" % wait in refused.value.headers


def test_more_values_of_a_claim_than_are_remembered_count_by_the_rule_itself():
    made = limits({"bucket_size": 2, "rate_from_claim": "rate"})
    for number in range(MOST + 5):
        permit(made.limiters["llm"], identity=Identity(f"user-{number}", claims={"rate": 100 + number}))
    assert len(made._store._tables) == MOST + 1


def test_on_a_reload_what_has_not_changed_goes_on_counting():
    same, changed = {"bucket_size": 3, "rate_from_claim": "rate"}, {"bucket_size": 7, "services": ["embed"]}
    before = limits(same, changed)
    fast = Identity("fast", claims={"rate": 50})
    assert passes(before)
    assert passes(before, identity=fast)
    permit(before.limiters["embed"], "embed")
    after = Limits(config(same, {"bucket_size": 6, "services": ["embed"]}), before._runtime, before)
    before.close(after)
    assert how_many(after) == 1
    assert how_many(after, fast) == 2
    assert b'"rule-1";r=5' in permit(after.limiters["embed"], "embed", Identity("new")).headers
    assert len(after._store._tables) == 3  # the rule, what the claim made of it, and the changed one
    gone = Limits(config({"bucket_size": 1}), before._runtime, after)
    after.close(gone)
    assert len(gone._store._tables) == 0


def test_on_a_reload_slots_that_are_held_stay_held():
    rule = {"algorithm": "concurrency", "bucket_size": 1}
    before = limits(rule)
    held = permit(before.limiters["llm"])
    after = Limits(config(rule), before._runtime, before)
    before.close(after)
    assert not passes(after)
    held.settle(None)
    assert passes(after)


def test_memory_is_ready():
    assert list(limits().checks()) == [(True, "limiter store: memory")]
    assert limits().blind() == []


async def test_a_redis_that_is_down_makes_unready_only_where_requests_fail_for_it():
    url = f"redis://127.0.0.1:{free_port()}/0"
    for rules, good in (
        ([{"on_store_error": "open"}, {"on_store_error": "closed", "shadow": True}], True),
        ([{"on_store_error": "local"}, {"on_store_error": "closed"}], False),
    ):
        runtime = Runtime()
        made = Limits(config(*rules, redis=url), runtime)
        await made.start()
        assert [ready for ready, _ in made.checks()] == [good]
        assert all("down, deciding" in line for _, line in made.checks())
        if good:
            assert permit(made.limiters["llm"]).headers == b""
        else:
            with pytest.raises(NoUpstream):
                permit(made.limiters["llm"])
        assert dict(made.blind()) == {("local",): int(not good), ("open",): int(good), ("closed",): 1}
        made.close()
        await runtime.close()


async def test_on_a_reload_a_redis_that_has_not_changed_stays_connected(redis_server: RedisServer):
    runtime = Runtime()
    before = Limits(config({"bucket_size": 3, "refill_rate": "0.001"}, redis=redis_server.url), runtime)
    await before.start()
    await driven(before.limiters["llm"].permit(exchange(), ALICE))
    after = Limits(
        config({"bucket_size": 3, "refill_rate": "0.001"}, {"bucket_size": 2}, redis=redis_server.url), runtime, before
    )
    await after.start()
    before.close(after)
    given = await driven(after.limiters["llm"].permit(exchange(), ALICE))
    assert b'"rule-0";r=1' in given.headers
    assert list(after.checks()) == [(True, f"limiter store: redis 127.0.0.1:{redis_server.port} up")]
    elsewhere = Limits(config({"bucket_size": 3}), runtime, after)
    after.close(elsewhere)
    assert passes(elsewhere)
    await runtime.close()


def test_a_queue_in_memory_delays_in_order():
    made = limits({"algorithm": "leaky_bucket", "mode": "queue", "bucket_size": 5, "refill_rate": "10/s"})
    assert permit(made.limiters["llm"]).headers
    work = made.limiters["llm"].permit(exchange(), ANONYMOUS)
    assert at_once(work).headers  # another key
    verdict = made._store.decide([(next(made._rules()), "subject:alice")], [])[0]
    assert verdict.delay_us == SECOND // 10
