"""Peak EWMA of two choices."""

from collections import Counter

from balance_parts import Clock, strategy_of, upstreams_of

from gateway.balance.upstream import FADING
from gateway.exchange import Exchange


def test_of_two_the_one_of_less_latency_times_queue_wins(exchange: Exchange) -> None:
    clock = Clock()
    fast, slow = upstreams_of((1, 1))
    fast.first_byte(0.1, 1, clock())
    slow.first_byte(0.3, 1, clock())
    strategy = strategy_of("p2c_ewma", [fast, slow], clock=clock)
    fast.in_flight = 1  # 0.1 * 2 < 0.3 * 1
    assert {strategy.pick(exchange) for _ in range(20)} == {fast}
    fast.in_flight = 3  # 0.1 * 4 > 0.3 * 1
    assert {strategy.pick(exchange) for _ in range(20)} == {slow}


def test_peak_rises_at_once_and_fades(exchange: Exchange) -> None:
    clock = Clock()
    one, other = upstreams_of((1, 1))
    one.first_byte(0.1, 1, clock())
    other.first_byte(0.2, 1, clock())
    strategy = strategy_of("p2c_ewma", [one, other], clock=clock)
    one.first_byte(5.0, 1, clock())
    assert one.peak == 5.0
    assert strategy.pick(exchange) is other
    clock.now += 4 * FADING
    other.first_byte(0.2, 1, clock())
    assert strategy.pick(exchange) is one


def test_upstream_that_never_answered_waits_for_its_first_answer(exchange: Exchange) -> None:
    clock = Clock()
    silent, slow = upstreams_of((1, 1))
    slow.first_byte(30.0, 1, clock())
    strategy = strategy_of("p2c_ewma", [silent, slow], clock=clock)
    assert strategy.pick(exchange) is silent
    silent.began()
    assert strategy.pick(exchange) is slow


def test_among_many_the_slow_half_is_left_alone_by_most(exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of([1] * 100)
    for place, upstream in enumerate(upstreams):
        upstream.first_byte(0.1 if place % 2 else 1.0, 1, clock())
    strategy = strategy_of("p2c_ewma", upstreams, clock=clock)
    shares = Counter(upstreams.index(picked) % 2 for _ in range(2000) if (picked := strategy.pick(exchange)))
    assert 0.70 < shares[1] / 2000 < 0.80  # two lots: 3 of 4 pairs have a fast one
