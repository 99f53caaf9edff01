"""The micro-benchmarks run: the code's price tags name them, and the code they measure moves on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.micro.__main__ import HELPERS
from bench.micro.stopwatch import Stopwatch

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "bench" / "micro").glob("*.py") if path.stem not in HELPERS)
NAMED = re.compile(r"bench[./]micro[./](\w+)")


@pytest.mark.parametrize("name", NAMES)
def test_a_micro_benchmark_runs_and_prints_times(name: str) -> None:
    command = [sys.executable, "-m", f"bench.micro.{name}", "--rounds", "1", "--scale", "0.002"]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"\d+\.\d+ us", done.stdout)) >= 4, done.stdout


def test_without_a_name_they_are_listed() -> None:
    command = [sys.executable, "-m", "bench.micro"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.findall(r"^python -m bench\.micro\.(\w+) +What \w", listed, re.MULTILINE) == NAMES


def test_price_tags_name_benchmarks_that_exist() -> None:
    sources = [path.read_text() for path in (ROOT / "gateway").rglob("*.py")]
    named = {name for text in [*sources, (ROOT / "docs" / "hot-path.md").read_text()] for name in NAMED.findall(text)}
    assert named - {"NAME"} <= set(NAMES)
    assert named


def test_the_best_round_counts_and_work_is_scaled() -> None:
    watch = Stopwatch(rounds=3, scale=0.01)
    rounds = []

    def work() -> None:
        rounds.append(sum(range(20_000 if len(rounds) == 1 else 2_000_000)))

    assert watch.calls(1000) == 10
    assert watch.calls(1) == 1
    quickest = watch.time(10, work)
    rounds.clear()
    assert quickest < Stopwatch(rounds=1).time(10, work)
