"""The command line: wrong names are told with the right ones; peers are installed each by itself and only once."""

import os
from pathlib import Path

import pytest

from bench import __main__ as cli
from bench import peers, suite
from bench.contenders import CONTENDERS, base, compiled
from bench.contenders.base import Package
from bench.results import Outcome, Results
from bench.run import Options
from bench.scenario import load


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], list[str], Options]]:
    """What the suite was told to run; nothing is measured."""
    calls: list[tuple[list[str], list[str], Options]] = []

    def run(scenarios: dict[str, object], chosen: list[str], options: Options) -> Results:
        calls.append((list(scenarios), list(chosen), options))
        outcomes = {name: Outcome(name, "requests", "cpu_us", "us", {}, {}) for name in scenarios}
        return Results("now", "abc", "python -m bench", {}, {}, {}, outcomes)

    monkeypatch.setattr(suite, "run", run)
    monkeypatch.setattr(suite, "RESULTS", tmp_path)
    monkeypatch.setattr(suite, "publish", lambda results: calls.append((["published"], [], Options())))
    return calls


def test_a_full_run_renders_the_page_and_smaller_ones_leave_it_alone(ran: list) -> None:
    for arguments in (["all", "--quick"], ["all", "--only", "nginx"], ["all", "--no-docs"], ["json", "tls-json"]):
        assert cli.main(["run", *arguments]) == 0
    assert [names for names, *_ in ran[-1:]] == [["json", "tls-json"]]
    assert all(names != ["published"] for names, *_ in ran)
    assert cli.main(["run", "all"]) == 0
    assert [names for names, *_ in ran[-2:]] == [list(load()), ["published"]]


def test_the_page_is_not_rendered_from_a_smaller_run_unless_that_is_said(
    ran: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = {"json": Outcome("json", "requests", "cpu_us", "us", {}, {})}
    folder = suite.save(Results("now", "abc", "python -m bench", {}, {}, {}, outcomes), tmp_path / "small")
    assert cli.main(["render", str(folder)]) == 2
    assert "--partial" in capsys.readouterr().err
    assert not ran
    assert cli.main(["render", str(folder), "--partial"]) == 0
    assert [names for names, *_ in ran] == [["published"]]


def test_who_gives_no_command_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([])
    assert "{run,list,peers,compare,profile,render}" in capsys.readouterr().err


def test_lengths_are_those_of_the_command_line(ran: list) -> None:
    cli.main(["run", "json", "--seconds", "3", "--rounds", "9", "--warm-up", "1", "--only", "nginx,gateway"])
    [(_, chosen, options)] = ran
    assert chosen == ["nginx", "gateway"]
    assert options == Options(seconds=3.0, rounds=9, warm_up=1.0)
    cli.main(["run", "json", "--quick"])
    assert ran[-1][2].scale < 1


def test_rounds_are_more_or_fewer_in_proportion_and_never_none() -> None:
    json, three = load()["json"], load()["jwt"]
    assert (json.rounds, three.rounds) == (None, 3)
    assert [Options(rounds=number).rounds_of(json) for number in (1, 5, 10)] == [1, 5, 10]
    assert [Options(rounds=number).rounds_of(three) for number in (1, 5, 10)] == [1, 3, 6]
    assert Options(rounds=10, rounds_at_most=2).rounds_of(three) == 2


def test_an_unknown_scenario_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "jsonn"]) == 2
    assert "no such scenario: jsonn; there are: all, json, " in capsys.readouterr().err


def test_an_unknown_contender_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "json", "--only", "envoy"])
    assert "no such name: envoy; there are direct, nginx" in capsys.readouterr().err


def test_the_list_names_every_scenario_and_contender(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in [*load(), *CONTENDERS])


@pytest.mark.parametrize(("name", "program"), [("caddy", "bin/caddy"), ("portkey", "node_modules/@portkey-ai")])
def test_a_peer_is_installed_into_a_folder_of_its_own_at_a_pinned_version(name: str, program: str) -> None:
    package = peers.INSTALLED[name]
    words = [word for command in peers.commands(name, package) for word in command]
    assert any(str(base.PEERS / name) in word for word in words)
    assert package.name in words
    assert any(mark in package.name for mark in ("==", "@1."))
    assert program in str(package.path(name))


def test_a_peer_that_is_there_is_left_alone_and_one_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(base, "PEERS", tmp_path)
    monkeypatch.setattr(peers, "PEERS", tmp_path)
    there, wrong = Package("pip", "there==1", "there"), Package("pip", "./no/such/package", "wrong")
    monkeypatch.setattr(peers, "INSTALLED", {"there": there, "wrong": wrong})
    there.path("there").parent.mkdir(parents=True)
    there.path("there").touch()
    assert base.not_installed("there", there)() is None
    assert base.not_installed("wrong", wrong)() == "not installed: python -m bench peers install wrong"
    assert peers.install(["there"]) == 0
    assert peers.install(["wrong"]) == 1
    said = capsys.readouterr().out
    assert "there: already there" in said
    assert "./no/such/package failed" in said
    with pytest.raises(ValueError, match="no such peer: envoy; there are there, wrong"):
        peers.install(["envoy"])


def test_the_compiled_form_is_stale_when_a_source_is_newer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "built")
    monkeypatch.setattr(compiled, "BUILT", tmp_path / "built" / "mypyc.log")
    source = tmp_path / "gateway" / "wire" / "a.py"
    for file in (source, tmp_path / "built" / "mypyc.log", tmp_path / "built" / "x.so"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    os.utime(source, (1000, 1000))
    assert not compiled.stale()
    os.utime(source, (4e9, 4e9))
    assert compiled.stale()
    (tmp_path / "built" / "x.so").unlink()
    os.utime(source, (1000, 1000))
    assert compiled.stale()
