"""A machine that was busy with other things is told."""

import pytest

from bench import noise
from bench.cores import Cores
from bench.noise import Times, shares, times, verdict

STAT = """cpu  999 0 0 0 0 0 0 0 0 0
cpu0 100 20 30 900 5 1 2 7 0 0
cpu1 10 0 0 1000 0 0 0 1 0 0
cpu10 5000 0 0 0 0 0 0 0 0 0
intr 1
"""


def test_busy_and_stolen_time_are_those_of_the_cores_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise.os, "sysconf", lambda name: 100)
    seen = times([0, 1], STAT)
    assert seen.busy == pytest.approx((100 + 20 + 30 + 1 + 2 + 10) / 100)
    assert seen.stolen == pytest.approx(8 / 100)
    assert seen.ours > 0


def test_what_is_busy_and_not_ours_is_foreign() -> None:
    found = shares(Times(0.0, 10.0, 1.0, 5.0), Times(2.0, 13.0, 1.4, 7.0), cores=2)
    assert found == {"foreign": pytest.approx(1.0 / 4), "stolen": pytest.approx(0.4 / 4)}


def test_ticks_that_come_late_do_not_make_it_negative() -> None:
    assert shares(Times(0.0, 10.0, 0.0, 5.0), Times(1.0, 10.5, 0.0, 6.0), cores=2)["foreign"] == 0.0


def _samples(*foreign: float) -> list[dict[str, float]]:
    return [{"foreign": each, "stolen": 0.0} for each in foreign]


def test_a_quiet_run_has_no_verdict_and_one_disturbed_sample_is_forgiven() -> None:
    assert verdict(_samples(0.01, 0.02, 0.5)) == ""
    assert verdict([]) == ""


def test_a_run_that_was_disturbed_most_of_the_time_says_so_with_figures() -> None:
    said = verdict(_samples(0.3, 0.4, 0.01))
    assert said.startswith("NOISY: others took 30% of the cores")
    assert "2 of 3" in said


def test_another_machine_on_the_same_hardware_counts_too() -> None:
    assert "other machines 20%" in verdict([{"foreign": 0.0, "stolen": 0.2}])


def test_with_three_cores_proxy_load_and_upstream_have_one_each() -> None:
    assert Cores.chosen([4, 5, 6, 7], {}) == Cores(proxy=4, load=5, upstream=6)


def test_with_two_cores_the_proxy_is_alone() -> None:
    assert Cores.chosen([0, 1], {}) == Cores(proxy=0, load=1, upstream=1)


def test_two_threads_of_one_physical_core_are_not_proxy_and_load() -> None:
    assert Cores.chosen([0, 1, 2, 3], {0: 0, 1: 0, 2: 2, 3: 2}) == Cores(proxy=0, load=2, upstream=1)


def test_one_core_is_not_enough() -> None:
    with pytest.raises(SystemExit, match="two cores"):
        Cores.chosen([3], {})
