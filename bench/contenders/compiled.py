"""The same gateway, its hot path compiled to C by mypyc: build/compiled, built again when the source is newer."""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.contenders import gateway
from bench.contenders.base import Contender, Job, Running
from bench.stage import ROOT, Stage

FOLDER = ROOT / "build" / "compiled"
BUILT = FOLDER / "mypyc.log"
LAST, TAIL = 3, 300  # lines, characters


def absent() -> str | None:
    lacking = [name for name in ("gcc", "make") if shutil.which(name) is None]
    return f"mypyc needs {' and '.join(lacking)}" if lacking and stale() else None


def stale() -> bool:
    """Whether a source is newer than the build, or there is none."""
    if not BUILT.exists() or not list(FOLDER.glob("*.so")):
        return True
    return newest(ROOT / "gateway") > BUILT.stat().st_mtime


def newest(folder: Path) -> float:
    """When the last of the sources below `folder` was written."""
    return max(path.stat().st_mtime for pattern in ("*.py", "*.lua") for path in folder.rglob(pattern))


def build() -> None:
    """`make compiled`, which takes a minute or two; RuntimeError with the last errors when it fails."""
    if stale():
        print("make compiled, for the compiled form: a minute or two", file=sys.stderr)
        done = subprocess.run(["make", "compiled"], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line]
            raise RuntimeError(f"make compiled failed: {'; '.join(lines[-LAST:])[-TAIL:]}")


def start(stage: Stage, job: Job) -> Running:
    return gateway.start_from(FOLDER, stage, job)


def awaited() -> str:
    return "built when it is first needed, a minute or two" if stale() else ""


CONTENDER = Contender(
    "the same, hot path compiled by mypyc",
    absent,
    gateway.version,
    start,
    abilities=gateway.CAN,
    prepare=build,
    awaited=awaited,
)
