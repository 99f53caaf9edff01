"""Smooth weighted round robin: nginx's order."""

from collections import Counter

from balance_parts import strategy_of, upstreams_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import Exchange


def test_order_is_that_of_nginx(exchange: Exchange) -> None:
    """http://nginx.org: 5, 1, 1 gives a a b a c a a, not a a a a a b c."""
    a, b, c = upstreams_of((5, 1, 1))
    strategy = strategy_of("weighted", [a, b, c], seed=3)  # begins with the first of equals
    assert [strategy.pick(exchange) for _ in range(14)] == [a, a, b, a, c, a, a] * 2


@given(weights=st.lists(st.integers(1, 30), min_size=1, max_size=12), seed=st.integers(0, 50))
def test_shares_are_exact_over_every_cycle(weights: list[int], seed: int, exchange: Exchange) -> None:
    upstreams = upstreams_of(weights)
    strategy = strategy_of("weighted", upstreams, seed)
    for _ in range(3):
        shares = Counter(strategy.pick(exchange) for _ in range(sum(weights)))
        assert [shares[upstream] for upstream in upstreams] == weights


def test_tried_upstream_loses_its_turn(exchange: Exchange) -> None:
    a, b = upstreams_of((9, 1))
    strategy = strategy_of("weighted", [a, b])
    assert [strategy.pick(exchange, [a]) for _ in range(3)] == [b] * 3
