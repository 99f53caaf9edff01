"""The simulator: its servers share work exactly, its runs repeat, and a small one keeps what the large one promises."""

from dataclasses import replace
from pathlib import Path
from statistics import mean
from xml.etree import ElementTree

import pytest

from bench.simulator import plot
from bench.simulator.__main__ import NOT, OK, ONE, Summary, promises
from bench.simulator.figures import interval, ratio
from bench.simulator.server import Server, Work
from bench.simulator.setting import SETTINGS
from bench.simulator.world import run


def test_requests_share_a_server_and_each_has_one_core_at_most() -> None:
    server = Server(speed=0.5, cores=2)
    for number in range(3):
        server.add(Work(0.0, 0, 0, 0), 1.0 + number, 0.0)
    assert server.next_done() == pytest.approx(1.0 / (0.5 * 2 / 3))  # three on two cores of half speed
    server.finish(3.0)
    assert server.next_done() == pytest.approx(1.0 / 0.5)  # two on two cores: 1 s of work is left of 2
    server.left = 0.25
    assert server.next_done() == pytest.approx(1.0 / (0.5 * 2 * 0.25 / 2))


def test_who_gives_up_leaves_room() -> None:
    server = Server(speed=1.0, cores=1)
    impatient, patient = Work(0.0, 0, 0, 0), Work(0.0, 0, 0, 0)
    server.add(impatient, 1.0, 0.0)
    server.add(patient, 2.0, 0.0)
    server.remove(impatient, 1.0)  # both have had half a second by now
    assert server.next_done() == pytest.approx(1.5)
    assert server.finish(2.5) is patient
    assert server.next_done() is None


def test_runs_repeat_and_seeds_differ() -> None:
    small = replace(SETTINGS["mixed"], servers=10, warm_up=1.0, seconds=2.0)
    first, again, other = (run(small, "adaptive", seed) for seed in (1, 1, 2))
    assert first.seconds == again.seconds
    assert first.seconds != other.seconds


def test_all_strategies_meet_the_same_servers_and_requests() -> None:
    small = replace(SETTINGS["equal"], servers=10, warm_up=0.0, seconds=2.0, load=0.1)
    sent = [sorted(run(small, name, 1).sent_at)[:100] for name in ("adaptive", "round_robin")]
    assert sent[0] == sent[1]


@pytest.mark.parametrize("against", ["least_connections", "p2c_ewma", "round_robin"])
def test_tail_of_adaptive_is_half_of_any_other_on_mixed_servers(against: str) -> None:
    small = replace(SETTINGS["mixed"], servers=100, warm_up=4.0, seconds=6.0)
    ours, theirs = ([run(small, name, seed).percentile(0.99) for seed in (1, 2)] for name in ("adaptive", against))
    assert sum(ours) <= 0.5 * sum(theirs)


@pytest.mark.parametrize("load", [0.7, 0.9])
def test_tail_of_adaptive_is_that_of_least_connections_on_equal_servers(load: float) -> None:
    small = replace(SETTINGS["equal"], servers=60, warm_up=3.0, seconds=8.0, load=load)
    assert run(small, "adaptive", 1).percentile(0.99) <= 1.05 * run(small, "least_connections", 1).percentile(0.99)


def test_sinkholes_cost_adaptive_little_of_what_they_cost_two_choices() -> None:
    small = replace(SETTINGS["sinkholes"], warm_up=0.0, seconds=10.0)
    assert run(small, "adaptive", 1).failed <= 0.15 * run(small, "p2c_ewma", 1).failed


def test_death_costs_what_was_in_flight_and_a_few_more_and_a_newcomer_no_spike() -> None:
    outcome = run(replace(SETTINGS["come-and-go"], seconds=35.0), "adaptive", 1)
    assert outcome.failed <= 20
    sent = zip(outcome.sent_at, outcome.seconds, strict=True)
    before, later = [], []
    for at, took in sent:
        (before if at < 20 else later if at >= 30 else []).append(took)
    assert sorted(later)[int(0.99 * len(later))] <= 1.2 * sorted(before)[int(0.99 * len(before))]


def test_newcomer_has_its_share_once_the_slow_start_is_over() -> None:
    joined, slow_start = SETTINGS["come-and-go"].joins[0], 10.0
    setting = replace(SETTINGS["come-and-go"], warm_up=joined + slow_start, seconds=10.0)
    found = []
    for seed in range(1, 21):  # of one seed, ten seconds say little: 0.7 to 1.1
        shares = run(setting, "adaptive", seed).shares
        others = [shares[place] for place in range(1, 20)]
        found.append(shares[20] / mean(others))
    assert mean(found) >= 0.9


def test_confidence_interval_is_students() -> None:
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert (found.mean, found.low) == (2.5, pytest.approx(2.5 - 3.18 * 1.29099 / 2, rel=1e-4))
    assert ratio([1.0, 2.0], [2.0, 4.0]).margin == 0.0


@pytest.mark.parametrize("draw", [plot.percentiles, plot.timeline])
def test_plots_are_well_formed_and_name_every_curve(draw: type, tmp_path: Path) -> None:
    curves = {"adaptive": [(0.5, 0.1), (0.9, 0.2)], "round_robin": [(0.5, 0.1), (0.99, 5.0)]}
    picture = ElementTree.fromstring(draw("title", curves))
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"adaptive", "round_robin", "title"} <= set(texts)


@pytest.mark.parametrize(("ours", "word"), [([1.0], ONE), ([1.0, 1.0], OK), ([2.0], NOT), ([1.0, 2.0], NOT)])
def test_a_promise_is_ok_when_all_of_an_interval_keeps_it(ours: list[float], word: str) -> None:
    def summaries(strategy: str, values: list[float]) -> list[Summary]:
        return [Summary("equal", strategy, 0.1, value, 0, 1, (), ()) for value in values]

    runs = {
        ("equal", "adaptive"): summaries("adaptive", ours),
        ("equal", "least_connections"): summaries("least_connections", [1.0] * len(ours)),
    }
    [(found, line)] = promises(["equal"], runs)
    assert found == word
    assert line.startswith(word)
