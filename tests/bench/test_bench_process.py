"""Children of the bench: their cost is seen, their failures are told, and they end."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.clients.held import open_connections
from bench.clients.request import Shape, request
from bench.contenders import CONTENDERS
from bench.contenders.base import Job, Running
from bench.cores import Cores
from bench.process import free_ports
from bench.stage import Stage
from bench.upstreams import events

LISTEN = "import socket; s = socket.create_server(('127.0.0.1', {port})); "


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    core = min(psutil.Process().cpu_affinity())
    return Stage(Cores(core, core, core), tmp_path)


def _listening(stage: Stage, then: str = "import time; time.sleep(60)"):
    port = free_ports(1)[0]
    return stage.start("listening", [sys.executable, "-c", LISTEN.format(port=port) + then], port)


def test_cpu_time_of_a_process_and_its_children_is_counted(stage: Stage) -> None:
    with stage:
        process = _listening(stage, "import os; os.fork() or exec('while True: pass'); os.wait()")
        before, deadline = process.cpu(), time.monotonic() + 10
        while process.cpu() < before + 0.05:
            assert time.monotonic() < deadline, "the child's work is not seen"
        assert process.memory() > 1_000_000


def test_cpu_time_of_threads_that_have_ended_is_counted(stage: Stage) -> None:
    code = "import threading, time; t = threading.Thread(target=lambda: sum(range(10**7)));"
    code += "s.accept(); t.start(); t.join(); open('done', 'w'); time.sleep(60)"
    with stage:
        port = free_ports(1)[0]
        command = [sys.executable, "-c", LISTEN.format(port=port) + code]
        process = stage.start("threaded", command, port, cwd=stage.directory)
        deadline = time.monotonic() + 20
        while not (stage.directory / "done").exists():
            assert time.monotonic() < deadline, "the thread does not end"
        # ten million additions take well above a tick of 10 ms
        assert process.cpu() > 0.05


def test_the_peak_of_memory_is_seen_after_it_has_passed(stage: Stage) -> None:
    code = "s.accept(); s.accept(); b = bytearray(40_000_000); b[::4096] = b'x' * len(b[::4096]); del b;"
    code += "open('done', 'w'); import time; time.sleep(60)"
    with stage:
        port = free_ports(1)[0]
        command = [sys.executable, "-c", LISTEN.format(port=port) + code]
        process = stage.start("peak", command, port, cwd=stage.directory)
        process.forget_peak()
        before = process.memory()
        process.wait_for(port)  # connects, which lets it go on
        deadline = time.monotonic() + 20
        while not (stage.directory / "done").exists():
            assert time.monotonic() < deadline, "it does not go on"
        assert process.peak() - before > 30_000_000


def test_a_process_that_dies_at_once_is_reported_with_its_last_words(stage: Stage) -> None:
    with stage, pytest.raises(RuntimeError, match="out of cheese"):
        stage.start("dying", [sys.executable, "-c", "raise SystemExit('out of cheese')"], free_ports(1)[0])


def test_processes_end_with_the_stage(stage: Stage) -> None:
    others = set(_children())  # of tests that ran before in this process, such as a Redis for a whole session
    with stage:
        _listening(stage)
        assert set(_children()) > others
    assert set(_children()) <= others


def test_children_see_nothing_of_the_environment_but_the_search_path(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "of the person who runs the bench")
    assert set(stage.environment({"ASKED_FOR": "1"})) == {"PATH", "HOME", "LANG", "ASKED_FOR"}


def _streaming(stage: Stage, upstreams: list[int]) -> Running:
    return CONTENDERS["aiohttp"].start(stage, Job(tuple(upstreams), streaming=True))


def test_events_come_through_a_proxy_and_are_counted_and_timed(stage: Stage) -> None:
    with stage:
        proxy = _streaming(stage, events.start(stage, 2, {"per_second": 100}))
        with open_connections(stage, proxy.port, 3, request(proxy, Shape(stream=True))) as client:
            deadline = time.monotonic() + 10
            seen = client.since_last()
            while not seen["events"] or not seen["gap_p99_ms"]:
                assert time.monotonic() < deadline, "no event came"
                seen = client.since_last()
    assert 0 < seen["p50_ms"] <= seen["p99_ms"] <= seen["p999_ms"]


def test_a_client_that_leaves_is_gone_and_the_upstream_can_tell(stage: Stage) -> None:
    with stage:
        ports = events.start(stage, 1, {})
        direct = Running(ports[0], None, base="/v1")
        with open_connections(stage, direct.port, 3, request(direct, Shape(stream=True))) as client:
            assert events.open_streams(ports[0]) == 3
            client.leave()
            deadline = time.monotonic() + 10
            while events.open_streams(ports[0]):
                assert time.monotonic() < deadline, "the upstream keeps streams of a client that is gone"


def test_a_proxy_that_refuses_is_not_measured(stage: Stage) -> None:
    with stage:
        ports = free_ports(1)
        with pytest.raises(RuntimeError, match=r"does not serve.*500 Internal"):
            _streaming_soon(stage, ports)


def _streaming_soon(stage: Stage, ports: list[int]) -> None:
    from bench.contenders import ready

    running = CONTENDERS["direct"].start(stage, Job(tuple(ports)))
    command = [sys.executable, "-m", "bench.plain_aiohttp", str(free_ports(1)[0]), *map(str, ports)]
    process = stage.start("aiohttp", command, int(command[3]))
    ready.ready(Running(int(command[3]), process), Job((running.port,)), patience=0.1)


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_paused_process_does_nothing_until_it_is_resumed_and_can_be_ended(stage: Stage) -> None:
    with stage:
        process = _listening(stage, "exec('while True: pass')")
        process.pause()
        deadline = time.monotonic() + 10
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "it goes on"
        before = process.cpu()
        process.resume()
        while process.cpu() < before + 0.02:
            assert time.monotonic() < deadline, "it does not go on"
        process.pause()
        process.stop()
        assert not psutil.pid_exists(process.pid)
