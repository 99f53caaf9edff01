"""The exact sliding windows: nothing above the limit in any window, and nearly all of it (RL-04)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND

from gateway.limit.algorithm import EXACT, NEVER, Verdict
from gateway.limit.sliding_window import ENTRIES, SlidingWindow

W = 1_000_000
limits = st.integers(1, 8)
pauses = st.lists(
    st.one_of(st.just(0), st.integers(0, W // 50), st.integers(0, W // 3), st.integers(0, 3 * W)),
    min_size=1,
    max_size=120,
)
both = pytest.mark.parametrize("log", [True, False], ids=["log", "strict"])


class Log:
    """The definition: allow iff fewer than `limit` passed in (now - W, now]."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.passed: list[int] = []

    def inside(self, now: int) -> list[int]:
        return [at for at in self.passed if at > now - W]

    def take(self, now: int) -> bool:
        if len(self.inside(now)) >= self.limit:
            return False
        self.passed.append(now)
        return True


def play(window: SlidingWindow, pauses: list[int]) -> list[tuple[int, Verdict]]:
    state, now, played = window.fresh(0), 0, []
    for gap in pauses:
        now += gap
        verdict, state = window.take(state, now)
        played.append((now, verdict))
    return played


@both
@given(limit=limits, pauses=pauses)
def test_RL_04_no_window_holds_more_than_the_limit(log, limit, pauses):
    passed = [now for now, verdict in play(SlidingWindow(limit, W, log=log), pauses) if verdict.allowed]
    for end in passed:
        assert sum(end - W < at <= end for at in passed) <= limit
    for start in passed:
        assert sum(start <= at < start + W for at in passed) <= limit


@given(limits, pauses)
def test_RL_04_the_log_is_the_definition_number_by_number(limit, pauses):
    log = Log(limit)
    for now, verdict in play(SlidingWindow(limit, W, log=True), pauses):
        assert verdict.allowed == log.take(now)
        inside = log.inside(now)
        assert verdict.remaining == limit - len(inside)
        assert verdict.next_us == inside[0] + W - now
        assert verdict.reset_us == inside[-1] + W - now
        assert verdict.retry_after_us == (0 if verdict.allowed else inside[0] + W - now)


@given(limits, pauses)
def test_strict_refuses_only_what_is_too_much_for_a_window_a_sixty_fourth_longer(limit, pauses):
    strict = SlidingWindow(limit, W)
    passed: list[int] = []
    for now, verdict in play(strict, pauses):
        if verdict.allowed:
            passed.append(now)
        else:
            assert sum(at > now - W - strict.granule_us for at in passed) == limit


@given(st.lists(st.integers(0, W // 20), min_size=1, max_size=400))
def test_strict_remembers_a_bounded_number_of_entries(pauses):
    window = SlidingWindow(10**6, W)
    state, now = window.fresh(0), 0
    for gap in pauses:
        now += gap
        _, state = window.take(state, now)
        assert len(state) <= 2 + 2 * (ENTRIES + 2)


@pytest.mark.parametrize("limit", [1, 7, 64, 100, 1000])
@pytest.mark.parametrize("every", [97, 997, 9973])
def test_a_caller_who_always_wants_more_gets_nearly_all_of_it(limit, every):
    window = SlidingWindow(limit, W)
    state, now, passed = window.fresh(0), 0, 0
    while now < 12 * W:
        verdict, state = window.take(state, now)
        passed += verdict.allowed
        now += every if verdict.allowed else verdict.retry_after_us
    offered = 12 * W / every
    assert passed >= min(0.98 * 12 * limit, 0.98 * offered)


@both
def test_a_burst_passes_again_exactly_one_window_later(log):
    window = SlidingWindow(5, W, log=log)
    state = window.fresh(0)
    for _ in range(5):
        verdict, state = window.take(state, 10)
        assert verdict.allowed
    refused, state = window.take(state, 11)
    assert refused == Verdict(False, 0, W - 1, W - 1, W - 1, 0)
    assert not window.take(state, W + 9)[0].allowed
    assert window.take(state, W + 10, 5)[0].allowed


@both
def test_a_cost_waits_for_as_many_as_it_needs(log):
    window = SlidingWindow(4, W, log=log)
    state = window.fresh(0)
    for at in (0, 100_000, 200_000):
        _, state = window.take(state, at)
    for cost, wait in ((2, 700_000), (3, 800_000), (4, 900_000), (5, NEVER)):
        assert window.take(state, 300_000, cost)[0].retry_after_us == wait


@pytest.mark.parametrize(
    ("limit", "window", "said"),
    [(0, W, "bucket_size 0: must be"), (1, 0, "window 0.0 s: must be"), (1, EXACT, "window .* s: must be")],
)
def test_what_is_out_of_range_is_named(limit, window, said):
    with pytest.raises(ValueError, match=said):
        SlidingWindow(limit, window)


def test_it_shows_its_limit_and_window():
    assert repr(SlidingWindow(5, 90 * SECOND)) == "<SlidingWindow 5 in any 90 s>"
