"""The window that estimates: the formula, exactly, and what it can let pass (RL-05)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND

from gateway.limit.algorithm import EXACT
from gateway.limit.approximate_window import ApproximateWindow

W = 1_000_000
limits = st.integers(1, 12)
pauses = st.lists(
    st.one_of(st.just(0), st.integers(0, W // 20), st.integers(0, W), st.integers(0, 3 * W)), min_size=1, max_size=120
)


class Formula:
    """The definition: previous * (1 - f) + current + 1 <= limit, windows beginning with the first unit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.begun, self.counts = 0, [0, 0]

    def take(self, now: int) -> bool:
        while now >= self.begun + W:
            self.begun += W
            self.counts = [self.counts[1], 0]
        if self.counts == [0, 0]:
            self.begun = now
        fraction = Fraction(now - self.begun, W)
        if self.counts[0] * (1 - fraction) + self.counts[1] + 1 > self.limit:
            return False
        self.counts[1] += 1
        return True


def passed(window: ApproximateWindow, pauses: list[int]) -> list[int]:
    state, now, times = window.fresh(0), 0, []
    for gap in pauses:
        now += gap
        verdict, state = window.take(state, now)
        if verdict.allowed:
            times.append(now)
    return times


@given(limits, pauses)
def test_RL_05_it_is_the_formula_and_no_window_holds_twice_the_limit(limit, pauses):
    formula, now, expected = Formula(limit), 0, []
    for gap in pauses:
        now += gap
        if formula.take(now):
            expected.append(now)
    times = passed(ApproximateWindow(limit, W), pauses)
    assert times == expected
    for start in times:
        assert sum(start <= at < start + W for at in times) < 2 * limit


def test_RL_05_the_bound_is_tight():
    window = ApproximateWindow(100, W)
    late = [0, W - 1, *[0] * 98]  # one opens the window, 99 come at its end
    early = [W // 2, *[0] * 60]
    times = passed(window, late + early)
    assert max(sum(start <= at < start + W for at in times) for start in times) > 140


@given(limits)
def test_RL_05_two_windows_of_a_caller_who_always_wants_more_hold_at_least_the_limit(limit):
    times = passed(ApproximateWindow(limit, W), [W // 200] * 1200)
    for number in range(4):
        assert sum(number * W <= at < (number + 2) * W for at in times) >= limit


@pytest.mark.parametrize(
    ("limit", "window", "said"),
    [
        (0, W, "bucket_size 0: must be"),
        (1, 0, "window 0.0 s: above 0"),
        (10**6, EXACT // 10**6 + 1, "window .* s: above 0, and at most 9007 s here"),
    ],
)
def test_what_is_out_of_range_is_named(limit, window, said):
    with pytest.raises(ValueError, match=said):
        ApproximateWindow(limit, window)


def test_it_shows_its_limit_and_window():
    assert repr(ApproximateWindow(5, 90 * SECOND)) == "<ApproximateWindow about 5 in 90 s>"
