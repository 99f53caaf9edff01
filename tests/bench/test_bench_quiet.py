"""Which moments count as the machine's own, and that a core's pulse tells them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest
from realtime import needs_realtime

from bench import quiet
from bench.clients import open_loop
from bench.clients.pulse import PERIOD, Pulse
from bench.measure import latency
from bench.quiet import SLOT, disturbed, figures, pulses, shortest
from bench.stage import ROOT

ALONE = {0: 4e-6, 1: 5e-6}
CORE = min(os.sched_getaffinity(0))


def test_a_quiet_core_disturbs_nothing() -> None:
    assert disturbed({0: [(10.01, 0.0002, 4e-6), (10.06, 0.0009, 5.3e-6)], 1: [(10.01, 0.0, 6.7e-6)]}, ALONE) == set()


def test_a_slow_beat_disturbs_its_slot_and_the_next_on_whichever_core() -> None:
    assert disturbed({0: [(10.01, 0.0, 4e-6)], 1: [(10.06, 0.0, 6.8e-6)]}, ALONE) == {201, 202}


def test_a_stop_disturbs_all_slots_from_when_the_beat_was_due() -> None:
    assert disturbed({0: [(10.11, 0.03, 4e-6)]}, ALONE) == {201, 202, 203}
    assert disturbed({0: [(10.0505, 0.0011, 4e-6)]}, ALONE) == {200, 201, 202}


def test_a_stop_by_the_limit_for_real_time_processes_is_not_excused() -> None:
    assert disturbed({0: [(10.06, 0.05, 4e-6)]}, ALONE) == set()


def test_the_shortest_work_of_each_core_is_remembered() -> None:
    beats = {0: [(1.0, 0.0, 5e-6), (1.1, 0.0, 4e-6)], 1: [(1.0, 0.0, 7e-6)], 2: []}
    assert shortest(beats, {1: 5e-6, 2: 3e-6}) == {0: 4e-6, 1: 5e-6, 2: 3e-6}


def test_every_request_of_a_quiet_moment_counts_and_none_of_another() -> None:
    dues = [10 + number / 10_000 for number in range(1000)]  # two slots
    latencies = [0.5 if due < 10 + SLOT else 0.002 if number % 50 == 0 else 0.001 for number, due in enumerate(dues)]
    assert figures(dues, latencies, {200}) == {"quiet": 0.5, "quiet_p99_ms": 2.0}
    assert figures(dues, latencies, set()) == {"quiet": 1.0, "quiet_p99_ms": 500.0}


def test_too_few_requests_have_no_percentile() -> None:
    assert figures([10.0] * 199, [0.001] * 199, set()) == {"quiet": 1.0}
    assert figures([10.0] * 400, [0.001] * 400, {200}) == {"quiet": 0.0}
    assert figures([10.0] * 1700 + [20.0] * 300, [0.001] * 2000, {200}) == {"quiet": 0.15}
    assert figures([], [], set()) == {"quiet": 0.0}


def test_a_beat_tells_how_late_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse, now, naps = Pulse(), [100.0], [0.0, 0.03, 0.0005]  # the second time the core stands still

    def nap(seconds: float) -> None:
        now[0] += seconds + naps[len(pulse.beats)]
        if len(pulse.beats) == len(naps) - 1:
            pulse.end()

    monkeypatch.setattr("bench.clients.pulse.time.monotonic", lambda: now[0])
    monkeypatch.setattr("bench.clients.pulse.time.sleep", nap)
    pulse.run()
    moments, late = [beat[0] for beat in pulse.beats], [beat[1] for beat in pulse.beats]
    assert late == pytest.approx([0.0, 0.03, 0.0005])
    assert moments == pytest.approx([100 + PERIOD, 100 + 2 * PERIOD + 0.03, 100 + 3 * PERIOD + 0.0305])
    assert all(took > 0 for _, _, took in pulse.beats)


@needs_realtime
def test_a_core_has_a_pulse_while_it_is_watched() -> None:
    before = time.monotonic()
    with pulses([CORE], cwd=ROOT) as beats:
        assert beats == {}
        time.sleep(20 * PERIOD)  # what is measured, not a wait for something
    assert len(beats[CORE]) >= 3
    assert all(before < moment < time.monotonic() and took > 0 for moment, _, took in beats[CORE])


@needs_realtime
def test_a_pulse_that_is_killed_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def spawn(command: list[str], core: int, **options: Any) -> "subprocess.Popen[str]":
        started.append(subprocess.Popen(command, text=True, **options))
        return started[-1]

    monkeypatch.setattr(quiet, "spawn", spawn)
    with pytest.raises(RuntimeError, match=f"no pulse of core {CORE}: it ended with -9"), pulses([CORE], cwd=ROOT):
        started[0].kill()
        started[0].wait()


@needs_realtime
def test_a_pulse_that_dies_is_told_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def spawn(command: list[str], core: int, **options: Any) -> "subprocess.Popen[str]":
        wrong = [sys.executable, "-c", "raise SystemExit('no more pulses')"]
        started.append(subprocess.Popen(wrong if started else command, text=True, **options))
        return started[-1]

    monkeypatch.setattr(quiet, "spawn", spawn)
    with pytest.raises(RuntimeError, match=f"no pulse of core {CORE}: .*no more pulses"), pulses([7, CORE], cwd=ROOT):
        pytest.fail("nothing is to be measured")
    assert [process.returncode for process in started] == [-signal.SIGKILL, 1]


def test_all_requests_of_an_open_loop_come_back(tmp_path: Path) -> None:
    file = tmp_path / "latencies"
    open_loop.write(file, [1.0, 2.5], [0.25, 0.125])
    dues, latencies = open_loop.read(file)
    assert (list(dues), list(latencies)) == ([1.0, 2.5], [0.25, 0.125])


def test_the_shortest_beat_of_earlier_rounds_judges_a_round_that_was_slow_throughout(tmp_path: Path) -> None:
    file, setting = tmp_path / "latencies", cast(Any, type("Setting", (), {"prepared": {}})())
    open_loop.write(file, [10.0] * 300, [0.001] * 300)
    assert latency.undisturbed(setting, {0: [(10.01, 0.0, 4e-6)]}, file)["quiet"] == 1.0
    assert latency.undisturbed(setting, {0: [(10.01, 0.0, 7e-6)]}, file) == {"quiet": 0.0}
    assert setting.prepared == {"shortest beat in seconds, core 0": 4e-6}
