"""Plain counting: bounds, sums, and a lid on the number of values."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.tallies import EXCHANGE_SECONDS, MOST_VALUES, Durations, Tallies, count


def test_bound_belongs_to_its_bucket_and_the_last_bucket_has_none() -> None:
    durations = Durations((0.1, 1.0))
    for seconds in (0.0, 0.1, 0.100001, 1.0, 1.5, 1e9):
        durations.add(seconds)
    assert durations.counts == [2, 2, 2]


@given(st.lists(st.floats(0, 1000)))
def test_every_duration_is_in_one_bucket_and_in_the_sum(seconds: list[float]) -> None:
    durations = Durations(EXCHANGE_SECONDS)
    for one in seconds:
        durations.add(one)
    assert sum(durations.counts) == len(seconds)
    assert abs(durations.total - sum(seconds)) < 1e-6


def test_names_share_one_tally_each() -> None:
    tallies = Tallies()
    assert tallies.service("llm") is tallies.service("llm")
    assert tallies.service("llm") is not tallies.service("embed")
    assert tallies.service("llm").upstream("a:1") is tallies.service("llm").upstream("a:1")


def test_values_beyond_the_lid_are_counted_together() -> None:
    tally: dict[str, int] = {}
    for number in range(5000):
        count(tally, f"reason {number}")
    count(tally, "reason 1")
    count(tally, "")
    assert len(tally) <= MOST_VALUES + 1
    assert sum(tally.values()) == 5002
    assert tally["reason 1"] == 2
