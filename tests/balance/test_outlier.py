"""Ejection: how often, how long, how many at once; and rests."""

import pytest
from balance_parts import upstreams_of
from fakes import HandRuntime

from gateway.balance.outlier import FIRST_REST, JITTER, LONGEST_REST, LONGEST_UNASKED, MOST_EJECTIONS, Outlier
from gateway.balance.upstream import Upstream
from gateway.config.service import Outlier as Options

NOW = 1000.0


def outlier(**keys: object) -> Outlier:
    rules = Outlier(HandRuntime())
    rules.options = Options.model_validate({"consecutive_failures": 2, "ejection": 10, "max_ejected": 1, **keys})
    return rules


def eject(rules: Outlier, upstream: Upstream, now: float) -> float:
    while not (seconds := rules.judge(upstream, [upstream], now)):
        pass
    return seconds


def test_each_ejection_in_a_row_is_longer_up_to_ten_times_the_first() -> None:
    rules, [upstream], now = outlier(), upstreams_of([1]), NOW
    for number in range(1, MOST_EJECTIONS + 3):
        seconds = eject(rules, upstream, now)
        times = min(number, MOST_EJECTIONS)
        assert times * 10 <= seconds <= times * 10 * (1 + JITTER)
        now += seconds
        assert rules.returns(upstream, now)


def test_time_spent_well_takes_ejections_back() -> None:
    rules, [upstream] = outlier(), upstreams_of([1])
    now = NOW
    for _ in range(4):
        now += eject(rules, upstream, now)
        assert rules.returns(upstream, now)
    now += 25.0  # two ejections' time
    assert eject(rules, upstream, now) // 10 == 3
    now += 10_000.0
    assert eject(rules, upstream, now) // 10 == 1


def test_first_fault_after_the_return_ejects_again_and_a_good_reply_forgives() -> None:
    rules, [upstream] = outlier(consecutive_failures=5), upstreams_of([1])
    now = NOW + eject(rules, upstream, NOW)
    assert not rules.returns(upstream, now - 1)
    assert rules.returns(upstream, now)
    assert not rules.returns(upstream, now)
    assert rules.judge(upstream, [upstream], now)
    now = upstream.standing.ejected_until
    assert rules.returns(upstream, now)
    upstream.standing.faults = 0
    assert [bool(rules.judge(upstream, [upstream], now)) for _ in range(5)] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("number", "max_ejected", "out"), [(4, 0.5, 2), (5, 0.5, 2), (3, 0.1, 1), (4, 0, 0), (4, 1, 4)]
)
def test_no_more_than_their_share_are_ejected_at_once_but_one(number: int, max_ejected: float, out: int) -> None:
    rules, pool = outlier(max_ejected=max_ejected), upstreams_of([1] * number)
    for _ in range(10):
        for upstream in pool:
            rules.judge(upstream, pool, NOW)
    assert sum(upstream.standing.is_ejected(NOW) for upstream in pool) == out


def test_zero_failures_means_never() -> None:
    rules, [upstream] = outlier(consecutive_failures=0), upstreams_of([1])
    assert not any(rules.judge(upstream, [upstream], NOW) for _ in range(100))


def test_fault_during_an_ejection_does_not_prolong_it() -> None:
    rules, [upstream] = outlier(), upstreams_of([1])
    eject(rules, upstream, NOW)
    until = upstream.standing.ejected_until
    assert not any(rules.judge(upstream, [upstream], NOW + 1) for _ in range(10))
    assert upstream.standing.ejected_until == until


def test_unasked_rests_double_while_nothing_good_comes() -> None:
    rules, [upstream] = outlier(), upstreams_of([1])
    now, rests = NOW, []
    for _ in range(7):
        assert rules.rest(upstream, None, now)
        assert not rules.rest(upstream, None, now)  # those already under way
        rests.append(upstream.standing.resting_until - now)
        now = upstream.standing.resting_until
    assert rests == [FIRST_REST, 2, 4, 8, 16, LONGEST_UNASKED, LONGEST_UNASKED]


def test_asked_rest_is_as_long_as_asked_within_reason_and_never_shortened() -> None:
    rules, [upstream] = outlier(), upstreams_of([1])
    assert rules.rest(upstream, 5.0, NOW)
    assert not rules.rest(upstream, 2.0, NOW)
    assert upstream.standing.resting_until == NOW + 5
    assert rules.rest(upstream, 1e9, NOW)
    assert upstream.standing.resting_until == NOW + LONGEST_REST
