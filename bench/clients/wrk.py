"""wrk, as fast as it goes: a closed loop, for cost and throughput. Its percentiles say how long the queue was."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.process import spawn
from bench.stage import Stage
from bench.tools import needed

SCRIPT = Path(__file__).with_name("wrk.lua")
EVER = 1 << 40
A_FEW = 0.01  # of the requests may pass before all are refused: a limit has to be reached first


@dataclass(frozen=True)
class Drive:
    """What wrk sends: files of requests that take turns; `turn` and `lines` fill in their marks, see wrk.lua."""

    requests: Sequence[Path]
    connections: int = 64
    turn: int = EVER
    lines: Path | None = None
    tls: bool = False
    refused: bool = False


def run_wrk(stage: Stage, drive: Drive, port: int, seconds: float) -> dict[str, float]:
    """Drive the proxy on `port`, give wrk's summary; RuntimeError when requests failed or, with `refused`, passed."""
    threads = ["--threads", "1", "--connections", str(drive.connections), "--timeout", "20s"]
    url = f"{'https' if drive.tls else 'http'}://127.0.0.1:{port}/"
    # wrk counts whole seconds: it is told more, and asked to stop with SIGINT, after which it sums up as usual.
    command = [needed("wrk"), *threads, "--duration", f"{int(seconds) + 60}s", "--script", str(SCRIPT), url]
    environment = stage.environment(
        {
            "BENCH_REQUESTS": ":".join(map(str, drive.requests)),
            "BENCH_TURN": str(drive.turn),
            "BENCH_FROM": str(stage.sent),
            "BENCH_LINES": str(drive.lines or ""),
        }
    )
    pipe = subprocess.PIPE
    with spawn(command, stage.cores.load, env=environment, stdout=pipe, stderr=pipe) as wrk:
        try:
            wrk.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            wrk.send_signal(2)
            seen = parse(*wrk.communicate(timeout=30), refused=drive.refused)
            stage.sent += int(seen["requests"]) + drive.connections  # those under way at the end are not counted
            return seen
        finally:
            wrk.kill()
    raise RuntimeError("wrk gave up at once")


def parse(output: str, complaints: str = "", *, refused: bool = False) -> dict[str, float]:
    """The line that wrk.lua's `done` writes."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"wrk gave no summary:\n{output}{complaints}")
    summary: dict[str, float] = json.loads(lines[-1])
    passed = summary["requests"] - summary["refused"]
    wrong = passed > A_FEW * summary["requests"] if refused else summary["refused"]
    if summary["broken"] or wrong:
        raise RuntimeError(f"requests failed, so there is nothing to measure: {lines[-1]}")
    return summary
