"""What every strategy promises, whatever it is called."""

from collections import Counter

import pytest
from balance_parts import new_exchange, strategy_of, upstreams_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.balance.registry import STRATEGIES
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange

DRAWS_LOTS = {"p2c_ewma", "consistent_hash"}
every_strategy = pytest.mark.parametrize("name", STRATEGIES)


@every_strategy
@given(
    states=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), min_size=1, max_size=80),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_never_picks_a_tried_one_and_gives_up_only_when_all_are(
    name: str, states: list[tuple[int, int]], seed: int, data: st.DataObject, exchange: Exchange
) -> None:
    upstreams = upstreams_of([weight for weight, _ in states])
    for upstream, (_, in_flight) in zip(upstreams, states, strict=True):
        upstream.in_flight = in_flight
    strategy = strategy_of(name, upstreams, seed)
    tried = data.draw(st.lists(st.sampled_from(upstreams), unique=True))
    for _ in range(3):
        picked = strategy.pick(exchange, tried)
        if picked is None:
            assert len(tried) == len(upstreams)
        else:
            assert picked in upstreams
            assert picked not in tried


@every_strategy
@pytest.mark.parametrize("number", [1, 2, 5, 70])
def test_those_who_failed_are_passed_by_until_all_have(name: str, number: int, exchange: Exchange) -> None:
    upstreams = upstreams_of([1] * number)
    strategy = strategy_of(name, upstreams)
    tried: list[Upstream] = []
    while (following := strategy.pick(exchange, tried)) is not None:
        tried.append(following)
    assert len(tried) == len(upstreams) == len(set(tried))


@pytest.mark.parametrize("name", sorted(STRATEGIES.keys() - DRAWS_LOTS))
@pytest.mark.parametrize("weights", [(1,), (1, 1, 1, 1), (2, 1), (6, 2, 4), (3, 5, 7, 1)])
def test_share_of_idle_upstreams_equals_weight(name: str, weights: tuple[int, ...], exchange: Exchange) -> None:
    upstreams = upstreams_of(weights)
    strategy = strategy_of(name, upstreams)
    shares = Counter(strategy.pick(exchange) for _ in range(10 * sum(weights)))
    assert {upstream: shares[upstream] for upstream in upstreams} == {
        upstream: 10 * upstream.weight for upstream in upstreams
    }


@every_strategy
def test_share_of_many_idle_upstreams_follows_weight(name: str) -> None:
    """Beyond full scans a strategy may draw lots: 100 upstreams, half of them of weight 3, have 3 picks of 4."""
    upstreams = upstreams_of([1, 3] * 50)
    strategy = strategy_of(name, upstreams)
    picks = 20_000
    callers = (new_exchange(f"caller {number}") for number in range(picks))
    heavy = sum(picked.weight == 3 for caller in callers if (picked := strategy.pick(caller)) is not None)
    assert 0.73 < heavy / picks < 0.77


@every_strategy
@given(
    before=st.sets(st.integers(0, 60), max_size=60),
    after=st.sets(st.integers(0, 60), max_size=60),
    seed=st.integers(0, 100),
)
def test_chooses_among_those_it_was_last_told_to_use(
    name: str, before: set[int], after: set[int], seed: int, exchange: Exchange
) -> None:
    upstreams = upstreams_of([1 + place % 3 for place in range(61)])
    strategy = strategy_of(name, [upstreams[place] for place in sorted(before)], seed)
    strategy.pick(exchange)
    left = [upstreams[place] for place in sorted(after)]
    strategy.use(left)
    picked = [strategy.pick(exchange) for _ in range(5)]
    assert all(one in left for one in picked) if left else picked == [None] * 5


@every_strategy
def test_single_upstream_is_always_picked(name: str, exchange: Exchange) -> None:
    [only] = upstreams_of([7])
    strategy = strategy_of(name, [only])
    only.in_flight = 100
    assert [strategy.pick(exchange) for _ in range(3)] == [only] * 3
    assert strategy.pick(exchange, [only]) is None


@every_strategy
def test_no_upstreams_at_all_is_none(name: str, exchange: Exchange) -> None:
    strategy = strategy_of(name, [])
    assert strategy.pick(exchange) is None


@pytest.mark.parametrize("name", sorted(STRATEGIES.keys() - {"consistent_hash"}))
def test_gateways_do_not_start_with_the_same_upstream(name: str, exchange: Exchange) -> None:
    upstreams = upstreams_of([1] * 8)
    firsts = {strategy_of(name, upstreams, seed).pick(exchange) for seed in range(50)}
    assert len(firsts) > 4


def test_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"strategy: 'fastest' is not one of adaptive, .*round_robin"):
        strategy_of("fastest", upstreams_of([1]))
