"""Users by locust (bench/locust): the time to the first token and the gaps between tokens as they feel them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from bench.contenders.base import Running
from bench.figures import percentile
from bench.measure.base import Figures, Kind, Load, Setting, Turn, cpu, spent
from bench.process import spawn
from bench.stage import ROOT
from bench.token import TOKEN

FILES = ROOT / "bench" / "locust"
SHORTEST = 2  # seconds: locust counts whole ones, and its users take turns to arrive
PATIENCE = 60.0
ROWS = {"TTFT": "ttft", "gap": "gap"}


class Users(Load):
    """So many `users` of a `file` in bench/locust; `settings` are variables of its settings.py."""

    users: int = Field(20, ge=1)
    file: str = "stream.py"
    settings: dict[str, float] = Field({})


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    load: Users = turn.load
    report = setting.stage.directory / "locust"
    host = f"http://127.0.0.1:{to.port}{to.base}"
    command = [sys.executable, "-m", "locust", "-f", str(FILES / load.file), "--host", host, "--headless"]
    command += ["-u", str(load.users), "-r", str(load.users), "-t", f"{max(round(seconds), SHORTEST)}s"]
    command += ["--stop-timeout", "10", "--json-file", str(report)]
    variables = {name: f"{value:g}" for name, value in load.settings.items()}
    before = cpu(to)
    _play(setting, command, {"TOKEN": TOKEN, **variables})
    seen = figures(json.loads(Path(f"{report}.json").read_text()))
    if to.process:
        seen["cpu_us"] = spent(to, before) / seen["requests"] * 1e6
    return seen


def _play(setting: Setting, command: list[str], variables: Mapping[str, str]) -> None:
    """Until the users have had their time; RuntimeError when one of them failed."""
    pipe, environment = subprocess.PIPE, setting.stage.environment(variables)
    with spawn(command, setting.stage.cores.load, env=environment, stdout=pipe, stderr=pipe) as locust:
        try:
            output, complaints = locust.communicate(timeout=PATIENCE)
        finally:
            locust.kill()
    if locust.returncode:
        raise RuntimeError(f"users had failures: {(output + complaints)[-500:]}")


def figures(rows: list[dict[str, Any]]) -> Figures:
    """Percentiles of locust's rows, in milliseconds; RuntimeError when no stream was read."""
    found: Figures = {"requests": sum(row["num_requests"] for row in rows if row["method"] == "POST")}
    for row in rows:
        if row["method"] in ROWS:
            times = sorted(float(time) for time, count in row["response_times"].items() for _ in range(count))
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                found[f"{ROWS[row['method']]}_{name}_ms"] = percentile(times, share)
    if "ttft_p50_ms" not in found:
        raise RuntimeError("no user has read a token")
    return found


SHOWN = {
    "requests": "requests",
    "ttft_p99_ms": "first token p99",
    "gap_p50_ms": "gap p50",
    "gap_p99_ms": "gap p99",
    "cpu_us": "us CPU a request",
}
KIND = Kind(Users, measure, "ttft_p50_ms", "ms to the first token, p50", SHOWN)
