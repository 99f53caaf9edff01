"""`python -m bench.simulator`: run the shipped strategies in virtual time, check what is promised, draw the plots."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bench.simulator import plot
from bench.simulator.figures import FAILED, P99, PROMISES, interval, ratio
from bench.simulator.setting import SETTINGS
from bench.simulator.world import Outcome, run

STRATEGIES = ("adaptive", "least_connections", "p2c_ewma", "round_robin")
DRAWN = {"mixed": "percentiles", "equal": "percentiles", "mixed-10-gateways": "percentiles", "come-and-go": "timeline"}
OK, NOT, ONE = "ok ", "NOT", "?  "
SHARES = [share / 1000 for share in range(500, 1000)]


@dataclass(frozen=True)
class Summary:
    """One run, small enough to travel between processes."""

    setting: str
    strategy: str
    p50: float
    p99: float
    failed: int
    number: int
    curve: Sequence[tuple[float, float]]
    by_second: Sequence[tuple[float, float]]


def summary(setting: str, strategy: str, seed: int, seconds: float | None) -> Summary:
    options = SETTINGS[setting]
    outcome = run(replace(options, seconds=seconds) if seconds else options, strategy, seed)
    ordered = sorted(outcome.seconds)
    curve = [(share, ordered[int(share * len(ordered))]) for share in SHARES]
    p50, p99 = outcome.percentile(0.5), outcome.percentile(0.99)
    return Summary(setting, strategy, p50, p99, outcome.failed, len(ordered), curve, list(_by_second(outcome)))


def _by_second(outcome: Outcome) -> Iterator[tuple[float, float]]:
    seconds: dict[int, list[float]] = defaultdict(list)
    for sent_at, took in zip(outcome.sent_at, outcome.seconds, strict=True):
        seconds[int(sent_at)].append(took)
    for second in sorted(seconds):
        ordered = sorted(seconds[second])
        yield second, ordered[int(0.99 * len(ordered))]


def main() -> int:
    arguments = _arguments()
    runs: dict[tuple[str, str], list[Summary]] = defaultdict(list)
    with ProcessPoolExecutor(arguments.processes) as pool:
        jobs = [
            pool.submit(summary, setting, strategy, seed, arguments.seconds)
            for setting in arguments.settings
            for seed in range(1, arguments.seeds + 1)
            for strategy in STRATEGIES
        ]
        for done, job in enumerate(jobs, 1):
            one = job.result()
            runs[one.setting, one.strategy].append(one)
            print(f"\r{done}/{len(jobs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(table(arguments.settings, runs))
    kept = list(promises(arguments.settings, runs))
    print("\n".join(line for _, line in kept))
    if any(word == ONE for word, _ in kept):
        print(f"{ONE} one seed shows no interval, so nothing is known of the others: --seeds 2 or more")
    if arguments.plots is not None:
        _draw(arguments.plots, arguments.settings, runs)
    return 1 if any(word == NOT for word, _ in kept) else 0


def table(settings: Sequence[str], runs: dict[tuple[str, str], list[Summary]]) -> str:
    """Markdown; means of all seeds with their 95 % confidence intervals."""
    lines = []
    for setting in settings:
        lines += [
            f"\n**{SETTINGS[setting].title}**\n",
            "| strategy | p50, ms | p99, ms | failed, % |",
            "| --- " * 4 + "|",
        ]
        for strategy in STRATEGIES:
            some = runs[setting, strategy]
            p50, p99 = interval([one.p50 * 1000 for one in some]), interval([one.p99 * 1000 for one in some])
            failed = interval([one.failed / one.number * 100 for one in some])
            lines.append(
                f"| `{strategy}` | {p50.mean:.0f} ± {p50.margin:.0f} | {p99.mean:.0f} ± {p99.margin:.0f}"
                f" | {failed.mean:.2f} ± {failed.margin:.2f} |"
            )
    return "\n".join(lines) + "\n"


def promises(settings: Sequence[str], runs: dict[tuple[str, str], list[Summary]]) -> Iterator[tuple[str, str]]:
    """OK when the whole interval keeps the promise, ONE when there is one seed and so no interval; and the line that
    says so."""
    figure: dict[str, Callable[[Summary], float]] = {P99: lambda one: one.p99, FAILED: lambda one: float(one.failed)}
    for promise in PROMISES:
        if promise.setting in settings:
            ours = [figure[promise.what](one) for one in runs[promise.setting, "adaptive"]]
            theirs = [figure[promise.what](one) for one in runs[promise.setting, promise.against]]
            found = ratio(ours, theirs)
            word = NOT if found.high > promise.most else OK if len(ours) > 1 else ONE
            yield (
                word,
                (
                    f"{word} {promise.setting}: {promise.what} of adaptive is {found.mean:.3f}"
                    f" [{found.low:.3f}, {found.high:.3f}] x {promise.against}, promised <= {promise.most}"
                ),
            )


def _draw(folder: Path, settings: Sequence[str], runs: dict[tuple[str, str], list[Summary]]) -> None:
    for setting in settings:
        if setting not in DRAWN:
            continue
        curves = {}
        for strategy in STRATEGIES:
            some = [one.curve if DRAWN[setting] == "percentiles" else one.by_second for one in runs[setting, strategy]]
            curves[strategy] = [(some[0][i][0], _median([one[i][1] for one in some])) for i in range(len(some[0]))]
        draw = plot.percentiles if DRAWN[setting] == "percentiles" else plot.timeline
        file = folder / f"balancing-{setting}.svg"
        file.write_text(draw(SETTINGS[setting].title, curves), encoding="utf-8")
        print(f"drawn: {file}")


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulator", description=__doc__)
    parser.add_argument("--settings", type=lambda text: text.split(","), default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seconds", type=float, help="of virtual time after the warm-up")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where to draw, for instance docs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
