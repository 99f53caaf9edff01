"""A flame graph of the gateway under a scenario's load, by py-spy."""

import subprocess
import sys
from pathlib import Path

from bench import scenario
from bench.contenders import CONTENDERS
from bench.measure import KINDS
from bench.process import spawn
from bench.run import Options, Performance
from bench.stage import Stage
from bench.suite import RESULTS

RATE = 250  # looks a second


def profile(name: str, seconds: float, contender: str, *, native: bool = False) -> Path:
    """Where the graph is; RuntimeError when py-spy is missing, or may not look at another process."""
    known = scenario.load()
    if name not in known:
        raise ValueError(f"no such scenario: {name}; there are {', '.join(known)}")
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists():
        raise RuntimeError("py-spy is missing: pip install py-spy, or make bench once, which brings it")
    CONTENDERS[contender].prepare()
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"profile-{name}-{contender}.svg"
    entry = known[name].model_copy(update={"contenders": [contender]}).entries([contender])[0]
    if KINDS[known[name].kind].fresh:
        raise ValueError(f"{name} measures memory of fresh processes: there is no load to profile")
    with Stage.set() as stage:
        performance = Performance(known[name], [entry], Options(seconds=seconds), stage, lambda text, share: None)
        running = performance.started(entry)
        assert running.process is not None
        command = [str(spy), "record", "--pid", str(running.process.pid), "--rate", str(RATE)]
        command += ["--duration", f"{seconds:.0f}", "--format", "flamegraph", "--output", str(file)]
        _record([*command, "--native"] if native else command, performance, seconds, stage.cores.load)
    return file


def _record(command: list[str], performance: Performance, seconds: float, core: int) -> None:
    """py-spy looks while the load runs, a little longer than it."""
    pipe = subprocess.PIPE
    with spawn(command, core, stdout=pipe, stderr=pipe) as spying:
        performance.load_for(seconds + 1.0)
        output, complaints = spying.communicate(timeout=seconds + 60)
    if spying.returncode:
        raise RuntimeError(f"py-spy failed: {(output + complaints).strip()[-500:]}")
