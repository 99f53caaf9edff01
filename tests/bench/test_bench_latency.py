"""At which rate latency is measured, and that it is found again for each round."""

import dataclasses
import os
import subprocess
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from bench import run, scenario
from bench.contenders.base import Running
from bench.measure import KINDS, latency
from bench.measure.base import Figures, Setting, Turn
from bench.measure.latency import Latency, prepare
from bench.results import REUSED, Outcome

MOST = 24_000.0  # requests a second in a closed loop
needs_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the bench needs two cores")


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Those at which a request's cost was looked at: 60 us of CPU at few, 40 when the core is full."""
    asked: list[float] = []

    def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
        asked.append(setting.prepared["rate"])
        return {"cpu_us": 60 - 20 * asked[-1] / MOST}

    monkeypatch.setattr(latency, "run_wrk", lambda *_: {"requests": MOST, "seconds": 1.0})
    monkeypatch.setattr(latency, "measure", measure)
    return asked


def prepared(load: Latency, *, runs: bool = True) -> float:
    setting = cast(Any, SimpleNamespace(stage=None, request=lambda *_: None, prepared={}))
    turn = cast(Any, SimpleNamespace(contender="gateway", load=load))
    prepare(setting, [(turn, Running(1, cast(Any, object()) if runs else None))])
    return float(setting.prepared["rate"])


def test_a_share_of_the_core_keeps_it_busy_for_that_share_of_the_time(rates: list[float]) -> None:
    half = prepared(Latency(share_of="core"))
    assert half * (60 - 20 * half / MOST) / 1e6 == pytest.approx(0.5, abs=0.01)
    assert len(rates) == 2
    quarter = prepared(Latency(share=0.25, share_of="core"))
    assert quarter * (60 - 20 * quarter / MOST) / 1e6 == pytest.approx(0.25, abs=0.01)


def test_half_load_is_half_of_the_highest_rate(rates: list[float]) -> None:
    assert prepared(Latency()) == MOST / 2
    assert rates == []


def test_who_has_no_process_or_does_not_run_tells_no_rate(rates: list[float]) -> None:
    with pytest.raises(RuntimeError, match="depends on what gateway can do, and no process of it runs"):
        prepared(Latency(), runs=False)
    with pytest.raises(RuntimeError, match="depends on what compiled can do"):
        prepared(Latency(of="compiled"))


def rate(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    return {"p99_ms": setting.prepared["rate"]}


def performed(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Outcome:
    kind = dataclasses.replace(KINDS["latency"], **changes)
    monkeypatch.setitem(cast(Any, run.KINDS), "latency", kind)
    known = scenario.load()
    changed = {"contenders": ["aiohttp"], "baseline": "aiohttp", "upstream": known["leaving"].upstream}  # no nginx
    play = known["latency-half-load"].model_copy(update=changed)
    return run.perform(play, ["aiohttp"], run.Options(rounds_at_most=3), lambda *_: None)


@needs_cores
@pytest.mark.parametrize("failure", [RuntimeError("the client was too busy"), FileNotFoundError("it has gone")])
@pytest.mark.parametrize(("each_round", "found"), [(True, [1.0, 2.0, 2.0]), (False, [1.0, 1.0, 1.0])])
def test_the_rate_is_found_for_each_round_with_who_waits_awake_and_an_old_one_serves_when_that_fails(
    monkeypatch: pytest.MonkeyPatch, each_round: bool, found: list[float], failure: Exception
) -> None:
    times = 0

    def prepare(setting: Setting, running: Sequence[tuple[Turn, Running]]) -> None:
        nonlocal times
        times += 1
        [(_, to)] = running
        assert to.process is not None
        assert psutil.Process(to.process.pid).status() != psutil.STATUS_STOPPED
        setting.prepared["rate"] = float(times)
        if times == 3:
            setting.prepared["rate"] = 99.0  # half found
            raise failure

    outcome = performed(monkeypatch, prepare=prepare, measure=rate, each_round=each_round)
    assert [sample["p99_ms"] for sample in outcome.samples["aiohttp"]] == found
    assert outcome.prepared.get(REUSED) == (1.0 if each_round else None)


@needs_cores
def test_without_any_rate_there_is_nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(setting: Setting, running: Sequence[tuple[Turn, Running]]) -> None:
        setting.prepared["rate"] = 99.0
        raise RuntimeError("the client was too busy")

    with pytest.raises(RuntimeError, match="too busy"):
        performed(monkeypatch, prepare=prepare, measure=rate)


@needs_cores
@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("busy"),
        FileNotFoundError("gone"),
        subprocess.TimeoutExpired("open_loop", 3),
        psutil.NoSuchProcess(1),
    ],
)
def test_when_all_have_dropped_out_the_run_ends_with_their_reasons(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
        raise failure

    def prepare(setting: Setting, running: Sequence[tuple[Turn, Running]]) -> None:
        assert running
        setting.prepared["rate"] = 1.0

    outcome = performed(monkeypatch, prepare=prepare, measure=measure)
    assert list(outcome.skipped) == ["aiohttp"]
    assert str(failure) in outcome.skipped["aiohttp"]
