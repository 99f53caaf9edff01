"""The locust files against a gateway as a stranger starts it; gevent stays in locust's own processes."""

import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from bench.process import free_ports

FILES = Path(__file__).parents[2] / "bench" / "locust"
ENVIRONMENT = {**os.environ, "THINK": "0.3", "MAX_TOKENS": "6", "PROMPT": "300"}
WITHIN = 30.0
CUT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'2f\r\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\n\r\n'
)


class CutsStreams(socketserver.StreamRequestHandler):
    """An upstream whose streams break after one token."""

    def handle(self) -> None:
        while (line := self.rfile.readline()) != b"\r\n":
            assert line
        self.wfile.write(CUT)


@dataclass
class Runs:
    """Locust at work, three times at once: they take their time to start."""

    mixed: "subprocess.Popen[str]"
    cut: "subprocess.Popen[str]"
    shown: "subprocess.Popen[str]"
    page: str
    directory: Path

    def rows(self, name: str, exit_code: int) -> dict[tuple[str, str], dict[str, Any]]:
        """The statistics at the end of a run, by type and name."""
        process: subprocess.Popen[str] = getattr(self, name)
        output, complaints = process.communicate(timeout=WITHIN)
        assert process.returncode == exit_code, output + complaints
        return {(row["method"], row["name"]): row for row in json.loads((self.directory / f"{name}.json").read_text())}


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[str, str]]:
    """The address and the token that `ai-api-gateway demo` prints."""
    command = [sys.executable, "-u", "-m", "gateway", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said = ""
        while "TOKEN=" not in said:
            line = process.stdout.readline()
            assert line, f"the demo ended: {said}"
            said += line
        yield re.search(r"http://[^/]+", said)[0], re.search("TOKEN=(.+)", said)[1]
        process.terminate()
        process.stdout.read()


@pytest.fixture(scope="module")
def cutting() -> Iterator[str]:
    """The address of an upstream whose streams break."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), CutsStreams) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


@pytest.fixture(scope="module")
def runs(demo: tuple[str, str], cutting: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    directory = tmp_path_factory.mktemp("locust")
    port = str(free_ports(1)[0])
    with ExitStack() as stack:

        def locust(file: str, host: str, token: str, *options: str) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "locust", "-f", str(FILES / file), "--host", host, "-r", "20", *options]
            environment, pipe = {**ENVIRONMENT, "TOKEN": token}, subprocess.PIPE
            process = stack.enter_context(
                subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
            )
            stack.callback(process.kill)
            return process

        def headless(name: str, users: str) -> tuple[str, ...]:
            report = str(directory / name)
            return "--headless", "-u", users, "-t", "2s", "--stop-timeout", "5", "--json-file", report

        mixed = locust("mixed.py", *demo, *headless("mixed", "10"))
        cut = locust("stream.py", cutting, "", *headless("cut", "1"))
        web = ("--autostart", "-u", "1", "--web-host", "127.0.0.1", "--web-port", port)
        shown = locust("leaving.py", *demo, *web)
        yield Runs(mixed, cut, shown, f"http://127.0.0.1:{port}", directory)


def test_all_kinds_of_users_get_what_they_ask_for(runs: Runs) -> None:
    """Requests of each kind, no failure, and streams with their time to first token, gaps and rates."""
    rows = runs.rows("mixed", 0)
    assert {name for kind, name in rows if kind == "POST"} >= {"stream", "chat", "embeddings"}
    assert sum(row["num_failures"] for row in rows.values()) == 0
    stream, first, gap, rate = (rows[kind, "stream"] for kind in ("POST", "TTFT", "gap", "tokens/s"))
    assert stream["num_requests"] == first["num_requests"] == rate["num_requests"] > 0
    assert gap["num_requests"] == 5 * stream["num_requests"]
    assert first["min_response_time"] >= 50, "the demo's first token takes 50 ms"
    assert stream["total_response_time"] >= first["total_response_time"] + gap["total_response_time"]
    assert rate["min_response_time"] > 1


def test_a_stream_that_breaks_is_a_failure(runs: Runs) -> None:
    stream = runs.rows("cut", 1)["POST", "stream"]
    assert stream["num_failures"] == stream["num_requests"] > 0


def test_the_web_page_shows_users_at_work(runs: Runs) -> None:
    wait_until(lambda: shown_on(runs.page) or runs.shown.poll() is not None, WITHIN, lambda: "no request in time")
    assert runs.shown.poll() is None, runs.shown.communicate()
    assert shown_on(runs.page)["num_failures"] == 0


def shown_on(page: str) -> dict[str, Any]:
    """What the page shows of requests, as soon as there is one."""
    try:
        with closing(urllib.request.urlopen(f"{page}/stats/requests", timeout=5)) as reply:
            rows = json.load(reply)["stats"]
    except OSError:
        return {}
    return next((row for row in rows if row["method"] == "POST"), {})


@pytest.mark.parametrize("settings", [{"THINK": "soon"}, {"PROMPT": "-1"}])
def test_a_setting_that_is_no_number_is_named(settings: dict[str, str]) -> None:
    ((name, value),) = settings.items()
    command, environment = [sys.executable, "-c", "import settings"], {**os.environ, **settings}
    ran = subprocess.run(command, cwd=FILES, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, f"{name}={value}: not a number from 0 on\n")
