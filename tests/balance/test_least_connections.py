"""Least connections: load per weight decides, turns among equals."""

import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.balance.base import Options
from gateway.balance.least_connections import LARGEST_SCAN, LeastConnections
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime


def upstreams_of(states: Sequence[tuple[int, int]]) -> list[Upstream]:
    upstreams = []
    for place, (weight, in_flight) in enumerate(states):
        upstream = Upstream(f"http://10.0.0.1:{8000 + place}", weight)
        upstream.in_flight = in_flight
        upstreams.append(upstream)
    return upstreams


def strategy_of(upstreams: Sequence[Upstream]) -> LeastConnections:
    return LeastConnections(upstreams, Runtime(rng=random.Random(1)), Options())


def load(upstream: Upstream) -> Fraction:
    return Fraction(upstream.in_flight + 1, upstream.weight)


@given(states=st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 10**6)), min_size=1, max_size=LARGEST_SCAN))
def test_least_load_by_weight_wins_exactly(states: list[tuple[int, int]], exchange: Exchange) -> None:
    upstreams = upstreams_of(states)
    if not any(upstream.in_flight for upstream in upstreams):
        upstreams[0].in_flight = 1
    picked = strategy_of(upstreams).pick(exchange)
    assert picked is not None
    assert load(picked) == min(map(load, upstreams))


def test_equally_busy_upstreams_take_turns(exchange: Exchange) -> None:
    upstreams = upstreams_of([(1, 3), (1, 3), (1, 3), (1, 9)])
    strategy = strategy_of(upstreams)
    shares = Counter(strategy.pick(exchange) for _ in range(400))
    assert set(shares) == set(upstreams[:3])
    assert min(shares.values()) >= 100


def test_requests_that_stay_are_spread_by_weight(exchange: Exchange) -> None:
    upstreams = upstreams_of([(4, 0), (2, 0), (1, 0)])
    strategy = strategy_of(upstreams)
    for _ in range(70):
        picked = strategy.pick(exchange)
        assert picked is not None
        picked.in_flight += 1
    assert [upstream.in_flight for upstream in upstreams] == [40, 20, 10]


def test_next_after_a_failure_is_not_always_the_same_one(exchange: Exchange) -> None:
    upstreams = upstreams_of([(1, 0)] * 4)
    strategy = strategy_of(upstreams)
    followers = Counter(strategy.pick(exchange, upstreams[:1]) for _ in range(40))
    assert set(followers) == set(upstreams[1:])


def test_beyond_a_full_scan_the_best_of_two_keeps_loads_close(exchange: Exchange) -> None:
    """10 requests each on 200 upstreams: one random choice would leave a maximum near 20, the best of two below 14."""
    upstreams = upstreams_of([(1, 0)] * 200)
    strategy = strategy_of(upstreams)
    for _ in range(2000):
        picked = strategy.pick(exchange)
        assert picked is not None
        picked.in_flight += 1
    assert max(upstream.in_flight for upstream in upstreams) < 14
