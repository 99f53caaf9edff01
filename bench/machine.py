"""What a run was measured on."""

import os
import platform
import subprocess
from pathlib import Path

from bench.awake import idle_cores
from bench.stage import ROOT


def facts() -> dict[str, object]:
    """CPU, cores, memory, system, Python, and how busy it was to begin with."""
    models = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(memory[0] * 1024 / 1e9, 1) if memory else 0,
        "idle_cores": idle_cores(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "kernel": f"{platform.system()} {platform.release()}",
        "system": _system(),
        "python": f"{platform.python_version()}, {_linked()}",
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _linked() -> str:
    """How the interpreter is linked: calls into and out of a library, and its thread-local state, cost more."""
    mapped = _read("/proc/self/maps")
    if not mapped:
        return "linked in a way unknown"
    return "in a shared library" if any("/libpython" in line for line in mapped) else "one static program"


def commit() -> str:
    """The commit measured, `-dirty` when files of the gateway or the bench differ from it."""
    described = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "gateway", "bench")
    return f"{described}-dirty" if changed else described


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _read(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
