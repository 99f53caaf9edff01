"""docs/benchmarks.md, made of the last full run: ratios first, the spread beside them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import noise, plots, table
from bench.results import Outcome, Results
from bench.target import MET, Verdict

PAGE = "benchmarks.md"
PICTURE = "benchmarks-{}.svg"
HEAD = """# Benchmarks

Rendered by `{command}` on {when}, commit `{commit}`, in {minutes:.0f} minutes; do not edit. How it is measured and how
to run it yourself: [bench/README.md](../bench/README.md). Microseconds are of this machine; **ratios of one run are
what can be compared**. Brackets hold 95 % confidence intervals over the repetitions.

| machine | |
| --- | --- |
"""


def page(results: Results, found: Sequence[Verdict]) -> str:
    """The whole document."""
    head = HEAD.format(command=results.command, when=results.when, commit=results.commit, minutes=results.seconds / 60)
    lines = [f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in results.machine.items()]
    lines += ["", *_trust(results), "", "## What is promised", "", *_promises(found), "", "## Versions", ""]
    lines += ["| contender | version |", "| --- | --- |"]
    lines += [f"| {name} | {version or '-'} |" for name, version in results.contenders.items()]
    for name, outcome in results.scenarios.items():
        lines += ["", *_scenario(name, outcome)]
    return head + "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _trust(results: Results) -> Iterator[str]:
    noisy = [name for name, outcome in results.scenarios.items() if noise.verdict(outcome.all_samples)]
    if noisy:
        yield f"**The machine was not quiet during: {', '.join(noisy)}.** Take those with doubt."
    else:
        yield (
            f"In no scenario did others take more than {noise.TOO_MUCH:.0%} of the cores in most samples, by the "
            "kernel's count; what the pulse saw of neighbours is the `quiet` of each latency."
        )
    doubtful = [name for name, outcome in results.scenarios.items() if table.control_is_noise(outcome)]
    if doubtful:
        yield f"But the same nginx twice did not cost the same: A/A control of {', '.join(doubtful)}."


def _promises(found: Sequence[Verdict]) -> Iterator[str]:
    yield "| | who | found | allowed | |"
    yield "| --- | --- | --- | --- | --- |"
    for verdict in found:
        outcome = verdict.outcome if verdict.outcome == MET else f"**{verdict.outcome}**"
        doubt = f" ({verdict.doubt})" if verdict.doubt else ""
        says = " ".join([verdict.target.says, verdict.against]).strip()
        who = f"{verdict.subject} (`{verdict.target.scenario}`)"
        yield f"| {says} | {who} | {verdict.found} | {verdict.target.bound} | {outcome}{doubt} |"


def _scenario(name: str, outcome: Outcome) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield f"{outcome.title}. `python -m bench run {name}`"
    yield ""
    if outcome.samples:
        headings, *rows = table.rows(outcome)
        yield "| " + " | ".join(headings) + " |"
        yield "| " + " | ".join("---" for _ in headings) + " |"
        yield from ("| " + " | ".join(row) + " |" for row in rows)
        yield ""
    if plots.drawn(outcome):
        yield f"![{name}]({PICTURE.format(name)})"
        yield ""
    yield from (f"- skipped {label}: {reason}" for label, reason in outcome.skipped.items())
    yield from (f"- {remark}" for remark in table.remarks(outcome))


def write_pictures(results: Results, folder: Path, pattern: str = "{}.svg") -> None:
    """A file for each scenario of which there is something to see."""
    for name, outcome in results.scenarios.items():
        picture = plots.drawn(outcome)
        if picture:
            (folder / pattern.format(name)).write_text(picture, encoding="utf-8")


def write(results: Results, found: Sequence[Verdict], docs: Path) -> Path:
    """The page and its pictures into `docs`; pictures of an earlier run go."""
    for old in docs.glob(PICTURE.format("*")):
        old.unlink()
    write_pictures(results, docs, PICTURE)
    file = docs / PAGE
    file.write_text(page(results, found), encoding="utf-8")
    return file
