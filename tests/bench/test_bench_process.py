"""Children of the bench: their cost is seen, their failures are told, and they end."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.contenders import start
from bench.process import free_ports
from bench.stage import Stage
from bench.streams import event_upstream, open_connections

LISTEN = "import socket; s = socket.create_server(('127.0.0.1', {port})); "


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    core = min(psutil.Process().cpu_affinity())
    return Stage(core, core, tmp_path)


def test_cpu_time_of_a_process_and_its_children_is_counted(stage: Stage) -> None:
    port = free_ports(1)[0]
    code = LISTEN.format(port=port) + "import os; os.fork() or exec('while True: pass'); os.wait()"
    with stage:
        process = stage.start("forking", [sys.executable, "-c", code], port)
        before, deadline = process.cpu(), time.monotonic() + 10
        while process.cpu() < before + 0.05:
            assert time.monotonic() < deadline, "the child's work is not seen"
        assert process.memory() > 1_000_000


def test_a_process_that_dies_at_once_is_reported_with_its_last_words(stage: Stage) -> None:
    with stage, pytest.raises(RuntimeError, match="out of cheese"):
        stage.start("dying", [sys.executable, "-c", "raise SystemExit('out of cheese')"], free_ports(1)[0])


def test_processes_end_with_the_stage(stage: Stage) -> None:
    port = free_ports(1)[0]
    with stage:
        stage.start("waiting", [sys.executable, "-c", LISTEN.format(port=port) + "import time; time.sleep(60)"], port)
        assert _children()
    assert not _children()


def test_events_come_through_a_proxy_and_are_counted_and_timed(stage: Stage) -> None:
    with stage:
        proxy = start("aiohttp", stage, event_upstream(stage, 2, per_second=100), streaming=True)
        with open_connections(proxy.port, 3, stage.load_core) as client:
            deadline = time.monotonic() + 10
            seen = client.since_last()
            while not seen["events"]:
                assert time.monotonic() < deadline, "no event came"
                seen = client.since_last()
    assert 0 < seen["p50_ms"] <= seen["p99_ms"] <= seen["max_ms"]


def test_a_proxy_that_refuses_is_not_measured(stage: Stage) -> None:
    with stage:
        proxy = start("aiohttp", stage, free_ports(1), streaming=True)
        with pytest.raises(RuntimeError, match="500 Internal"), open_connections(proxy.port, 1, stage.load_core):
            pass


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)
