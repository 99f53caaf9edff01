"""How long requests take at a rate that the proxies can well bear, the same for all.

It is found anew before each round: where others share the hardware, half of what it can do changes by the second.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Literal

from pydantic import Field

from bench import quiet
from bench.clients import open_loop
from bench.clients.request import Shape
from bench.clients.wrk import Drive, run_wrk
from bench.contenders.base import Running
from bench.measure.base import Figures, Kind, Load, Setting, Turn, cpu, spent
from bench.process import spawn
from bench.stage import ROOT

CALIBRATION = 1.5  # seconds
TURNS = 3  # of these, of which the best tells what a proxy can do: a neighbour may have slowed the others
TRIES = 2  # of the rate at which a core is as busy as wanted: a request costs less the more there are
PATIENCE = 30.0
BEAT = "shortest beat in seconds, core "
TOO_BUSY = 0.85  # of the client's core: beyond, the client might be what was measured


class Latency(Load):
    """Requests come at `share` of what the contender `of` can do in a closed loop.

    There it saves by doing many at once, so half of that keeps its core busy for more than half of the time. With
    `share_of` "core" they are so many that its core is busy for `share` of the time.
    """

    share: float = Field(0.5, gt=0, lt=1)
    share_of: Literal["rate", "core"] = "rate"
    of: str = "gateway"
    body: int = 1024
    connections: int = Field(128, ge=1, le=900)  # `select` knows descriptors below 1,024


def prepare(setting: Setting, running: Sequence[tuple[Turn, Running]]) -> None:
    """Find the rate."""
    load: Latency = running[0][0].load
    for turn, to in running:
        if turn.contender == load.of and to.process:
            setting.prepared["rate"] = _share_of_most(setting, load, to)
            for _ in range(TRIES if load.share_of == "core" else 0):
                cost = measure(setting, turn, to, CALIBRATION / TRIES)["cpu_us"]
                setting.prepared["rate"] = load.share / cost * 1e6
            return
    raise RuntimeError(f"the rate depends on what {load.of} can do, and no process of it runs: choose it too")


def _share_of_most(setting: Setting, load: Latency, to: Running) -> float:
    """`share` of what it can do in a closed loop, but one a second at least."""
    run = Drive([setting.request(to, Shape(body=load.body))])
    run_wrk(setting.stage, run, to.port, CALIBRATION / TURNS)  # it is cold yet
    seen = [run_wrk(setting.stage, run, to.port, CALIBRATION / TURNS) for _ in range(TURNS)]
    return max(load.share * max(each["requests"] / each["seconds"] for each in seen), 1.0)


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    """With everyone before the machine's housekeeping it is also told what the machine's own stops have no part in."""
    stage = setting.stage
    watched = stage.cores.used if stage.realtime and stage.cores.apart else ()
    raw = stage.directory / "latencies"
    before = cpu(to)
    with stage.undisturbed(), quiet.pulses(watched, cwd=ROOT, env=stage.environment({})) as beats:
        seen = _open_loop(setting, turn.load, to, seconds, raw)
    if seen["client_cpu"] > TOO_BUSY:
        raise RuntimeError(f"the client used {seen['client_cpu']:.0%} of its core, so its own queue was measured")
    if to.process:
        seen["cpu_us"] = spent(to, before) / seen["requests"] * 1e6
        seen["core_busy"] = seen["cpu_us"] * seen["per_second"] / 1e6
    if beats:
        seen |= undisturbed(setting, beats, raw)
    return seen


def _open_loop(setting: Setting, load: Latency, to: Running, seconds: float, raw: Path) -> Figures:
    stage, pipe = setting.stage, subprocess.PIPE
    file, rate = setting.request(to, Shape(body=load.body)), f"{setting.prepared['rate']:.1f}"
    arguments = [str(to.port), rate, f"{seconds:g}", str(load.connections), str(file), str(raw)]
    command = [sys.executable, "-m", "bench.clients.open_loop", *arguments]
    with spawn(command, stage.cores.load, cwd=ROOT, env=stage.environment({}), stdout=pipe, stderr=pipe) as client:
        try:
            output, complaints = client.communicate(timeout=seconds + PATIENCE)
        finally:
            client.kill()
    if client.returncode:
        raise RuntimeError(f"the open loop failed: {complaints.strip().splitlines()[-1:]}")
    seen: Figures = json.loads(output)
    return seen


def undisturbed(setting: Setting, beats: quiet.Beats, raw: Path) -> Figures:
    """What concerns the quiet moments; how a core beats when nobody is near is remembered for the rounds to come."""
    known = {core: setting.prepared.get(f"{BEAT}{core}", inf) for core in beats}
    alone = quiet.shortest(beats, known)
    setting.prepared |= {f"{BEAT}{core}": seconds for core, seconds in alone.items()}
    return quiet.figures(*open_loop.read(raw), quiet.disturbed(beats, alone))


SHOWN = {
    "per_second": "requests/s",
    "quiet_p99_ms": "quiet p99 ms",
    "quiet": "quiet",
    "calm_p99_ms": "calm p99 ms",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p999_ms": "p99.9 ms",
    "client_cpu": "client busy",
    "cpu_us": "us CPU",
    "core_busy": "core busy",
}
UNIT = "ms, p99 from the intended moment"
KIND = Kind(Latency, measure, "p99_ms", UNIT, SHOWN, prepare, rewarm=True, each_round=True)
