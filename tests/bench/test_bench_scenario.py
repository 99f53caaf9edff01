"""Scenarios are data, and wrong data is told key by key."""

import pytest

from bench import scenario, target
from bench.contenders import CONTENDERS
from bench.measure import KINDS

SMALL = """
[one]
title = "t"
kind = "requests"
contenders = ["nginx", "gateway"]
"""


def test_the_shipped_file_is_valid_and_every_kind_is_used() -> None:
    known = scenario.load()
    assert {each.kind for each in known.values()} == set(KINDS)
    assert {name for each in known.values() for name in each.contenders} == set(CONTENDERS)


def test_the_issue_s_scenarios_are_all_there() -> None:
    known = scenario.load()
    streams = {known[name].entries(["gateway"])[0].load.streams for name in known if known[name].kind == "streams"}
    assert streams >= {100, 500, 1000}
    assert known["idle-10k"].entries(["gateway"])[0].load.connections == 10_000
    assert [entry.upstreams for entry in known["upstreams"].entries(["gateway"])] == [1, 10, 100, 1000]
    assert [entry.load.turn for entry in known["keys"].entries(["gateway"])] == [1, 1000, 1_000_000]
    assert {known[name].entries(["nginx"])[0].load.bytes for name in ("upload-1g", "download-1g")} == {1 << 30}


def test_every_target_speaks_of_a_scenario_a_figure_and_contenders_that_exist() -> None:
    known = scenario.load()
    for each in target.load():
        measured = known[each.scenario]
        assert {*each.subjects, *each.against} <= set(measured.contenders), each
        kind = KINDS[measured.kind]
        assert each.figure in {kind.cost, *kind.shown, "gap_p99_ms"}, each


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kinds = "requests"', "one.kinds: Extra inputs"),
        ("rounds = 0", "one.rounds: Input should be greater"),
        ("load.bodys = [1]", "bodys"),
        ('upstream.kind = "telepathy"', "no such name: telepathy; there are constant"),
        ("options = { envoy = {} }", "no such name: envoy"),
        ('variants = [{ name = "x", upstreams = 0 }]', "one.variants.0.upstreams"),
    ],
)
def test_wrong_keys_and_values_are_named(line: str, said: str) -> None:
    with pytest.raises(ValueError, match="one") as caught:
        scenario.read(SMALL + line)
    assert said in str(caught.value)


def test_all_mistakes_come_in_one_go() -> None:
    with pytest.raises(ValueError, match="one") as caught:
        scenario.read(SMALL + "rounds = 0\nlonger = -1\n")
    assert len(str(caught.value).splitlines()) == 2


def test_contenders_without_variants_are_compared_with_the_baseline() -> None:
    [nginx, gateway] = scenario.read(SMALL)["one"].entries(["nginx", "gateway"])
    assert (nginx.baseline, gateway.baseline) == ("nginx", "nginx")
    assert [entry.label for entry in scenario.read(SMALL)["one"].entries(["gateway"])] == ["gateway"]


def test_variants_are_compared_with_the_first_of_the_same_contender_and_add_their_options() -> None:
    text = SMALL + (
        'options.gateway.log = { access = false }\nload.connections = 8\nvariants = [{ name = "few" }, '
        '{ name = "many", upstreams = 9, load = { connections = 9 }, options = { gateway = { jwt = { x = 1 } } } }]'
    )
    few, many = scenario.read(text)["one"].entries(["gateway"])
    assert (few.label, many.label) == ("gateway, few", "gateway, many")
    assert many.baseline == few.baseline == "gateway, few"
    assert (few.upstreams, many.upstreams) == (4, 9)
    assert (few.load.connections, many.load.connections) == (8, 9)
    assert many.options == {"log": {"access": False}, "jwt": {"x": 1}}
