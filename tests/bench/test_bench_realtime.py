"""--realtime: who takes part goes first while it is open, and whatever happens all is as before."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from realtime import needs_realtime
from waiting import wait_until

from bench.process import Process, free_ports, spawn
from bench.realtime import going_first
from bench.stage import Stage


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    core = min(os.sched_getaffinity(0))
    process = Process(["sleep", "60"], core, tmp_path / "log")
    yield process
    process.stop()


def policies(process: Process) -> set[int]:
    found = set()
    for number in process.threads():
        with suppress(ProcessLookupError):  # it ended meanwhile, as a server's thread for a connection does
            found.add(os.sched_getscheduler(number))
    return found


@needs_realtime
def test_a_process_its_client_and_the_bench_go_first_inside_and_not_after(process: Process) -> None:
    core, before = min(os.sched_getaffinity(0)), os.sched_getscheduler(0)
    with going_first([process]):
        assert policies(process) == {os.SCHED_FIFO}
        with spawn(["sleep", "60"], core) as client:
            assert os.sched_getscheduler(client.pid) == os.SCHED_FIFO
            client.kill()
    assert policies(process) == {os.SCHED_OTHER}
    assert os.sched_getscheduler(0) == before


@needs_realtime
def test_all_is_as_before_when_the_run_is_interrupted(process: Process) -> None:
    with pytest.raises(KeyboardInterrupt), going_first([process]):
        raise KeyboardInterrupt
    assert policies(process) == {os.SCHED_OTHER}


@needs_realtime
def test_what_a_process_starts_meanwhile_goes_first_with_it_and_is_as_before_with_it(tmp_path: Path) -> None:
    script = 'until [ -e "$0/begin" ]; do sleep 0.01; done; sleep 60 & : > "$0/begun"; wait'
    parent = Process(["sh", "-c", script, str(tmp_path)], min(os.sched_getaffinity(0)), tmp_path / "log")
    try:
        with going_first([parent]):
            (tmp_path / "begin").touch()
            wait_until((tmp_path / "begun").exists, 10, parent.last_words)
            assert len(parent.threads()) == 2
            assert policies(parent) == {os.SCHED_FIFO}
        assert policies(parent) == {os.SCHED_OTHER}
    finally:
        parent.stop()


def test_a_child_that_ends_meanwhile_does_not_hide_the_others(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    with spawn(["sleep", "60"], min(os.sched_getaffinity(0))) as child:
        gone = psutil.Process(child.pid)
        child.kill()
    monkeypatch.setattr(process, "_family", lambda: [gone, psutil.Process(process.pid)])
    assert process.threads() == [process.pid]


@needs_realtime
def test_one_that_has_ended_is_no_trouble(process: Process) -> None:
    process.stop()
    assert process.threads() == []
    with going_first([process]):
        pass


def test_who_may_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int, policy: int, _: os.sched_param) -> None:
        if policy != os.SCHED_OTHER:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with pytest.raises(RuntimeError, match="--realtime: Operation not permitted; use sudo"), going_first(()):
        pass


@needs_realtime
@pytest.mark.parametrize(("asked", "policy"), [(True, os.SCHED_FIFO), (False, os.SCHED_OTHER)])
def test_what_runs_on_a_stage_goes_first_only_if_it_was_asked_for(asked: bool, policy: int) -> None:
    with Stage.set(realtime=asked) as stage:
        [port] = free_ports(1)
        listener = stage.start(
            "listener", [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], port
        )
        with stage.undisturbed():
            assert policies(listener) == {policy}
        assert policies(listener) == {os.SCHED_OTHER}
