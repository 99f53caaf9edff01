"""How samples become ratios, verdicts and a table."""

import pytest

from bench import report
from bench.event_client import summary
from bench.scenarios import SCENARIOS, Sample


def _samples(**costs: list[float]) -> report.Samples:
    return {name: [Sample(cost, {"per_second": 1000, "p99_ms": 2}) for cost in each] for name, each in costs.items()}


def test_ratios_pair_the_samples_of_one_repetition() -> None:
    assert report.ratios(_samples(nginx=[10, 20], gateway=[20, 50]), "gateway") == [2, 2.5]


@pytest.mark.parametrize(("cost", "outcome"), [(24, "met"), (26, "MISSED")])
def test_the_gateway_is_held_against_the_target(cost: float, outcome: str) -> None:
    text = report.table({"json": _samples(nginx=[10, 10, 10], gateway=[cost, cost, 99])})
    assert f"gateway: {cost / 10:.2f} x nginx, target <= 2.5: {outcome}" in text


def test_memory_is_held_against_megabytes_not_nginx() -> None:
    assert report.reached(SCENARIOS["memory-idle"], _samples(nginx=[1], gateway=[9])) == 9


def test_a_run_without_nginx_or_cut_short_still_has_a_table() -> None:
    text = report.table({"json": _samples(nginx=[], gateway=[25.0]), "streams": _samples(nginx=[], gateway=[])})
    assert "gateway" in text
    assert "target" not in text
    assert "streams" not in text


def test_late_events_are_those_beyond_twenty_milliseconds() -> None:
    counted = summary([1_000_000, 20_000_000, 20_000_001], 1.5)
    assert (counted["events"], counted["late"], counted["p50_ms"]) == (3, 1, 20)
    assert summary([], 1)["events"] == 0
