"""A newcomer pastes what the README shows, in its order, and it works."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from gateway_process import GatewayProcess, Line, port_of
from test_ship_documents import blocks

from ship.chart import ROOT

README = ROOT / "README.md"
UPSTREAMS = [f"http://10.0.0.{number}:8000/v1" for number in (1, 2)]


@contextmanager
def model() -> Iterator[str]:
    """The URL of a demo model server."""
    command = [sys.executable, "-m", "gateway.demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().split()[-1]}/v1"
        finally:
            process.terminate()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A directory with a `.venv` that has the gateway's command."""
    (programs := tmp_path / ".venv/bin").mkdir(parents=True)
    (programs / "ai-api-gateway").symlink_to(Path(sys.executable).with_name("ai-api-gateway"))
    return tmp_path


def paste(text: str, clone: Path) -> str:
    """What a shell says to `text`; every line of it works."""
    line = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(line, cwd=clone, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout


def greeted(line: Line) -> int | None:
    match = re.search(r"AI API Gateway on http://127\.0\.0\.1:([0-9]+)/", line.get("text", ""))
    return int(match[1]) if match else None


def test_openai_client_of_the_readme_streams_from_the_demo() -> None:
    (program,) = blocks(README, "python")
    with GatewayProcess("demo", "--port", "0", ready=greeted, speaks_json=False) as gateway:
        token = gateway.wait_for(lambda line: line.get("text", "").startswith("TOKEN="))["text"].removeprefix("TOKEN=")
        program = program.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}").replace("<the token>", token)
        assert len(paste(f"{sys.executable} - <<'END'\n{program}\nEND", Path.cwd()).split()) > 5


@contextmanager
def terminal(text: str, clone: Path) -> Iterator[int]:
    """`text` is pasted there, and its last command stays: the port on which that listens."""
    before, _, last = text.strip().rpartition("\n")
    command = ["bash", "-euo", "pipefail", "-c", f"{before}\nexec {last}"]
    environment = {**os.environ, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": "0"}
    with subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout)
            assert next(lines) == "OK: services llm; upstreams 2\n"
            yield next(filter(None, (port_of(json.loads(line)) for line in lines)))
        finally:
            process.terminate()


def test_own_servers_are_reached_from_two_terminals(clone: Path) -> None:
    first, second = blocks(README, "sh")
    with model() as one, model() as other:
        for shown, url in zip(UPSTREAMS, (one, other), strict=True):
            assert shown in first
            first = first.replace(shown, url)
        with terminal(first, clone) as port:
            said = paste(second.replace("localhost:8080", f"127.0.0.1:{port}"), clone)
    assert "ok: service llm: 2 of 2 upstreams available\n" in said
    assert json.loads(said.splitlines()[-1])["data"][0]["id"] == "demo"


def test_file_of_the_readme_is_good(clone: Path) -> None:
    (text,) = blocks(README, "yaml")
    (clone / "gateway.yaml").write_text(text)
    said = paste(
        "export JWT_SECRET=$(openssl rand -base64 48) UPSTREAM_KEY=sk-1; "
        ".venv/bin/ai-api-gateway check --config gateway.yaml",
        clone,
    )
    assert said == "OK: services llm; upstreams 2\n"
    assert yaml.safe_load(text)["ratelimit"]
