"""Progress while it runs, the table at the end, and the raw numbers in a file."""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from bench.scenarios import SCENARIOS, Sample, Scenario
from bench.stage import ROOT

BASELINE = "nginx"
SUBJECT = "gateway"
Samples = dict[str, list[Sample]]  # of one scenario, by contender
COLUMNS = "{:<10}{:>9}{:>17}{:>9}{:>17}{:>12}{:>9}{:>7}"
HEADINGS = ("", "median", "min-max", "x nginx", "min-max", "per second", "p99 ms", "late")


def progress(text: str) -> None:
    """Show `text` in place of the last progress line; on something other than a terminal, below it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    else:
        sys.stderr.write(f"{text}\n" if text else "")
    sys.stderr.flush()


def ratios(samples: Samples, name: str) -> list[float]:
    """Cost over that of the baseline, repetition by repetition, since machines drift in between."""
    base = samples.get(BASELINE, [])
    return [sample.cost / reference.cost for sample, reference in zip(samples[name], base, strict=False)]


def table(results: dict[str, Samples]) -> str:
    """All scenarios, a line for each contender."""
    taken = {name: samples for name, samples in results.items() if any(samples.values())}
    return "\n".join(line for name, samples in taken.items() for line in _lines(SCENARIOS[name], name, samples))


def _lines(scenario: Scenario, name: str, samples: Samples) -> list[str]:
    lines = [f"\n{name}: {scenario.title} ({scenario.unit})", COLUMNS.format(*HEADINGS)]
    lines += [_row(scenario, contender, samples) for contender, taken in samples.items() if taken]
    return [line.rstrip() for line in [*lines, _verdict(scenario, samples)] if line]


def _row(scenario: Scenario, contender: str, samples: Samples) -> str:
    taken = samples[contender]
    costs = [sample.cost for sample in taken]
    compared = [] if scenario.absolute else ratios(samples, contender)
    rate = statistics.median(sample.seen.get("per_second", 0) for sample in taken)
    p99 = statistics.median(sample.seen.get("p99_ms", 0) for sample in taken)
    late = str(sum(int(sample.seen["late"]) for sample in taken)) if "late" in taken[0].seen else ""
    ratio = f"{statistics.median(compared):.2f}" if compared else ""
    shown = f"{rate:,.0f}" if rate else "", f"{p99:.1f}" if p99 else ""
    return COLUMNS.format(
        contender, f"{statistics.median(costs):.1f}", _spread(costs, 1), ratio, _spread(compared, 2), *shown, late
    )


def _spread(values: list[float], digits: int) -> str:
    return f"{min(values):.{digits}f}-{max(values):.{digits}f}" if len(values) > 1 else ""


def _verdict(scenario: Scenario, samples: Samples) -> str:
    value = reached(scenario, samples)
    if value is None:
        return ""
    unit = scenario.unit if scenario.absolute else f"x {BASELINE}"
    outcome = "met" if value <= scenario.target else "MISSED"
    return f"{SUBJECT}: {value:.2f} {unit}, target <= {scenario.target:g}: {outcome}"


def reached(scenario: Scenario, samples: Samples) -> float | None:
    """The gateway's number to hold against the target; None if it was not measured."""
    if not samples.get(SUBJECT):
        return None
    values = [sample.cost for sample in samples[SUBJECT]] if scenario.absolute else ratios(samples, SUBJECT)
    return statistics.median(values) if values else None


def save(results: dict[str, Samples], options: object) -> Path:
    """Write every sample, and what it was measured on, to bench/results/."""
    now = datetime.datetime.now().astimezone()
    path = ROOT / "bench" / "results" / f"{now:%Y-%m-%dT%H-%M-%S}.json"
    path.parent.mkdir(exist_ok=True)
    raw = {
        scenario: {name: [{"cost": sample.cost, **sample.seen} for sample in taken] for name, taken in samples.items()}
        for scenario, samples in results.items()
    }
    about = {"time": now.isoformat(), "commit": _commit(), "machine": _machine(), "options": vars(options)}
    path.write_text(json.dumps({**about, "results": raw}, indent=1) + "\n")
    return path


def _machine() -> dict[str, object]:
    models = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _read(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip()
