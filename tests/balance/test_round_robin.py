"""Round robin: the order of turns."""

import random
from itertools import pairwise

from gateway.balance.base import Options, turns
from gateway.balance.round_robin import RoundRobin
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime

A, B, C = (Upstream(f"http://{name}", weight) for name, weight in (("a", 4), ("b", 2), ("c", 2)))


def test_turns_are_spread_and_shortened_by_the_common_divisor() -> None:
    assert turns([A, B, C]) == [A, B, C, A]


def test_equal_weights_take_turns_in_the_order_of_the_configuration() -> None:
    assert turns([B, C]) == [B, C]


def test_large_cycle_never_leaves_an_upstream_waiting_longer_than_its_weight_allows() -> None:
    upstreams = [Upstream(f"http://10.0.0.{place}", weight) for place, weight in enumerate((50, 30, 20))]
    cycle = turns(upstreams) * 2
    for upstream in upstreams:
        places = [place for place, one in enumerate(cycle) if one is upstream]
        longest = max(after - before for before, after in pairwise(places))
        assert longest <= 2 * 100 / upstream.weight


def test_busy_upstreams_keep_their_turns(exchange: Exchange) -> None:
    strategy = RoundRobin([B, C], Runtime(rng=random.Random(1)), Options())
    first, second = strategy.pick(exchange), strategy.pick(exchange)
    assert first is not None
    first.in_flight = 1000
    assert [strategy.pick(exchange) for _ in range(4)] == [first, second] * 2
    first.in_flight = 0


def test_tried_upstream_loses_its_turn_to_the_next(exchange: Exchange) -> None:
    strategy = RoundRobin([A, B], Runtime(rng=random.Random(1)), Options())
    assert [strategy.pick(exchange, [A]) for _ in range(5)] == [B] * 5
