"""A against B: two commits, built in worktrees and measured in turns, or two results that are there already."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import results, scenario, suite, table
from bench.contenders import gateway
from bench.figures import Estimate
from bench.results import HEAVY_TAILED, Outcome, Results
from bench.run import Options
from bench.scenario import Scenario
from bench.stage import ROOT

TREES = ROOT / "build" / "commits"
USUAL = ("json", "json-varied", "streams-500")


def compare(a: str, b: str, names: Sequence[str], options: Options) -> str:
    """The answer as text: b over a, so that less than 1 is cheaper."""
    if Path(a).exists() and Path(b).exists():
        return "\n".join(of_results(results.read(Path(a)), results.read(Path(b)), names))
    return "\n".join(of_commits(a, b, list(names) or list(USUAL), options))


def of_commits(a: str, b: str, names: Sequence[str], options: Options) -> list[str]:
    """One run in which both take turns."""
    shas = [_sha(each) for each in (a, b)]
    labels = [f"a ({shas[0]})", f"b ({shas[1]})"]
    versions = {label: gateway.at(_tree(sha), sha) for label, sha in zip(labels, shas, strict=True)}
    known = scenario.load()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no such scenario: {', '.join(unknown)}; there are {', '.join(known)}")
    scenarios = {name: against(known[name], labels) for name in names}
    found = suite.run(scenarios, labels, replace(options, extra=versions))
    lines = [line for name, outcome in found.scenarios.items() for line in table.scenario(name, outcome)]
    return [*lines, "", f"raw numbers: {suite.save(found)}"]


def against(known: Scenario, labels: Sequence[str]) -> Scenario:
    """The scenario with both commits for contenders, each with the gateway's options, and the first for baseline."""
    options = {label: known.options.get("gateway", {}) for label in labels}
    variants = [
        variant.model_copy(update={"options": {label: variant.options.get("gateway", {}) for label in labels}})
        for variant in known.variants
    ]
    load = {**known.load, "of": labels[0]} if known.kind == "latency" else known.load
    changed = {"contenders": list(labels), "baseline": labels[0], "options": options, "variants": variants}
    return known.model_copy(update={**changed, "load": load})


def _sha(commit: str) -> str:
    try:
        return _git("rev-parse", "--short", "--verify", f"{commit}^{{commit}}")
    except RuntimeError as error:
        raise ValueError(f"{commit}: neither a results folder (with its path) nor a commit") from error


def _tree(sha: str) -> Path:
    """A worktree of the commit; made once."""
    folder = TREES / sha
    if not (folder / "gateway").exists():
        _git("worktree", "prune")  # of folders that somebody deleted
        _git("worktree", "add", "--detach", "--force", str(folder), sha)
    return folder


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def of_results(a: Results, b: Results, names: Sequence[str]) -> list[str]:
    """What both runs measured: x baseline in each, since two runs share no clock but their baseline."""
    common = [name for name in names or a.scenarios if name in a.scenarios and name in b.scenarios]
    if len(common) < len(names) or not common:
        wanted = ", ".join(name for name in names if name not in common) or "nothing in common to compare"
        here, there = (", ".join(each.scenarios) or "nothing" for each in (a, b))
        raise ValueError(f"{wanted}: not in both; a has {here}; b has {there}")
    tables: list[str] = []
    for name in common:
        rows = _rows(a.scenarios[name], b.scenarios[name])
        if len(rows) > 1:
            tables += ["", f"{name}: {b.scenarios[name].title}", *_unlike(a, b, name), *table.aligned(rows)]
    if not tables:
        raise ValueError(f"in {', '.join(common)} no contender was measured with its baseline in both")
    return [f"a: {a.commit}, {a.when}", f"b: {b.commit}, {b.when}", *tables]


def _unlike(a: Results, b: Results, name: str) -> Iterator[str]:
    """Why the ratios of this scenario may not be comparable."""
    before, after = a.scenarios[name], b.scenarios[name]
    if before.title != after.title:
        yield f"  perhaps not the same: in a it was {before.title!r}"
    how = [each.machine.get("latency", "measured nobody knows how") for each in (a, b)]
    if after.kind in HEAVY_TAILED and how[0] != how[1]:
        yield f"  not to be compared: a was {how[0]}, b {how[1]}"


def _rows(a: Outcome, b: Outcome) -> list[list[str]]:
    rows = [["", "x baseline in a", "x baseline in b", "b / a", ""]]
    for label in [label for label in a.samples if label in b.samples]:
        before, after = a.against_baseline(label), b.against_baseline(label)
        if before and after:
            rows.append([label, str(before), str(after), f"{after.value / before.value:.2f}", _word(before, after)])
    return rows


def _word(before: Estimate, after: Estimate) -> str:
    """Whether the intervals leave a doubt."""
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return "one sample"
    if after.high < before.low:
        return "cheaper"
    return "dearer" if after.low > before.high else "no difference to be sure of"
