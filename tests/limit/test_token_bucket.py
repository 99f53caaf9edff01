"""The integer token bucket against the definition in fractions (pack RL)."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from limit_reference import SECOND, Reference, gaps, rates, sizes

from gateway.limit.algorithm import EXACT, NEVER, State, Verdict
from gateway.limit.token_bucket import TokenBucket

schedules = st.lists(st.tuples(gaps, st.integers(1, 5)), min_size=1, max_size=40)


def play(bucket: TokenBucket, schedule: list[tuple[int, int]]) -> list[tuple[int, int, Verdict]]:
    """(time, cost, verdict) of each request, `schedule` being gaps and costs."""
    state, now, played = bucket.fresh(0), 0, []
    for gap, cost in schedule:
        now += gap
        verdict, state = bucket.take(state, now, cost)
        played.append((now, cost, verdict))
    return played


def passed(played: list[tuple[int, int, Verdict]]) -> list[tuple[int, int]]:
    return [(now, cost) for now, cost, verdict in played if verdict.allowed]


@given(sizes, rates, schedules)
def test_RL_01_any_interval_admits_at_most_its_burst_and_rate(size, rate, schedule):
    admitted = passed(play(TokenBucket(size, rate), schedule))
    for first, (start, _) in enumerate(admitted):
        units = 0
        for end, cost in admitted[first:]:
            units += cost
            assert units <= size + rate * Fraction(end - start, SECOND)


@given(sizes, rates, schedules)
def test_RL_01_every_number_equals_the_definition_in_fractions(size, rate, schedule):
    reference = Reference(size, rate)
    for now, cost, verdict in play(TokenBucket(size, rate), schedule):
        assert verdict.allowed == reference.take(now, cost)
        assert verdict.remaining == math.floor(reference.credit)
        assert verdict.reset_us == reference.wait_us(size)
        assert verdict.next_us == reference.wait_us(min(size, verdict.remaining + 1))
        if verdict.allowed:
            assert verdict.retry_after_us == 0
        else:
            assert verdict.retry_after_us == (reference.wait_us(cost) if cost <= size else NEVER)


@given(sizes, rates, schedules)
def test_RL_02_after_filling_up_exactly_the_size_passes(size, rate, schedule):
    bucket = TokenBucket(size, rate)
    state, now = bucket.fresh(0), 0
    for gap, cost in schedule:
        now += gap
        _, state = bucket.take(state, now, cost)
    now += bucket.fill_us
    allowed = []
    for _ in range(size + 1):
        verdict, state = bucket.take(state, now)
        allowed.append(verdict.allowed)
    assert allowed == [True] * size + [False]


@given(sizes, rates, schedules, st.integers(1, 5))
def test_RL_02_a_refused_request_passes_after_retry_after_and_not_a_microsecond_earlier(size, rate, schedule, cost):
    assume(cost <= size)
    bucket = TokenBucket(size, rate)
    state, now = bucket.fresh(0), 0
    for gap, spent in [*schedule, *[(0, 1)] * size]:
        now += gap
        _, state = bucket.take(state, now, spent)
    refused, state = bucket.take(state, now, cost)
    assert not refused.allowed
    early, _ = bucket.take(state, now + refused.retry_after_us - 1, cost)
    assert not early.allowed
    in_time, _ = bucket.take(state, now + refused.retry_after_us, cost)
    assert in_time.allowed


@given(sizes, rates, schedules)
def test_RL_06_refusals_change_nothing_for_those_who_come_later(size, rate, schedule):
    bucket = TokenBucket(size, rate)
    played = play(bucket, schedule)
    state = bucket.fresh(0)
    for now, cost, verdict in played:
        if verdict.allowed:
            without, state = bucket.take(state, now, cost)
            assert without == verdict


@given(sizes, rates, gaps, st.integers(1, 50))
def test_RL_07_a_cost_is_taken_whole_or_not_at_all(size, rate, gap, cost):
    bucket = TokenBucket(size, rate)
    _, state = bucket.take(bucket.fresh(0), 0)
    before, _ = bucket.take(state, gap)
    verdict, after = bucket.take(state, gap, cost)
    left = before.remaining + before.allowed  # what there was
    assert verdict.allowed == (cost <= left)
    assert verdict.remaining == (left - cost if verdict.allowed else left)
    assert bucket.reset_us(after, gap) == verdict.reset_us


def test_RL_07_a_cost_above_the_size_is_refused_for_ever_and_says_so():
    bucket = TokenBucket(5, 1)
    verdict, state = bucket.take(bucket.fresh(0), 0, 6)
    assert verdict == Verdict(allowed=False, remaining=5, next_us=0, reset_us=0, retry_after_us=NEVER)
    assert state == bucket.fresh(0)


@pytest.mark.parametrize("cost", [0, -1])
def test_RL_07_a_cost_below_one_is_impossible(cost):
    bucket = TokenBucket(5, 1)
    with pytest.raises(ValueError, match=f"cost {cost}: must be at least 1"):
        bucket.take(bucket.fresh(0), 0, cost)


steps = st.integers(-3600 * SECOND, 3600 * SECOND)


@given(sizes, rates, schedules, schedules, steps)
def test_RL_09_a_step_of_the_clock_admits_at_most_one_more_burst(size, rate, before, after, step):
    bucket = TokenBucket(size, rate)
    state, now, shown = bucket.fresh(0), 0, 0
    admitted = []
    for index, (gap, cost) in enumerate([*before, *after]):
        now += gap
        shown = now + (step if index >= len(before) else 0)
        verdict, state = bucket.take(state, shown, cost)
        if verdict.allowed:
            admitted.append((now, cost))
    for first, (start, _) in enumerate(admitted):
        units = 0
        for end, cost in admitted[first:]:
            units += cost
            assert units <= size + size + rate * Fraction(end - start, SECOND)


@given(sizes, rates, schedules, steps)
def test_RL_09_a_step_of_the_clock_delays_nobody_longer_than_a_bucket_takes_to_fill(size, rate, before, step):
    bucket = TokenBucket(size, rate)
    state, now = bucket.fresh(0), 0
    for gap, cost in before:
        now += gap
        _, state = bucket.take(state, now, cost)
    now += step
    verdict, state = bucket.take(state, now, size)
    assert verdict.retry_after_us <= bucket.fill_us
    if not verdict.allowed:
        again, _ = bucket.take(state, now + verdict.retry_after_us, size)
        assert again.allowed


@given(sizes, rates, schedules, st.integers(1, 3600 * SECOND))
def test_RL_09_time_that_runs_backwards_brings_no_credit(size, rate, before, back):
    bucket = TokenBucket(size, rate)
    state, now = bucket.fresh(0), 0
    for gap, cost in before:
        now += gap
        last, state = bucket.take(state, now, cost)
    again, _ = bucket.take(state, now - back)
    assert again.remaining + again.allowed == last.remaining


def in_doubles(bucket: TokenBucket, state: tuple[float, float], now: float, cost: float) -> tuple[list[float], State]:
    """`take` in IEEE doubles with floor as the only function, as a Lua script computes it."""
    full, gain, price, fill = float(bucket.full), float(bucket.gain), float(bucket.price), float(bucket.fill_us)
    credit, at = state
    elapsed = now - at
    if elapsed >= fill:
        credit = full
    elif elapsed > 0:
        credit = min(full, credit + elapsed * gain)
    need = cost * price
    allowed = credit >= need
    retry = 0.0
    if allowed:
        credit -= need
    else:
        retry = -math.floor((credit - need) / gain) if cost <= bucket.size else -1.0
    missing = full - credit
    coming = -math.floor((math.fmod(credit, price) - price) / gain) if missing > 0 else 0.0
    numbers = [float(allowed), math.floor(credit / price), coming, -math.floor(-missing / gain), retry, 0.0]
    return numbers, (credit, now)


wide_rates = st.builds(Fraction, st.integers(1, 10**9), st.integers(1, 10**6))
epoch = 1_800_000_000 * SECOND


@given(st.integers(1, 10**9), wide_rates, st.lists(st.tuples(st.integers(0, 10**15), st.integers(1, 10**9))))
@example(EXACT // SECOND - 1, Fraction(1), [(0, EXACT // SECOND - 1), (1, 1), (SECOND - 1, 1)])
@example(1, Fraction(SECOND) * (EXACT - 1), [(0, 1), (0, 1), (1, 1)])
def test_the_same_lines_in_doubles_give_the_same_bits(size, rate, schedule):
    try:
        bucket = TokenBucket(size, rate)
    except ValueError:
        assume(False)
    state, doubles, now = bucket.fresh(epoch), tuple(map(float, bucket.fresh(epoch))), epoch
    for gap, cost in schedule:
        now += gap % min(2 * bucket.fill_us, 10**13)  # a time beyond 2^53 us is 285 years ahead
        verdict, state = bucket.take(state, now, min(cost, size))
        numbers, doubles = in_doubles(bucket, doubles, float(now), float(min(cost, size)))
        assert list(map(int, verdict)) == numbers
        assert state == doubles


@given(sizes, rates, schedules, schedules, gaps)
def test_the_worse_of_two_states_allows_only_what_both_allow(size, rate, one, other, gap):
    bucket = TokenBucket(size, rate)
    states = []
    for schedule in (one, other):
        state, now = bucket.fresh(0), 0
        for pause, cost in schedule:
            now += pause
            _, state = bucket.take(state, now, cost)
        states.append(state)
    later = 10**12
    worse = bucket.worse(*states, later)
    for cost in range(1, size + 1):
        both = [bucket.take(state, later + gap, cost)[0].allowed for state in states]
        assert bucket.take(worse, later + gap, cost)[0].allowed == all(both)


@pytest.mark.parametrize("rate", [0.1, "0.1", Decimal("0.1"), Fraction(1, 10), "1/10"])
def test_a_rate_means_its_decimal_face_value(rate):
    bucket = TokenBucket(3, rate)
    assert (bucket.gain, bucket.price) == (1, 10 * SECOND)
    assert repr(bucket) == "<TokenBucket 3 + 1/10/s>"


@pytest.mark.parametrize(("size", "rate", "window"), [(100, 10, 10), (10, 3, 4), (10, 10, 1), (10, 100, 0)])
def test_the_window_is_the_seconds_that_a_bucket_takes_to_fill(size, rate, window):
    assert TokenBucket(size, rate).window == window


@pytest.mark.parametrize(
    ("size", "rate", "said"),
    [
        (0, 1, "bucket_size 0: must be a whole number from 1"),
        (10**15, 10**9, "bucket_size 1000000000000000: must be"),
        (EXACT // SECOND + 1, 1, "refill_rate 1: cannot be kept exactly beside bucket_size 9007199255"),
        (1, 0, "refill_rate 0: must be"),
        (1, -1, "refill_rate -1: must be"),
        (1, math.inf, "refill_rate inf: must be"),
        (1, math.nan, "refill_rate nan: must be"),
        (1, "1/0", "refill_rate 1/0: must be"),
        (1, "fast", "refill_rate fast: must be"),
        (100, "0.33333333333", "refill_rate 0.33333333333: cannot be kept exactly beside bucket_size 100"),
    ],
)
def test_what_is_out_of_range_is_named(size, rate, said):
    with pytest.raises(ValueError, match=said):
        TokenBucket(size, rate)
