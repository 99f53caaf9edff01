"""What wrk says, and the programs that must be there."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import tools
from bench.clients.wrk import parse
from bench.contenders.base import Running
from bench.measure import requests

GOOD = '{"requests": 100, "seconds": 2.0, "broken": 0, "refused": 0, "p50_ms": 1.0}'


def test_the_summary_is_found_after_what_wrk_prints_itself() -> None:
    assert parse(f"Running 2s test\n{GOOD}\n")["requests"] == 100


@pytest.mark.parametrize("wrong", ['"broken": 1', '"refused": 1'])
def test_a_run_with_failed_requests_is_no_measurement(wrong: str) -> None:
    name = wrong.partition(":")[0]
    bad = GOOD.replace(f"{name}: 100", wrong).replace(f"{name}: 0", wrong)
    with pytest.raises(RuntimeError, match="nothing to measure"):
        parse(bad)


def test_where_all_are_to_be_refused_the_few_before_the_limit_may_pass_and_no_more() -> None:
    assert parse(GOOD.replace('"refused": 0', '"refused": 99'), refused=True)["refused"] == 99
    with pytest.raises(RuntimeError, match="nothing to measure"):
        parse(GOOD.replace('"refused": 0', '"refused": 98'), refused=True)


def test_without_a_summary_what_wrk_said_is_shown() -> None:
    with pytest.raises(RuntimeError, match="unable to connect"):
        parse("", "unable to connect to 127.0.0.1")


def test_missing_programs_are_named_with_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("apt-get", "present"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = tools.missing(["no-such-one", "present", "no-such-two"])
    assert (
        said == "bench needs no-such-one and no-such-two; install with: sudo apt-get install -y no-such-one no-such-two"
    )
    assert tools.missing(["present"]) is None
    with pytest.raises(RuntimeError, match="bench needs no-such-one"):
        tools.needed("no-such-one")


def test_a_version_is_the_first_number_with_dots_that_a_program_prints() -> None:
    assert tools.version_of([sys.executable, "-c", "print('thing 3, version v12.4.1-deb')"]) == "12.4.1"
    assert tools.version_of(["/no/such/program"]) == "unknown"


@pytest.mark.parametrize(("load", "sent"), [({"before": 1000}, 500), ({"fill": True, "turn": 400}, 200), ({}, 0)])
def test_so_much_is_sent_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, load: dict[str, Any], sent: int
) -> None:
    runs: list[int] = []

    def run_wrk(*_: object) -> dict[str, float]:
        runs.append(99)
        return {"requests": 99}

    monkeypatch.setattr(requests, "run_wrk", run_wrk)
    monkeypatch.setattr(requests, "drive", lambda *_: None)
    half: Any = SimpleNamespace(stage=None, amount=lambda count: count // 2)
    turn: Any = SimpleNamespace(load=requests.Requests(**load))
    requests.prepare(half, [(turn, Running(1, None))])
    assert sent <= sum(runs) < sent + 99 if sent else not runs
