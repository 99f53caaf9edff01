"""Every algorithm and key that a configuration can name keeps the room's contract."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from limit_reference import SECOND, gaps

from gateway.config.limit_rules import MODES
from gateway.config.load import load
from gateway.config.mistake import ConfigError
from gateway.config.ratelimit import KEYS, NAMED_KEYS, Limit
from gateway.limit import key
from gateway.limit.algorithm import EXACT, NEVER, Algorithm
from gateway.limit.registry import ALGORITHMS, algorithm, rule_of
from gateway.limit.token_bucket import TokenBucket

kinds = pytest.mark.parametrize("kind", ALGORITHMS, ids=lambda kind: "-".join(filter(None, kind)))
timed = pytest.mark.parametrize(
    "kind", [kind for kind in ALGORITHMS if kind[0] != "concurrency"], ids=lambda kind: "-".join(filter(None, kind))
)
wait = st.one_of(gaps, st.integers(0, 400_000))
waits = st.lists(wait, min_size=1, max_size=40)
requests = st.lists(st.tuples(wait, st.integers(1, 3)), min_size=1, max_size=40)


def made(kind: tuple[str, str | None]) -> Algorithm:
    name, mode = kind
    return algorithm(Limit(algorithm=name, mode=mode, bucket_size=3, refill_rate="1/s", window="5s", max_delay="9s"))


def played(tested: Algorithm, requests: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], int]:
    """The state after requests, each of a pause and a cost, and the time."""
    state, now = tested.fresh(0), 0
    for gap, cost in requests:
        now += gap
        _, state = tested.take(state, now, cost)
    return state, now


def each(waits: list[int]) -> list[tuple[int, int]]:
    """Requests of one unit after these pauses."""
    return [(wait, 1) for wait in waits]


def test_the_registries_hold_what_the_configuration_offers():
    offered = {name: MODES.get(name, (None,)) for name in get_args(Limit.model_fields["algorithm"].annotation)}
    assert set(ALGORITHMS) == {(name, mode) for name, modes in offered.items() for mode in modes}
    assert set(key.KEYS) == set(KEYS)
    assert set(key.NAMED) == set(NAMED_KEYS)


@pytest.mark.parametrize(("name", "mode"), [("leaky_bucket", "meter"), ("sliding_window", "strict")])
def test_the_first_mode_is_the_default(name, mode):
    assert MODES[name][0] == mode
    assert algorithm(Limit(algorithm=name)).definition == algorithm(Limit(algorithm=name, mode=mode)).definition


@kinds
@given(requests=requests)
def test_a_state_is_integers_and_a_verdict_is_never_negative(kind, requests):
    tested = made(kind)
    state, now = tested.fresh(0), 0
    for gap, cost in requests:
        now += gap
        verdict, state = tested.take(state, now, cost)
        assert all(type(part) is int and abs(part) <= EXACT for part in state)
        assert [type(number) for number in verdict] == [bool, int, int, int, int, int]
        assert 0 <= verdict.remaining <= tested.size
        assert 0 <= verdict.next_us <= verdict.reset_us == tested.reset_us(state, now)
        assert (verdict.next_us == 0) == (verdict.remaining == tested.size)
        assert (verdict.retry_after_us == 0) == verdict.allowed
        assert verdict.delay_us >= 0


@timed
@given(requests=requests)
def test_one_more_unit_is_there_after_next_us_and_not_a_microsecond_earlier(kind, requests):
    tested = made(kind)
    state, now = played(tested, requests)
    verdict = tested.peek(state, now)
    assume(verdict.next_us)
    assert tested.peek(state, now + verdict.next_us - 1).remaining == verdict.remaining
    assert tested.peek(state, now + verdict.next_us).remaining > verdict.remaining


@kinds
@given(requests=requests)
def test_a_state_may_be_forgotten_once_it_is_as_good_as_fresh(kind, requests):
    tested = made(kind)
    state, now = played(tested, requests)
    if tested.holds:
        state = tested.fresh(0)  # once every request has ended
    now += tested.reset_us(state, now)
    assert tested.reset_us(state, now) == 0
    assert tested.take(state, now)[0] == tested.take(tested.fresh(now), now)[0]


@timed
@given(requests=requests)
def test_a_refusal_only_moves_the_time_and_waiting_is_enough(kind, requests):
    tested = made(kind)
    state, now = tested.fresh(0), 0
    for gap, cost in requests:
        now += gap
        verdict, after = tested.take(state, now, cost)
        if not verdict.allowed:
            assert tested.reset_us(after, now) == tested.reset_us(state, now)
            assert not tested.take(after, now + verdict.retry_after_us - 1, cost)[0].allowed
            assert tested.take(after, now + verdict.retry_after_us, cost)[0].allowed
        state = after


@kinds
@given(requests=requests)
def test_RL_06_refusals_change_nothing_for_those_who_come_later(kind, requests):
    tested = made(kind)
    state, without, now = tested.fresh(0), tested.fresh(0), 0
    for gap, cost in requests:
        now += gap
        verdict, state = tested.take(state, now, cost)
        if verdict.allowed:
            again, without = tested.take(without, now, cost)
            assert again == verdict


@kinds
@given(requests=requests)
def test_looking_takes_nothing(kind, requests):
    tested = made(kind)
    state, now = played(tested, requests)
    seen, then = tested.peek(state, now), tested.take(state, now)[0]
    assert (seen.allowed, seen.retry_after_us, seen.delay_us) == (then.allowed, then.retry_after_us, then.delay_us)
    assert seen.remaining == then.remaining + then.allowed


@kinds
@given(one=waits, other=waits, gap=gaps)
def test_the_worse_of_two_states_is_allowed_no_more_than_either(kind, one, other, gap):
    tested = made(kind)
    (first, until), (second, end) = played(tested, each(one)), played(tested, each(other))
    worse = tested.worse(first, second, max(until, end))
    now = max(until, end) + gap
    for cost in range(1, tested.size + 1):
        both = [tested.take(state, now, cost)[0].allowed for state in (first, second)]
        assert tested.take(worse, now, cost)[0].allowed <= min(both)


@kinds
def test_RL_07_a_cost_is_at_least_one_and_one_above_the_size_never_passes(kind):
    tested = made(kind)
    with pytest.raises(ValueError, match="cost"):
        tested.take(tested.fresh(0), 0, 0)
    assert tested.take(tested.fresh(0), 0, tested.size + 1)[0].retry_after_us == NEVER


@kinds
@given(waits=waits, cost=st.integers(1, 3))
def test_RL_07_a_cost_is_taken_whole_or_not_at_all(kind, waits, cost):
    tested = made(kind)
    state, now = played(tested, each(waits))
    before, (verdict, _) = tested.peek(state, now), tested.take(state, now, cost)
    assert verdict.allowed == (cost <= before.remaining)
    assert verdict.remaining == before.remaining - (cost if verdict.allowed else 0)


@timed
@given(back=st.integers(0, 10**10))
def test_RL_09_a_clock_that_steps_back_delays_nobody_longer_than_a_reset(kind, back):
    tested = made(kind)
    state, now = tested.fresh(10**11), 10**11
    while (verdict := tested.take(state, now))[0].allowed:
        state = verdict[1]
    refused, state = tested.take(state, now - back)
    assert not refused.allowed
    assert refused.retry_after_us <= refused.reset_us <= 10 * SECOND
    assert tested.take(state, now - back + refused.retry_after_us)[0].allowed


@kinds
@pytest.mark.parametrize("parts", [1, 2, 3, 100])
def test_a_share_is_never_more_than_its_part_but_at_least_one(kind, parts):
    whole = algorithm(
        Limit(algorithm=kind[0], mode=kind[1], bucket_size=60, refill_rate="10/s", window="5s", max_delay="9s")
    )
    share = whole.divided(parts)
    assert type(share) is type(whole)
    assert share.size == max(1, 60 // parts)
    if parts == 1:
        assert share.definition == whole.definition


@kinds
def test_every_rule_says_what_it_is(kind):
    assert repr(rule_of(Limit(algorithm=kind[0], mode=kind[1]))).startswith("<Rule default <")


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 9), st.sampled_from(["/s", "/min", "/h"]))
def test_the_configuration_accepts_exactly_the_rates_that_a_bucket_can_keep(size, digits, places, unit):
    rate = Decimal(digits).scaleb(-places)
    variables = {"AUTH_TYPE": "none", "UPSTREAMS": "llm=http://127.0.0.1:1", "RATELIMIT_BUCKET_SIZE": str(size)}
    variables["RATELIMIT_REFILL_RATE"] = f"{rate:f}{unit}"
    try:
        TokenBucket(size, Fraction(rate) / {"/s": 1, "/min": 60, "/h": 3600}[unit])
    except ValueError:
        with pytest.raises(ConfigError, match=r"ratelimit\.refill_rate"):
            load(None, variables)
    else:
        assert algorithm(load(None, variables).ratelimit).size == size
