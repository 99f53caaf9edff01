"""Every algorithm and key that a configuration can name keeps the room's contract."""

from decimal import Decimal
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import VirtualClock, at_once, exchange, gaps

from gateway.config.load import load
from gateway.config.mistake import ConfigError
from gateway.config.tree import Config, RateLimit
from gateway.errors import RateLimited
from gateway.exchange import ANONYMOUS, UNLIMITED, Identity
from gateway.limit.base import NEVER, Algorithm, Limiter
from gateway.limit.key import KEYS
from gateway.limit.registry import ALGORITHMS, build
from gateway.limit.token_bucket import TokenBucket

algorithms = pytest.mark.parametrize("name", ALGORITHMS)
waits = st.lists(gaps, min_size=1, max_size=40)


def algorithm(name: str) -> Algorithm:
    return ALGORITHMS[name](RateLimit(algorithm=name, bucket_size=3, refill_rate="1/s"))


def config(**ratelimit: object) -> Config:
    upstreams = {"upstreams": [{"url": "http://127.0.0.1:1"}]}
    return Config.model_validate({"ratelimit": ratelimit, "services": {"llm": upstreams, "embed": upstreams}})


def passes(limiter: Limiter, service: str, subject: str = "alice") -> bool:
    try:
        at_once(limiter.permit(exchange(service=service), Identity(subject)))
    except RateLimited:
        return False
    return True


def test_the_registries_hold_what_the_configuration_offers():
    assert set(ALGORITHMS) == set(get_args(RateLimit.model_fields["algorithm"].annotation))
    assert set(KEYS) == set(get_args(RateLimit.model_fields["key"].annotation))


@algorithms
@given(waits=waits)
def test_a_state_is_integers_and_a_verdict_is_never_negative(name, waits):
    tested = algorithm(name)
    state, now = tested.fresh(0), 0
    for gap in waits:
        now += gap
        verdict, state = tested.take(state, now)
        assert all(type(part) is int for part in state)
        assert [type(number) for number in verdict] == [bool, int, int, int, int]
        assert 0 <= verdict.remaining <= tested.size
        assert 0 <= verdict.next_us <= verdict.reset_us == tested.reset_us(state, now)
        assert (verdict.retry_after_us == 0) == verdict.allowed


@algorithms
@given(waits=waits)
def test_a_state_may_be_forgotten_once_it_is_as_good_as_fresh(name, waits):
    tested = algorithm(name)
    state, now = tested.fresh(0), 0
    for gap in waits:
        now += gap
        _, state = tested.take(state, now)
    now += tested.reset_us(state, now)
    assert tested.reset_us(state, now) == 0
    assert tested.take(state, now)[0] == tested.take(tested.fresh(now), now)[0]


@algorithms
@given(waits=waits)
def test_a_refusal_only_moves_the_time_and_waiting_is_enough(name, waits):
    tested = algorithm(name)
    state, now = tested.fresh(0), 0
    for gap in waits:
        now += gap
        verdict, after = tested.take(state, now)
        if not verdict.allowed:
            assert tested.reset_us(after, now) == tested.reset_us(state, now)
            assert not tested.take(after, now + verdict.retry_after_us - 1)[0].allowed
            assert tested.take(after, now + verdict.retry_after_us)[0].allowed
        state = after


@algorithms
@given(one=waits, other=waits)
def test_the_worse_of_two_states_is_allowed_no_more_than_either(name, one, other):
    tested = algorithm(name)
    states, end = [], 0
    for waits in (one, other):
        state, now = tested.fresh(0), 0
        for gap in waits:
            now += gap
            _, state = tested.take(state, now)
        states.append(state)
        end = max(end, now)
    worse = tested.worse(*states, end)
    left = [tested.take(state, end)[0] for state in states]
    merged = tested.take(worse, end)[0]
    assert merged.allowed <= min(verdict.allowed for verdict in left)
    assert merged.reset_us >= max(verdict.reset_us for verdict in left if verdict.allowed == merged.allowed)


@algorithms
def test_a_cost_is_at_least_one_and_one_above_the_size_never_passes(name):
    tested = algorithm(name)
    with pytest.raises(ValueError, match="cost"):
        tested.take(tested.fresh(0), 0, 0)
    assert tested.take(tested.fresh(0), 0, tested.size + 1)[0].retry_after_us == NEVER


@algorithms
@given(back=st.integers(0, 10**10))
def test_a_clock_that_steps_back_delays_nobody_longer_than_a_reset(name, back):
    tested = algorithm(name)
    state, now = tested.fresh(10**11), 10**11
    while (verdict := tested.take(state, now))[0].allowed:
        state = verdict[1]
    refused, state = tested.take(state, now - back)
    assert not refused.allowed
    assert tested.take(state, now - back + refused.retry_after_us)[0].allowed


def test_all_services_share_one_bucket_for_each_caller():
    limiters = build(config(bucket_size=1), VirtualClock().runtime())
    assert sorted(limiters) == ["embed", "llm"]
    assert passes(limiters["llm"], "llm")
    assert not passes(limiters["embed"], "embed")
    assert passes(limiters["embed"], "embed", "bob")


def test_counted_by_service_each_service_has_a_bucket_for_all_callers():
    limiters = build(config(bucket_size=1, key="service"), VirtualClock().runtime())
    assert passes(limiters["llm"], "llm")
    assert not passes(limiters["llm"], "llm", "bob")
    assert passes(limiters["embed"], "embed", "bob")


def test_switched_off_everyone_passes_without_a_header():
    limiters = build(config(enabled=False, bucket_size=1), VirtualClock().runtime())
    for _ in range(3):
        assert at_once(limiters["llm"].permit(exchange(), ANONYMOUS)) is UNLIMITED


def test_the_rule_is_named_default():
    limiter = build(config(bucket_size=1), VirtualClock().runtime())["llm"]
    at_once(limiter.permit(exchange(), ANONYMOUS))
    with pytest.raises(RateLimited) as refused:
        at_once(limiter.permit(exchange(), ANONYMOUS))
    assert refused.value.rule == "default"


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 9), st.sampled_from(["/s", "/min", "/h"]))
def test_the_configuration_accepts_exactly_the_rates_that_a_bucket_can_keep(size, digits, places, unit):
    rate = Decimal(digits).scaleb(-places)
    variables = {"AUTH_TYPE": "none", "UPSTREAMS": "llm=http://127.0.0.1:1", "RATELIMIT_BUCKET_SIZE": str(size)}
    try:
        TokenBucket(size, Fraction(rate) / {"/s": 1, "/min": 60, "/h": 3600}[unit])
    except ValueError:
        with pytest.raises(ConfigError, match=r"ratelimit\.refill_rate"):
            load(None, {**variables, "RATELIMIT_REFILL_RATE": f"{rate:f}{unit}"})
    else:
        loaded = load(None, {**variables, "RATELIMIT_REFILL_RATE": f"{rate:f}{unit}"})
        assert passes(build(loaded, VirtualClock().runtime())["llm"], "llm")
