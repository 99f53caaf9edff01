"""Results as text: a table for each scenario, then the promises."""

from collections.abc import Iterator, Sequence

from bench import noise
from bench.results import ABSENT, REUSED, SLOW, Outcome, Results
from bench.target import MISSED, Verdict

CONTROL, CONTROLLED = "nginx-again", "nginx"
FULL = 0.9  # of the proxy's core: less, and it was waiting for the load or the upstream
TRUST = 0.05  # an A/A control further from 1 than this is noise


def text(results: Results, found: Sequence[Verdict]) -> str:
    """Everything, for a terminal."""
    parts = [line for name, outcome in results.scenarios.items() for line in scenario(name, outcome)]
    return "\n".join([*parts, *promises(found), *absent(results)])


def scenario(name: str, outcome: Outcome) -> Iterator[str]:
    """One scenario's table, who was skipped, and whether to trust it."""
    yield f"\n{name}: {outcome.title}"
    yield from aligned(rows(outcome))
    for label, reason in outcome.skipped.items():
        yield f"  skipped {label}: {reason}"
    yield from (f"  {remark}" for remark in remarks(outcome))


def rows(outcome: Outcome) -> list[list[str]]:
    """Headings, then a row for each label: the ratio first, then the cost, both with their intervals."""
    shown = {figure: heading for figure, heading in outcome.shown.items() if _any(outcome, figure)}
    found = [["", "x baseline", outcome.unit, *shown.values()]]
    for label in outcome.samples:
        ratio, cost = outcome.against_baseline(label), outcome.estimate(label, outcome.cost)
        others = [_number(outcome.estimate(label, figure)) for figure in shown]
        found.append([label, str(ratio) if ratio else _baseline(outcome, label), str(cost) if cost else "", *others])
    return found


def _any(outcome: Outcome, figure: str) -> bool:
    return any(outcome.values(label, figure) for label in outcome.samples)


def _baseline(outcome: Outcome, label: str) -> str:
    return "1" if outcome.baselines.get(label) == label else ""


def _number(estimate: object) -> str:
    value = getattr(estimate, "value", None)
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Columns below each other, the first to the left, the others to the right."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def remarks(outcome: Outcome) -> Iterator[str]:
    """What a reader must know before he believes the figures."""
    verdict = noise.verdict(outcome.all_samples)
    if verdict:
        yield verdict
    control = outcome.ratio(CONTROL, outcome.cost, CONTROLLED)
    if control:
        word = "NOISY: differences as small as that mean nothing" if control_is_noise(outcome) else "as it must"
        yield f"A/A control, a second nginx over the first: {control}, {word}"
    slow = [name.removeprefix(SLOW) for name in outcome.prepared if name.startswith(SLOW)]
    if slow:
        yield f"few requests in a sample, so on fewer connections and for longer: {', '.join(slow)}"
    if reused := outcome.prepared.get(REUSED):
        yield f"rounds at the rate of an earlier one, since theirs was not found: {reused:.0f}"
    yield from _load_bound(outcome)


def control_is_noise(outcome: Outcome) -> bool:
    """Whether a second nginx did not cost what the first one did."""
    control = outcome.ratio(CONTROL, outcome.cost, CONTROLLED)
    return control is not None and abs(control.value - 1) > TRUST


def _load_bound(outcome: Outcome) -> Iterator[str]:
    """Rates of proxies that did not fill their core say what the load side could do, not what they can."""
    shares = {label: busy.value for label in outcome.samples if (busy := outcome.estimate(label, "busy"))}
    bound = [f"{label} {share:.0%}" for label, share in shares.items() if share < FULL]
    if bound:
        direct = outcome.estimate("direct", "per_second")
        limit = f"; load and upstream do {direct.value:,.0f}/s without a proxy" if direct else ""
        yield f"cores not full, so these requests/s are lower bounds{limit}: {', '.join(bound)}"


def promises(found: Sequence[Verdict]) -> list[str]:
    """A line for each promise."""
    if not found:
        return []
    missed = sum(verdict.outcome == MISSED for verdict in found)
    lines = [f"  {verdict}" for verdict in found]
    return ["", f"promises: {len(found) - missed} met, {missed} missed", *lines]


def absent(results: Results) -> list[str]:
    """Which contenders could not run, and why."""
    return [f"{name}: {reason}" for name, reason in results.contenders.items() if reason.startswith(ABSENT)]
