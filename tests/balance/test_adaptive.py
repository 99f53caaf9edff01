"""Adaptive: what it makes of latency, load, failures and age. How well that works, the simulator's test says."""

from collections import Counter

import pytest
from balance_parts import Clock, strategy_of, upstreams_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.balance.adaptive import HOT, LARGEST_SCAN, SLOW_START, STALE, Adaptive
from gateway.balance.base import Strategy
from gateway.balance.upstream import FADING, Upstream
from gateway.exchange import Exchange


def answered(upstream: Upstream, seconds: float, now: float, *, load: int = 1) -> None:
    for _ in range(50):
        upstream.first_byte(seconds, load, now)


def test_latency_is_judged_by_the_load_it_came_with(exchange: Exchange) -> None:
    """0.8 s among 8 is better than 0.3 s alone."""
    clock = Clock()
    busy, idle = upstreams_of((1, 1))
    answered(busy, 0.8, clock(), load=8)
    answered(idle, 0.3, clock())
    busy.in_flight = idle.in_flight = 2
    strategy = strategy_of("adaptive", [busy, idle], clock=clock)
    assert [strategy.pick(exchange) for _ in range(4)] == [busy] * 4


def test_much_faster_one_gets_more_until_its_queue_outweighs_that(exchange: Exchange) -> None:
    clock = Clock()
    fast, slow = upstreams_of((1, 1))
    answered(fast, 0.1, clock())
    answered(slow, 0.4, clock())
    strategy = strategy_of("adaptive", [fast, slow], clock=clock)
    for _ in range(30):
        picked = strategy.pick(exchange)
        assert picked is not None
        picked.began()
    # unit * load^2 is even at twice the load, as far as that is not hot
    assert 1.5 <= fast.in_flight / slow.in_flight <= 2.0


@given(
    states=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 60), st.floats(0.001, 10)), min_size=2, max_size=LARGEST_SCAN
    )
)
def test_hot_one_is_never_picked(states: list[tuple[int, int, float]], exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of([weight for weight, _, _ in states])
    for upstream, (_, in_flight, seconds) in zip(upstreams, states, strict=True):
        upstream.in_flight = in_flight
        answered(upstream, seconds, clock())
    picked = strategy_of("adaptive", upstreams, clock=clock).pick(exchange)
    assert picked is not None
    total = sum(upstream.in_flight for upstream in upstreams)
    weight = sum(upstream.weight for upstream in upstreams)
    if total:
        assert (picked.in_flight + 1) / picked.weight <= (HOT * total + 2 * len(upstreams)) / weight


def test_small_differences_do_not_starve_an_equal(exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of((1, 1, 1))
    for upstream, seconds in zip(upstreams, (0.100, 0.105, 0.110), strict=True):
        answered(upstream, seconds, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    assert Counter(strategy.pick(exchange) for _ in range(30)) == dict.fromkeys(upstreams, 10)


@pytest.mark.parametrize("weight", [1, 100])
@pytest.mark.parametrize("number", [4, 100])
def test_a_faster_one_among_idle_equals_is_found(number: int, weight: int, exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of([weight] * number)
    for upstream in upstreams:
        answered(upstream, 0.1, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    picked = Counter(strategy.pick(exchange) for _ in range(1000 * number))
    assert max(picked.values()) <= 1.2 * min(picked.values())
    answered(upstreams[2], 0.05, clock())
    for _ in range(100 * number):
        strategy.pick(exchange)
    assert {strategy.pick(exchange) for _ in range(20)} == {upstreams[2]}


def busy_alike(number: int, each: int, exchange: Exchange, *, weight: int = 1) -> tuple[list[Upstream], Strategy]:
    """Upstreams that work on `each` exchanges, and what chooses among them, which has compared them."""
    clock = Clock()
    upstreams = upstreams_of([weight] * number)
    for upstream in upstreams:
        answered(upstream, 0.1, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    strategy.pick(exchange)
    for upstream in upstreams:
        for _ in range(each):
            upstream.began()
    return upstreams, strategy


@pytest.mark.parametrize("number", [2, 4, LARGEST_SCAN])
def test_who_has_no_more_to_do_than_others_is_taken_at_its_turn(
    number: int, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstreams, strategy = busy_alike(number, 10, exchange)
    monkeypatch.setattr(Adaptive, "_compared", None)  # nobody has to be compared
    for _ in range(10 * number):
        picked = strategy.pick(exchange)
        assert picked is not None
        picked.began()
    assert {upstream.in_flight for upstream in upstreams} == {20}


@pytest.mark.parametrize("number", [2, 4, LARGEST_SCAN])
def test_who_has_more_to_do_loses_its_turn(number: int, exchange: Exchange) -> None:
    upstreams, strategy = busy_alike(number, 4, exchange)
    for _ in range(4):
        upstreams[1].began()
    assert upstreams[1] not in {strategy.pick(exchange) for _ in range(2 * number)}


@pytest.mark.parametrize("weight", [1, 100])
def test_those_with_less_to_do_are_taken_first_whatever_all_weigh(weight: int, exchange: Exchange) -> None:
    upstreams, strategy = busy_alike(4, 0, exchange, weight=weight)
    for upstream, in_flight in zip(upstreams, (20, 0, 30, 30), strict=True):
        for _ in range(in_flight):
            upstream.began()
    for _ in range(12):
        picked = strategy.pick(exchange)
        assert picked is upstreams[1]
        picked.began()


def test_one_that_is_half_as_slow_again_gets_nothing_while_the_faster_one_is_idle(exchange: Exchange) -> None:
    clock = Clock()
    fast, slow = upstreams_of((1, 1))
    answered(fast, 0.1, clock())
    answered(slow, 0.15, clock())
    strategy = strategy_of("adaptive", [fast, slow], clock=clock)
    assert {strategy.pick(exchange) for _ in range(20)} == {fast}


@pytest.mark.parametrize("weight", [1, 100])
def test_idle_one_is_taken_while_others_work(weight: int, exchange: Exchange) -> None:
    """However few of them are idle."""
    upstreams, strategy = busy_alike(8, 1, exchange, weight=weight)
    upstreams[3].ended()
    assert {strategy.pick(exchange) for _ in range(16)} == {upstreams[3]}


@pytest.mark.parametrize("number", [8, 2 * LARGEST_SCAN])
def test_an_idle_one_that_comes_soon_is_taken_instead_of_a_busy_one(
    number: int, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstreams, strategy = busy_alike(number, 0, exchange)
    monkeypatch.setattr(Adaptive, "_compared", None)  # nobody has to be compared
    for upstream in upstreams[::4]:
        upstream.began()
    assert {strategy.pick(exchange) for _ in range(2 * number)} == set(upstreams) - set(upstreams[::4])


def test_who_is_taken_instead_of_a_busy_one_has_had_its_turn(exchange: Exchange) -> None:
    upstreams, strategy = busy_alike(8, 0, exchange)
    for upstream in upstreams[::4]:
        upstream.began()
    picked = [strategy.pick(exchange) for _ in range(12)]
    assert {picked.count(upstream) for upstream in upstreams} == {0, 2}


def test_an_idle_light_one_does_not_take_the_turn_of_a_heavy_one_that_has_less_to_do(exchange: Exchange) -> None:
    clock = Clock()
    heavy, light = upstreams_of((4, 1))
    for upstream in (heavy, light):
        answered(upstream, 0.1, clock())
    strategy = strategy_of("adaptive", [heavy, light], clock=clock)
    for _ in range(5):
        light.began()
    strategy.pick(exchange)  # compares: the best one has far less to do than the mean
    for _ in range(5):
        light.ended()
    heavy.began()
    heavy.began()
    picked = [strategy.pick(exchange) for _ in range(10)]
    assert picked.count(heavy) >= 8


def a_fast_one_and_slow_ones() -> tuple[Strategy, *tuple[Upstream, ...]]:
    clock = Clock()
    fast, *slow = upstreams = upstreams_of((1, 1, 1, 1, 1))
    answered(fast, 0.005, clock())
    for upstream in slow:
        answered(upstream, 0.5, clock())
    return strategy_of("adaptive", upstreams, clock=clock), fast, *slow


def test_a_fast_one_with_something_to_do_keeps_its_turn_whatever_a_retry_found(exchange: Exchange) -> None:
    strategy, fast, *_ = a_fast_one_and_slow_ones()
    strategy.pick(exchange)
    strategy.pick(exchange, [fast])
    fast.began()
    assert {strategy.pick(exchange) for _ in range(20)} == {fast}


def test_a_fast_one_that_was_hot_for_a_moment_has_its_turns_again(exchange: Exchange) -> None:
    strategy, fast, *slow = a_fast_one_and_slow_ones()
    for _ in range(6):
        fast.began()
    assert strategy.pick(exchange) in slow  # the best of this comparison
    for _ in range(5):
        fast.ended()
    assert [strategy.pick(exchange) for _ in range(100)].count(fast) > 90


@pytest.mark.parametrize("number", [2, 5, 10])
def test_while_none_is_idle_all_have_their_turns(number: int, exchange: Exchange) -> None:
    upstreams, strategy = busy_alike(number, 0, exchange)
    upstreams[0].began()
    strategy.pick(exchange)
    for upstream in upstreams:
        for _ in range(8):
            upstream.began()
    picked = {strategy.pick(exchange) for _ in range(20 * number)}
    assert picked >= set(upstreams[1:])


def test_a_moment_for_each_exchange_in_flight_is_more_than_a_moment(exchange: Exchange) -> None:
    clock = Clock()
    slow, *_ = upstreams = upstreams_of((1, 1, 1, 1))
    for upstream in upstreams:
        answered(upstream, 0.00045 if upstream is slow else 0.00005, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    strategy.pick(exchange)
    for upstream in upstreams:
        for _ in range(50):
            upstream.began()
    assert slow not in {strategy.pick(exchange) for _ in range(40)}


@pytest.mark.parametrize("what", ["slow", "failing", "new"])
def test_an_idle_one_that_comes_soon_is_compared_when_it_is(what: str, exchange: Exchange) -> None:
    clock = Clock()
    idle, *others = upstreams = upstreams_of((1, 1, 1, 1))
    for upstream in upstreams:
        answered(upstream, 0.1, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    strategy.pick(exchange)
    for upstream in others:
        upstream.began()
    if what == "slow":
        idle.unit = 1.0
    elif what == "failing":
        for _ in range(9):
            idle.failed(clock())
    else:
        idle.joined_at = clock()
    assert idle not in {strategy.pick(exchange) for _ in range(8)}


def test_who_differs_by_less_than_a_moment_is_as_fast(exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of((1, 1))
    answered(upstreams[0], 0.0005, clock())
    answered(upstreams[1], 0.0009, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    assert {strategy.pick(exchange) for _ in range(4)} == set(upstreams)


def test_the_only_one_is_taken_unless_it_was_tried(exchange: Exchange) -> None:
    only = upstreams_of((2,))
    strategy = strategy_of("adaptive", only)
    assert [strategy.pick(exchange), strategy.pick(exchange, only)] == [only[0], None]


def test_idle_one_of_which_nothing_was_heard_is_tried_again(exchange: Exchange) -> None:
    clock = Clock()
    fast, slow = upstreams_of((1, 1))
    answered(fast, 0.1, clock())
    answered(slow, 0.3, clock())
    strategy = strategy_of("adaptive", [fast, slow], clock=clock)
    assert {strategy.pick(exchange) for _ in range(10)} == {fast}
    clock.now += 5 * STALE
    answered(fast, 0.1, clock())
    picked = [strategy.pick(exchange) for _ in range(11)]
    assert set(picked[1:]) == {slow}  # from its turn on
    slow.began()  # and while it works on that one, it is not
    assert {strategy.pick(exchange) for _ in range(10)} == {fast}


def test_fast_failures_attract_nobody(exchange: Exchange) -> None:
    clock = Clock()
    good, sinkhole = upstreams_of((1, 1))
    answered(good, 1.0, clock())
    strategy = strategy_of("adaptive", [good, sinkhole], clock=clock)
    failures = 0
    for _ in range(1000):
        clock.now += 0.01
        picked = strategy.pick(exchange)
        if picked is sinkhole:
            failures += 1
            picked.failed(clock())
        else:
            good.first_byte(1.0, 1, clock())
    assert failures <= 3


def test_one_that_began_to_fail_is_left_and_tried_again_later(exchange: Exchange) -> None:
    clock = Clock()
    good, failing = upstreams_of((1, 1))
    answered(good, 0.1, clock())
    answered(failing, 0.1, clock())
    strategy = strategy_of("adaptive", [good, failing], clock=clock)
    for _ in range(3):
        failing.failed(clock())
    assert {strategy.pick(exchange) for _ in range(10)} == {good}
    clock.now += 4 * FADING
    answered(good, 0.1, clock())
    assert failing in {strategy.pick(exchange) for _ in range(10)}


def test_all_failing_are_still_picked(exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of((1, 1))
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    for upstream in upstreams:
        upstream.in_flight = 3
        for _ in range(60):
            upstream.failed(clock())
    assert strategy.pick(exchange) in upstreams


def test_newcomer_comes_to_its_share_slowly(exchange: Exchange) -> None:
    clock = Clock()
    *settled, newcomer = upstreams_of([1] * 5)
    for upstream in settled:
        answered(upstream, 0.5, clock())
    newcomer.joined_at = clock()
    strategy = strategy_of("adaptive", [*settled, newcomer], clock=clock)

    def share() -> int:
        for upstream in (*settled, newcomer):
            upstream.in_flight = 0
        for _ in range(100):
            picked = strategy.pick(exchange)
            assert picked is not None
            picked.began()
        return newcomer.in_flight

    assert 1 <= share() <= 4
    answered(newcomer, 0.5, clock())
    clock.now += SLOW_START / 2
    assert 5 <= share() <= 15
    clock.now += SLOW_START / 2
    assert 18 <= share() <= 22


def test_among_many_the_best_is_found_and_remembered_until_it_is_busy(exchange: Exchange) -> None:
    clock = Clock()
    upstreams = upstreams_of([1] * (4 * LARGEST_SCAN))
    for upstream in upstreams[1:]:
        answered(upstream, 1.0, clock())
    answered(upstreams[0], 0.1, clock())
    strategy = strategy_of("adaptive", upstreams, clock=clock)
    picked = [strategy.pick(exchange) for _ in range(40 * len(upstreams))]
    found = picked.index(upstreams[0])
    assert set(picked[found:]) == {upstreams[0]}
    upstreams[0].in_flight = 10
    assert upstreams[0] not in [strategy.pick(exchange) for _ in range(len(upstreams))]


@pytest.mark.parametrize("number", [LARGEST_SCAN + 1, 60, 100, 300])
def test_many_equals_take_turns(number: int, exchange: Exchange) -> None:
    upstreams = upstreams_of([1] * number)
    strategy = strategy_of("adaptive", upstreams)
    shares = Counter(strategy.pick(exchange) for _ in range(200 * number))
    assert set(shares) == set(upstreams)
    assert max(shares.values()) < 1.5 * min(shares.values())


def test_length_of_a_stream_teaches_nothing(exchange: Exchange) -> None:
    """An upstream that streams for minutes after a fast first byte is a fast one."""
    clock = Clock()
    streaming, slow = upstreams_of((1, 1))
    load = streaming.began()
    streaming.first_byte(0.05, load, clock())
    slow.first_byte(0.5, 1, clock())
    clock.now += 1.0  # the stream goes on
    strategy = strategy_of("adaptive", [streaming, slow], clock=clock)
    assert strategy.pick(exchange) is streaming
