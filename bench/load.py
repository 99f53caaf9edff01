"""wrk against one port."""

import json
import os
import subprocess
from pathlib import Path

from bench.contenders import TOKEN
from bench.process import spawn
from bench.tools import find

SCRIPTS = Path(__file__).parent / "wrk"
TARGET = "/v1/llm/chat/completions"


def run_wrk(script: str, port: int, core: int, *, connections: int, seconds: float) -> dict[str, float]:
    """Drive `script` and give wrk's summary; RuntimeError when a request failed, for that would be no measurement."""
    arguments = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds:g}s", "--script", script]
    command = [find("wrk") or "wrk", *arguments, f"http://127.0.0.1:{port}{TARGET}"]
    environment = {**os.environ, "BENCH_TOKEN": TOKEN}
    pipe = subprocess.PIPE
    with spawn(command, core, cwd=SCRIPTS, env=environment, stdout=pipe, stderr=pipe) as wrk:
        try:
            return parse(*wrk.communicate(timeout=seconds + 30))
        finally:
            wrk.kill()


def parse(output: str, complaints: str = "") -> dict[str, float]:
    """The line that openai.lua's `done` writes."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"wrk gave no summary:\n{output}{complaints}")
    summary: dict[str, float] = json.loads(lines[-1])
    if summary["broken"] or summary["refused"] or not summary["requests"]:
        raise RuntimeError(f"requests failed, so there is nothing to measure: {lines[-1]}")
    return summary
