"""What a run found becomes verdicts, tables, pictures and a page."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import compare, document, plots, table, target
from bench.results import REUSED, Outcome, Results, read
from bench.target import Target

QUIET = {"foreign": 0.0, "stolen": 0.0}
JSON = {"says": "CPU", "scenario": "json", "figure": "cpu_us", "subjects": ["gateway"], "against": ["nginx"]}


def outcome(costs: dict[str, list[float]], **others: float) -> Outcome:
    samples = {label: [{"cpu_us": each, **QUIET, **others} for each in values] for label, values in costs.items()}
    shown = {"per_second": "requests/s", "busy": "core busy"}
    return Outcome("small JSON", "requests", "cpu_us", "us CPU", shown, dict.fromkeys(costs, "nginx"), samples)


def results(**scenarios: Outcome) -> Results:
    machine = {"cpu": "abacus", "cores": 2}
    versions = {"nginx": "1.2.3", "caddy": "absent: not installed"}
    return Results("2026-11-25", "abc1234", "python -m bench run all", machine, {}, versions, scenarios)


def verdict(found: Outcome, **target_keys: object) -> target.Verdict:
    [only] = target.verdicts(results(json=found), [Target.model_validate(JSON | target_keys)])
    return only


@pytest.mark.parametrize(("cost", "said"), [(24.0, "met"), (26.0, "MISSED")])
def test_the_gateway_is_held_against_its_promise(cost: float, said: str) -> None:
    found = verdict(outcome({"nginx": [10.0] * 3, "gateway": [cost] * 3}), most=2.5)
    assert found.outcome == said
    assert found.sure
    assert f"{cost / 10:.2f}" in str(found)


def test_an_interval_across_the_bound_is_said_to_be_unsure() -> None:
    found = verdict(outcome({"nginx": [10.0, 10.0, 10.0], "gateway": [20.0, 25.0, 29.0]}), most=2.5)
    assert found.outcome == "met"
    assert not found.sure
    assert "reaches across" in str(found)


def test_promises_may_be_differences_floors_and_plain_figures() -> None:
    found = outcome({"nginx": [10.0], "gateway": [10.5]})
    assert verdict(found, how="difference", most=1.0).found.value == pytest.approx(0.5)
    assert verdict(found, least=2.0).outcome == "MISSED"
    assert verdict(found, against=[], most=11.0).found.value == 10.5


def test_a_range_is_the_dearest_variant_over_the_cheapest() -> None:
    found = outcome({"gateway, 1": [10.0], "gateway, 2": [8.0], "gateway, 3": [9.0], "compiled, 1": [1.0]})
    assert verdict(found, how="range", most=1.2).found.value == pytest.approx(1.25)


def test_what_was_not_measured_has_no_verdict() -> None:
    assert target.verdicts(results(json=outcome({"nginx": [1.0]})), [Target.model_validate(JSON | {"most": 1})]) == []


def test_a_target_has_exactly_one_bound() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Target.model_validate(JSON)


def test_tables_put_the_ratio_first_with_its_interval() -> None:
    headings, nginx, gateway = table.rows(outcome({"nginx": [10.0, 20.0], "gateway": [20.0, 40.0]}, per_second=5000.0))
    assert headings == ["", "x baseline", "us CPU", "requests/s"]
    assert nginx[:2] == ["nginx", "1"]
    assert gateway[1] == "2.00 [2.00, 2.00]"
    assert gateway[3] == "5,000"


def test_a_proxy_that_waited_for_the_load_is_marked() -> None:
    found = outcome({"nginx": [10.0], "gateway": [20.0]}, busy=0.5)
    assert any("lower bounds: nginx 50%, gateway 50%" in remark for remark in table.remarks(found))


def test_who_was_measured_otherwise_because_it_is_slow_is_named() -> None:
    found = outcome({"nginx": [10.0], "litellm": [9000.0]})
    found.prepared["slow: litellm"] = 3.0
    assert "on fewer connections and for longer: litellm" in "".join(table.remarks(found))


def test_a_control_that_differs_from_itself_is_noise() -> None:
    quiet, loud = (outcome({"nginx": [10.0] * 2, "nginx-again": [again] * 2}) for again in (10.1, 13.0))
    assert "as it must" in "".join(table.remarks(quiet))
    assert "NOISY" in "".join(table.remarks(loud))


def test_skipped_contenders_are_told_with_their_reason() -> None:
    found = outcome({"nginx": [10.0]})
    found.skipped["smg"] = "it does not serve"
    text = table.text(results(json=found), [])
    assert "skipped smg: it does not serve" in text
    assert "caddy: absent: not installed" in text


def test_results_survive_the_way_to_a_file(tmp_path: Path) -> None:
    before = results(json=outcome({"nginx": [10.0], "gateway": [20.0]}))
    (tmp_path / "raw.json").write_text(before.to_json())
    assert read(tmp_path) == before
    (tmp_path / "raw.json").write_text('{"when": 1}')
    with pytest.raises(ValueError, match=r"not the raw\.json"):
        read(tmp_path)


def test_the_page_has_machine_commit_command_versions_ratios_and_pictures(tmp_path: Path) -> None:
    found = results(json=outcome({"nginx": [10.0, 11.0], "gateway": [20.0, 21.0]}))
    (tmp_path / "benchmarks-old.svg").write_text("of an earlier run")
    page = document.write(found, [], tmp_path).read_text()
    for part in ("abacus", "abc1234", "python -m bench run all", "| nginx | 1.2.3 |", "benchmarks-json.svg", "1.95 ["):
        assert part in page
    assert page.index("x baseline") < page.index("us CPU")
    assert {file.name for file in tmp_path.iterdir()} == {"benchmarks.md", "benchmarks-json.svg"}


@pytest.mark.parametrize(
    ("rounds", "doubt"), [([20.0], "too few samples"), ([20.0, 25.0, 29.0], "the interval reaches across")]
)
def test_the_page_says_which_promise_is_not_sure(rounds: list[float], doubt: str) -> None:
    found = results(json=outcome({"nginx": [10.0] * len(rounds), "gateway": rounds}))
    promise = Target.model_validate(JSON | {"most": 2.5})
    assert f"| met (not sure: {doubt}) |" in document.page(found, target.verdicts(found, [promise]))


def test_a_noisy_scenario_is_named_at_the_top_of_the_page() -> None:
    found = outcome({"nginx": [10.0]}, foreign=0.5)
    assert "not quiet during: json" in document.page(results(json=found), [])


@pytest.mark.parametrize(("again", "doubted"), [(10.1, False), (13.0, True)])
def test_a_control_that_differs_from_itself_is_told_at_the_top_of_the_page(again: float, doubted: bool) -> None:
    found = outcome({"nginx": [10.0] * 2, "nginx-again": [again] * 2})
    assert ("A/A control of json" in document.page(results(json=found), []).partition("## What")[0]) == doubted


@pytest.mark.parametrize("costs", [{"nginx": [1.0, 2.0], "gateway": [2.0, 3.0]}, {"nginx": [1.0], "litellm": [9000.0]}])
def test_bars_are_well_formed_name_everyone_and_turn_logarithmic_when_they_must(costs: dict[str, list[float]]) -> None:
    picture = ElementTree.fromstring(plots.drawn(outcome(costs)) or "")
    texts = [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert set(costs) <= set(texts)
    assert any("logarithmic" in text for text in texts) == ("litellm" in costs)
    assert all(float(bar.get("width", "0")) > 0 for bar in picture.iter("{http://www.w3.org/2000/svg}rect"))


def test_latencies_are_curves_over_percentiles() -> None:
    names = {"p50_ms": 1.0, "p90_ms": 2.0, "p99_ms": 3.0, "p999_ms": 4.0}
    found = Outcome("half load", "latency", "p99_ms", "ms", {}, {}, {"nginx": [names], "gateway": [names]})
    assert "99.9 %" in (plots.drawn(found) or "")


def test_a_round_that_lacks_a_figure_is_left_out_and_the_others_stay_pairs() -> None:
    ours = [{"p99_ms": 1.5}, {}, {"p99_ms": 3.5}, {"p99_ms": 9.5}]
    theirs = [{"p99_ms": 1.0}, {"p99_ms": 2.0}, {"p99_ms": 3.0}, {"p99_ms": 9.0}]
    found = Outcome("half load", "latency", "p99_ms", "ms", {}, {}, {"nginx": theirs, "gateway": ours})
    difference = found.difference("gateway", "p99_ms", "nginx")
    assert difference is not None
    assert difference.value == pytest.approx(0.5)
    assert found.ratio("gateway", "nothing", "nginx") is None


def test_nothing_measured_gives_no_picture_and_an_empty_table() -> None:
    nothing = Outcome("t", "requests", "cpu_us", "us", {}, {}, {}, {"nginx": "absent"})
    assert plots.drawn(nothing) is None
    assert "skipped nginx" in document.page(results(json=nothing), [])


@pytest.mark.parametrize(
    ("after", "word"),
    [([15.0, 15.1, 15.2], "cheaper"), ([29.0, 29.1, 29.2], "dearer"), ([18.0, 22.0, 20.0], "no diff")],
)
def test_two_results_are_compared_by_their_ratios_to_the_baseline(after: list[float], word: str) -> None:
    a = results(json=outcome({"nginx": [10.0, 10.0, 10.0], "gateway": [20.0, 20.1, 19.9]}))
    b = results(json=outcome({"nginx": [10.0, 10.0, 10.0], "gateway": after}))
    [line] = [line for line in compare.of_results(a, b, []) if line.startswith("gateway")]
    assert word in line


def test_two_results_with_nothing_in_common_are_told_so() -> None:
    a, b = results(json=outcome({"nginx": [10.0], "gateway": [20.0]})), results()
    with pytest.raises(ValueError, match="a has json; b has nothing"):
        compare.of_results(a, b, [])


def test_two_results_without_a_baseline_in_both_are_told_so() -> None:
    a, b = results(json=outcome({"nginx": [10.0], "gateway": [20.0]})), results(json=outcome({"gateway": [20.0]}))
    with pytest.raises(ValueError, match="in json no contender was measured with its baseline in both"):
        compare.of_results(a, b, [])


def test_who_compares_latency_measured_in_two_ways_is_told_so() -> None:
    a, b = (results(json=outcome({"nginx": [10.0], "gateway": [20.0]})) for _ in range(2))
    told = "  not to be compared: a was measured before all else, b measured nobody knows how"
    a.machine["latency"] = "measured before all else"
    assert told not in compare.of_results(a, b, [])  # CPU is the same either way
    for each in (a, b):
        each.scenarios["json"].kind = "latency"
    assert told in compare.of_results(a, b, [])
    b.machine["latency"] = a.machine["latency"]
    assert told not in compare.of_results(a, b, [])


def test_a_scenario_that_meant_something_else_is_told_so() -> None:
    a, b = (results(json=outcome({"nginx": [10.0], "gateway": [20.0]})) for _ in range(2))
    told = "  perhaps not the same: in a it was 'large JSON'"
    assert told not in compare.of_results(a, b, [])
    a.scenarios["json"].title = "large JSON"
    assert told in compare.of_results(a, b, [])


def test_a_scenario_that_only_one_run_has_or_none_is_named() -> None:
    a, b = (results(json=outcome({"nginx": [10.0], "gateway": [20.0]})) for _ in range(2))
    with pytest.raises(ValueError, match="jsn: not in both; a has json; b has json"):
        compare.of_results(a, b, ["json", "jsn"])


def test_rounds_at_the_rate_of_an_earlier_one_are_remarked_on() -> None:
    measured = outcome({"nginx": [10.0], "gateway": [20.0]})
    assert not [line for line in table.remarks(measured) if "an earlier one" in line]
    measured.prepared[REUSED] = 2.0
    assert "rounds at the rate of an earlier one, since theirs was not found: 2" in list(table.remarks(measured))
