"""Percentiles, paired ratios and their intervals."""

import random

import pytest

from bench.figures import Estimate, difference, mean, median, percentile, ratio
from bench.measure import users


def test_percentiles_are_values_that_were_seen() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert percentile(ordered, 0.5) == 51
    assert percentile(ordered, 0.99) == 100
    assert percentile(ordered, 1.0) == 100
    assert percentile([], 0.5) == 0


def test_ratios_pair_the_samples_of_one_round_so_that_a_drift_cancels() -> None:
    found = ratio([20.0, 40.0, 80.0], [10.0, 20.0, 40.0])
    assert found.value == pytest.approx(2.0)
    assert (found.low, found.high) == (pytest.approx(2.0), pytest.approx(2.0))


def test_a_ratio_and_its_inverse_agree() -> None:
    ours, theirs = [20.0, 50.0, 33.0], [10.0, 20.0, 15.0]
    found, inverse = ratio(ours, theirs), ratio(theirs, ours)
    assert found.value == pytest.approx(1 / inverse.value)
    assert found.low == pytest.approx(1 / inverse.high)


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    rng = random.Random(1)
    held = 0
    for _ in range(1000):
        theirs = [rng.uniform(8, 12) for _ in range(5)]
        found = ratio([2.2 * each * rng.gauss(1, 0.05) for each in theirs], theirs)
        held += found.low <= 2.2 <= found.high
    assert 920 <= held <= 980


def test_one_sample_has_no_interval() -> None:
    assert ratio([3.0], [2.0]) == Estimate(1.5)
    assert mean([3.0]) == Estimate(3.0)


def test_a_median_does_not_mind_one_that_is_far_out() -> None:
    assert median([1.0, 1.2, 0.9, 1.1, 75.0, 1.0, 0.8, 1.3, 1.1]) == Estimate(1.1, 0.9, 1.3)
    assert difference([1.0, 75.0, 3.0], [0.5, 0.5, 2.0], median).value == 1.0


def test_a_median_s_interval_takes_six_samples_and_holds_the_truth_nineteen_times_of_twenty() -> None:
    assert median([1.0, 2.0, 4.0, 9.0]) == Estimate(3.0)
    assert median([6.0, 1.0, 2.0, 3.0, 5.0, 4.0]) == Estimate(3.5, 1.0, 6.0)
    rng = random.Random(1)
    for size in (6, 9, 15):
        found = [median([rng.lognormvariate(0, 2) for _ in range(size)]) for _ in range(2000)]
        assert sum(each.low <= 1.0 <= each.high for each in found) >= 0.94 * len(found)


def test_differences_are_paired_too_and_may_be_below_zero() -> None:
    found = difference([1.0, 11.0], [2.0, 12.0])
    assert (found.value, found.low, found.high) == (-1.0, -1.0, -1.0)


def test_a_round_that_one_of_them_missed_is_left_out() -> None:
    assert ratio([4.0, 8.0], [2.0]).value == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(2.5), "2.50"),
        (Estimate(2.5, 2.4, 2.6), "2.50 [2.40, 2.60]"),
        (Estimate(1234.5, 1200, 1300), "1,234 [1,200, 1,300]"),
        (Estimate(2.5, 0.0, 900.0), "2.50 [too few, too far apart]"),
    ],
)
def test_estimates_show_no_more_digits_than_they_have(estimate: Estimate, shown: str) -> None:
    assert str(estimate) == shown


def _row(method: str, times: dict[str, int]) -> dict[str, object]:
    return {"method": method, "name": "stream", "num_requests": sum(times.values()), "response_times": times}


def test_what_users_feel_is_read_from_locust_s_histograms() -> None:
    rows = [_row("POST", {"200": 3}), _row("TTFT", {"60": 98, "300": 2}), _row("gap", {"13": 50, "90": 50})]
    seen = users.figures(rows)
    assert seen["requests"] == 3
    assert (seen["ttft_p50_ms"], seen["ttft_p99_ms"]) == (60, 300)
    assert (seen["gap_p50_ms"], seen["gap_p99_ms"]) == (90, 90)


def test_users_who_read_no_token_are_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="no user has read a token"):
        users.figures([_row("POST", {"200": 3})])
