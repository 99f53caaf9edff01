"""The leaky bucket as meter and as queue, against the definition in fractions (RL-03)."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND, Reference, gaps, rates, sizes

from gateway.limit.algorithm import Verdict
from gateway.limit.leaky_bucket import LeakyBucket

pauses = st.lists(gaps, min_size=1, max_size=60)
delays = st.one_of(st.just(0), st.integers(0, 5 * SECOND), st.integers(0, 60 * SECOND))


def play(bucket: LeakyBucket, pauses: list[int]) -> list[tuple[int, Verdict]]:
    """(time, verdict) of each request."""
    state, now, played = bucket.fresh(0), 0, []
    for gap in pauses:
        now += gap
        verdict, state = bucket.take(state, now)
        played.append((now, verdict))
    return played


@given(sizes, rates, pauses)
def test_RL_03_the_meter_is_the_token_bucket_seen_from_below(size, rate, pauses):
    reference = Reference(size, rate)
    for now, verdict in play(LeakyBucket(size, rate), pauses):
        assert verdict.allowed == reference.take(now)
        assert verdict.remaining == math.floor(reference.credit)
        assert verdict.reset_us == reference.wait_us(size)
        assert verdict.next_us == reference.wait_us(min(size, verdict.remaining + 1))
        assert verdict.retry_after_us == (0 if verdict.allowed else reference.wait_us(1))
        assert verdict.delay_us == 0


@given(sizes, rates, pauses)
def test_RL_03_any_interval_admits_at_most_its_burst_and_rate(size, rate, pauses):
    passed = [now for now, verdict in play(LeakyBucket(size, rate), pauses) if verdict.allowed]
    for first, start in enumerate(passed):
        for count, end in enumerate(passed[first:], 1):
            assert count <= size + rate * Fraction(end - start, SECOND)


@given(sizes, rates, delays, pauses)
def test_RL_03_from_the_queue_requests_leave_in_order_and_apart(size, rate, max_delay, pauses):
    passed = [(now, verdict) for now, verdict in play(LeakyBucket(size, rate, max_delay), pauses) if verdict.allowed]
    leave = [now + verdict.delay_us for now, verdict in passed]
    for (before, after), (_, verdict) in zip(pairwise(leave), passed, strict=False):
        assert after - before > SECOND / rate - 1  # whole microseconds, rounded up
        assert verdict.delay_us <= max_delay
    for first, start in enumerate(leave):
        for count, end in enumerate(leave[first:], 1):
            assert count <= 1 + rate * Fraction(end - start + 1, SECOND)


@given(sizes, rates, delays, pauses)
def test_RL_03_the_queue_refuses_exactly_who_would_wait_too_long_or_behind_too_many(size, rate, max_delay, pauses):
    bucket, free_at = LeakyBucket(size, rate, max_delay), Fraction(0)
    for now, verdict in play(bucket, pauses):
        start = max(Fraction(now), free_at)  # the definition of the leaky bucket as a queue
        waiting = (start - now) * rate / SECOND
        assert verdict.allowed == (start - now <= max_delay and waiting <= size - 1)
        if verdict.allowed:
            assert verdict.delay_us == math.ceil(start - now)
            free_at = start + SECOND / rate


@given(sizes, rates, delays)
def test_the_size_of_a_queue_is_how_many_it_takes_at_once(size, rate, max_delay):
    bucket = LeakyBucket(size, rate, max_delay)
    taken = [verdict.allowed for _, verdict in play(bucket, [0] * (size + 1))]
    assert taken == [True] * bucket.size + [False] * (size + 1 - bucket.size)
    assert bucket.size == min(size, 1 + math.floor(rate * max_delay / SECOND))


@pytest.mark.parametrize(
    ("bucket", "shown"),
    [
        (LeakyBucket(5, "7/2"), "<LeakyBucket meter 5 - 7/2/s>"),
        (LeakyBucket(5, 10, SECOND // 10), "<LeakyBucket queue 2 - 10/s>"),
    ],
)
def test_it_shows_its_mode_size_and_rate(bucket, shown):
    assert repr(bucket) == shown
