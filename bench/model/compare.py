"""Balancing strategies before model servers of different speed, and what a client that left still costs a model.

`python -m bench.model.compare` takes two minutes. First four model servers (`--speeds`) behind the gateway, once with
each strategy, under the same requests: their prompts begin alike in groups, their clients stream, some leave midway.
Then one model server behind each of `--ways`, whose clients all leave. Everything is in real time and without a GPU:
the engine's step is linear in what it computes.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench.model import figures
from bench.model.fleet import WAYS, Fleet
from bench.model.load import Ask, plan, play
from bench.model.scrape import idle, scrape
from bench.simulator.plot import percentiles

STRATEGIES = ("round_robin", "least_connections", "p2c_ewma", "adaptive", "consistent_hash")
RESULTS = Path(__file__).resolve().parents[1] / "results"
KV_TOKENS = 16_000  # of each model: five or six of the prompts' common beginnings, and room to work
LONG = 200  # tokens that a leaver asked for


def main() -> int:
    """Run what the command line asks for; 1 when a request failed."""
    options = _arguments()
    return uvloop.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    began = datetime.now(UTC)
    asks = plan(
        options.seconds, options.rate, options.groups, options.prefix, options.output, options.leaving, options.seed
    )
    strategies = {name: await _strategy(name, asks, options) for name in options.strategies}
    ways = {name: await _way(name, leavers(options.leavers)) for name in options.ways}
    _progress("")
    for table in [figures.strategy_table(strategies)] * bool(strategies) + [figures.way_table(ways)] * bool(ways):
        print(f"{table}\n")
    print(f"in {_save(began, options, strategies, ways)}")
    faults = {name: row.faults for name, row in {**strategies, **ways}.items() if not isinstance(row, str)}
    failed = {name: fault for name, fault in faults.items() if fault}
    if failed:
        print(f"failed requests: {failed}", file=sys.stderr)
    return 1 if failed else 0


async def _strategy(name: str, asks: list[Ask], options: argparse.Namespace) -> figures.Strategy:
    """The same requests with one strategy, before models that have served nobody yet."""
    _progress(f"{name}: starting")
    with Fleet.open() as fleet:
        models = fleet.models(options.speeds, *["--late-head"] * options.late_head, kv_tokens=KV_TOKENS)
        base = fleet.gateway(models, name)
        seen = await play(base, asks, lambda second: _progress(name, second / options.seconds))
        await idle(models)
        return figures.strategy(seen, await scrape(models))


async def _way(name: str, asks: list[Ask]) -> figures.Way | str:
    """Clients that leave, one way; a sentence when that way is not to be had."""
    with Fleet.open() as fleet:
        models = fleet.models([1.0], kv_tokens=40_000)
        try:
            base = WAYS[name](fleet, models)
        except (FileNotFoundError, RuntimeError) as error:
            return str(error).splitlines()[0]
        seen = await play(base, asks, lambda second: _progress(f"leaving, {name}", second / asks[-1].at))
        await idle(models)
        return figures.way(seen, await scrape(models))


def leavers(each: int) -> list[Ask]:
    """`each` of three kinds: in the middle of a stream, before its first token, and of a reply that is not streamed."""
    kinds: list[dict[str, object]] = [
        {"leave_tokens": 10, "prefix": 100},
        {"leave_seconds": 0.1, "prefix": 4000},
        {"leave_seconds": 0.3, "prefix": 100, "streamed": False},
    ]
    asks = []
    for number in range(each * len(kinds)):
        kind = kinds[number % len(kinds)]
        asks.append(Ask(at=0.15 * number, group=number, own=16, output=LONG, **kind))  # type: ignore[arg-type]
    return asks


def _save(
    began: datetime,
    options: argparse.Namespace,
    strategies: dict[str, figures.Strategy],
    ways: dict[str, figures.Way | str],
) -> Path:
    """Figures as JSON and the strategies' times to first token as a picture, in a directory of this run."""
    directory = Path(options.into) / f"{began:%Y-%m-%dT%H-%M-%S}-model"
    directory.mkdir(parents=True)
    raw = {
        "options": vars(options),
        "strategies": {name: asdict(figure) for name, figure in strategies.items()},
        "ways": {name: figure if isinstance(figure, str) else asdict(figure) for name, figure in ways.items()},
    }
    (directory / "model.json").write_text(json.dumps(raw, indent=1))
    if strategies:
        curves = {name: figure.curve for name, figure in strategies.items()}
        speeds = ", ".join(f"{speed:g}" for speed in options.speeds)
        (directory / "first-token.svg").write_text(
            percentiles(f"Time to first token, models of speed {speeds}", curves)
        )
    return directory


def _progress(text: str, share: float | None = None) -> None:
    """A line on the terminal that the next one replaces."""
    if not sys.stderr.isatty():
        return
    filled = round(30 * min(share or 0.0, 1.0))
    bar = f"  [{'#' * filled}{'.' * (30 - filled)}]" if share is not None else ""
    sys.stderr.write(f"\r\033[K{text}{bar}")
    sys.stderr.flush()


def _arguments() -> argparse.Namespace:
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.model.compare", formatter_class=formatter)
    parser.add_argument("--strategies", type=_names(STRATEGIES), default=list(STRATEGIES), help="comma-separated")
    parser.add_argument("--ways", type=_names(WAYS), default=list(WAYS), help="comma-separated, or nothing")
    parser.add_argument("--speeds", type=_speeds, default=[2.0, 1.0, 1.0, 0.5], help="of the model servers")
    parser.add_argument("--seconds", type=float, default=10.0, help="that requests are sent, for each strategy")
    parser.add_argument("--rate", type=float, default=14.0, help="requests a second")
    parser.add_argument("--groups", type=int, default=20, help="of prompts that begin alike")
    parser.add_argument("--prefix", type=int, default=2000, help="tokens of what they have in common")
    parser.add_argument("--output", type=int, default=48, help="mean tokens of a reply")
    parser.add_argument("--leaving", type=float, default=0.1, help="share of the clients that leave midway")
    parser.add_argument("--late-head", action="store_true", help="models send the head with the first token")
    parser.add_argument("--leavers", type=int, default=8, help="of each of the three kinds, for each way")
    parser.add_argument("--into", default=str(RESULTS), help="directory for the figures and the picture")
    parser.add_argument("--seed", type=int, default=1, help="of the requests")
    return parser.parse_args()


def _speeds(text: str) -> list[float]:
    speeds = [float(part) for part in text.split(",")]
    if not all(speed > 0 for speed in speeds):
        raise argparse.ArgumentTypeError(f"{text}: speeds are above 0, as in 2,1,1,0.5")
    return speeds


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(known)}")
        return chosen

    return names


if __name__ == "__main__":
    sys.exit(main())
