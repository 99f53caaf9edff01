"""One scenario, really run: small, but with real proxies, a real load and the kernel's accounts."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from bench import compare, scenario, suite
from bench.contenders import CONTENDERS, gateway
from bench.contenders.base import Contender, Job, Running
from bench.run import Options, perform
from bench.stage import Stage
from bench.tools import missing

TINY = Options(seconds=0.3, warm_up=0.1, scale=0.02, rounds_at_most=2)
ABSENT = missing(["nginx", "wrk"])
pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the bench needs two cores")
needs_tools = pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "")


def say(text: str, share: float) -> None:
    assert 0 <= share <= 1


@needs_tools
def test_a_run_measures_everyone_in_turns_and_leaves_tables_pictures_and_raw_numbers(tmp_path: Path) -> None:
    json = scenario.load()["json"].model_copy(update={"contenders": ["direct", "nginx", "aiohttp"]})
    found = suite.run({"json": json}, ["direct", "nginx", "aiohttp"], TINY)
    outcome = found.scenarios["json"]
    assert {label: len(samples) for label, samples in outcome.samples.items()} == {
        "direct": 2,
        "nginx": 2,
        "aiohttp": 2,
    }, outcome.skipped
    assert outcome.against_baseline("aiohttp").value > 1
    assert outcome.values("nginx", "cpu_us")
    assert not outcome.values("direct", "cpu_us")
    assert all({"foreign", "stolen"} <= set(sample) for sample in outcome.all_samples)
    folder = suite.save(found, tmp_path / "results")
    assert {file.name for file in folder.iterdir()} == {"raw.json", "table.txt", "json.svg"}


@needs_tools
def test_who_does_not_start_or_does_not_serve_is_skipped_with_a_reason_and_the_others_go_on() -> None:
    def refuse(stage: Stage, job: Job) -> Running:
        raise RuntimeError("the dog ate the\nconfiguration")

    extra = {
        "absent": Contender("", lambda: "it is not here", lambda: "", refuse),
        "broken": Contender("", lambda: None, lambda: "", refuse),
    }
    known = scenario.load()["json"].model_copy(update={"contenders": ["nginx", "absent", "broken"]})
    options = Options(seconds=0.3, warm_up=0.1, rounds_at_most=1, extra=extra)
    outcome = perform(known, list(known.contenders), options, say)
    assert outcome.skipped == {"absent": "it is not here", "broken": "the dog ate the configuration"}
    assert list(outcome.samples) == ["nginx"]


@pytest.mark.parametrize("name", ["download-1g", "upload-1g", "leaving", "idle-10k"])
def test_bodies_departures_and_memory_are_measured_through_the_plain_proxy(name: str) -> None:
    if ABSENT and name == "idle-10k":
        pytest.skip(ABSENT)
    known = scenario.load()[name].model_copy(update={"contenders": ["aiohttp"], "baseline": "aiohttp"})
    outcome = perform(known, ["aiohttp"], Options(seconds=0.2, warm_up=0.1, scale=0.01, rounds_at_most=1), say)
    assert not outcome.skipped
    [sample] = outcome.samples["aiohttp"]
    assert sample[outcome.cost] > 0


def test_the_open_loop_charges_a_proxy_that_stalls_for_all_who_came_meanwhile(tmp_path: Path) -> None:
    from bench.clients import open_loop

    stall, rate = 0.2, 500.0
    with StallingOnce(stall) as port:
        load = open_loop.Load(port, 4, b"GET / HTTP/1.1\r\n\r\n")
        load.run(open_loop.moments(rate, 1.0, time.monotonic()))
    slow = sum(latency > stall / 4 for latency in load.latencies)
    # A closed loop of 4 connections would have seen 4 slow answers; here some 75 were due while nothing moved.
    assert slow > 40
    assert max(load.latencies) >= stall


def test_the_calm_p99_leaves_out_a_stall_of_the_machine_but_not_what_happens_all_the_time() -> None:
    from bench.clients.open_loop import calm_p99

    dues = [number / 2000 for number in range(2000)]  # a second
    now_and_then = [0.005 if number % 50 == 0 else 0.001 for number in range(2000)]  # two of a hundred
    assert calm_p99(dues, now_and_then, 2000) == 0.005
    stalled = [max(0.6 - due, 0.001) if 0.5 <= due < 0.6 else 0.001 for due in dues]
    assert sorted(stalled)[int(0.99 * len(stalled))] > 0.05
    assert calm_p99(dues, stalled, 2000) == 0.001
    assert calm_p99([], [], 0) == 0


@pytest.mark.parametrize("rate", [20, 200, 700, 1000, 50_000])
def test_the_calm_p99_is_there_at_every_rate_and_of_requests_enough(rate: int) -> None:
    from bench.clients.open_loop import calm_p99

    dues = [number / rate for number in range(4 * rate)]
    latencies = [0.005 if number % 50 == 0 else 0.001 for number in range(len(dues))]
    assert calm_p99(dues, latencies, rate) == 0.005


def test_requests_are_due_at_the_rate_that_was_asked_for_and_the_same_each_time() -> None:
    from bench.clients.open_loop import moments

    due = list(moments(1000.0, 10.0, 5.0))
    assert len(due) == pytest.approx(10_000, rel=0.05)
    assert all(5.0 < one < other < 15.0 for one, other in pairwise(due))
    assert due == list(moments(1000.0, 10.0, 5.0))


def test_two_commits_take_turns_with_the_gateway_s_options_and_the_first_is_the_baseline() -> None:
    known = scenario.load()
    [one, other] = compare.against(known["refused-429"], ["a", "b"]).entries(["a", "b"])
    assert (one.baseline, other.baseline) == ("a", "a")
    assert one.options == other.options == known["refused-429"].options["gateway"]
    assert compare.against(known["latency-half-load"], ["a", "b"]).entries(["a"])[0].load.of == "a"


def test_an_unknown_commit_is_told() -> None:
    with pytest.raises(ValueError, match="no-such-commit: neither a results folder"):
        compare.compare("no-such-commit", "HEAD", ["json"], TINY)


@needs_tools
def test_the_gateway_runs_from_any_folder_with_its_options_on_top(tmp_path: Path) -> None:
    job = Job((1,), options={"ratelimit": {"enabled": False}})
    tree = gateway.config(8080, job)
    assert tree["ratelimit"]["enabled"] is False
    assert tree["ratelimit"]["bucket_size"] == 10 * gateway.NEVER
    assert CONTENDERS["gateway"].version() == CONTENDERS["compiled"].version()


class StallingOnce:
    """A server that answers each request at once, but once does nothing for so many seconds; gives its port."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> int:
        import threading
        from selectors import EVENT_READ, DefaultSelector
        from socket import create_server

        self._listener, self._stop = create_server(("127.0.0.1", 0)), threading.Event()
        selector = DefaultSelector()
        selector.register(self._listener, EVENT_READ)

        def serve() -> None:
            answered, opened = 0, []
            while not self._stop.is_set():
                for key, _ in selector.select(0.05):
                    if key.fileobj is self._listener:
                        opened.append(self._listener.accept()[0])
                        selector.register(opened[-1], EVENT_READ)
                    elif key.fileobj.recv(65536):
                        answered += 1
                        if answered == 50:
                            self._stop.wait(self._seconds)
                        key.fileobj.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    else:
                        selector.unregister(key.fileobj)
            for each in [*opened, self._listener]:
                each.close()

        self._thread = threading.Thread(target=serve)
        self._thread.start()
        return self._listener.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
