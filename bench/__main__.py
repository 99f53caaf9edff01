"""`python -m bench`: measure the gateway, nginx and a plain aiohttp proxy in one run."""

import argparse
import resource
import sys
from collections.abc import Callable, Collection

from bench import contenders, report
from bench.scenarios import SCENARIOS, Options, Sample, Scenario
from bench.stage import Stage
from bench.tools import missing


def main() -> int:
    arguments = _arguments()
    absent = missing(["nginx", "wrk"])
    if absent:
        print(absent, file=sys.stderr)
        return 2
    _allow_open_files()
    options = Options(arguments.seconds, arguments.warm_up, arguments.connections, arguments.streams, arguments.held)
    results: dict[str, report.Samples] = {}
    failed = False
    for name in arguments.scenarios:
        results[name] = {contender: [] for contender in arguments.only}
        try:
            _run(name, results[name], arguments.repetitions, options)
        except RuntimeError as error:
            report.progress("")
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
        except KeyboardInterrupt:
            failed = True
            break
    report.progress("")
    print(report.table(results))
    if any(taken for samples in results.values() for taken in samples.values()):
        print(f"\nraw numbers: {report.save(results, options)}")
    return 1 if failed else 0


def _run(name: str, samples: report.Samples, repetitions: int, options: Options) -> None:
    """Interleave the contenders, A B C A B C, so that drift of the machine meets them all."""
    scenario = SCENARIOS[name]
    names = list(samples)
    with Stage.set() as stage:
        upstreams = scenario.upstream(stage)
        running = {} if scenario.fresh else {each: _warm(scenario, each, stage, upstreams, options) for each in names}
        rounds = 1 if scenario.fresh else repetitions
        for repetition in range(rounds):
            for each in names:
                report.progress(f"{name}: {each} {repetition + 1}/{rounds}")
                contender = running.get(each) or contenders.start(each, stage, upstreams, streaming=scenario.streaming)
                samples[each].append(_measured(scenario, stage, contender, options))


def _warm(scenario: Scenario, name: str, stage: Stage, upstreams: list[int], options: Options) -> contenders.Contender:
    report.progress(f"{scenario.title}: warming up {name}")
    contender = contenders.start(name, stage, upstreams, streaming=scenario.streaming)
    scenario.measure(stage, contender, options, options.warm_up)
    stage.empty_logs()
    return contender


def _measured(scenario: Scenario, stage: Stage, contender: contenders.Contender, options: Options) -> Sample:
    sample = scenario.measure(stage, contender, options, options.seconds)
    stage.empty_logs()
    if scenario.fresh:
        contender.process.stop()
    return sample


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", type=_names(contenders.CONTENDERS), default=list(contenders.CONTENDERS))
    parser.add_argument("--scenarios", type=_names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of one measurement")
    parser.add_argument("--warm-up", type=float, default=2, help="seconds before the first measurement of each proxy")
    parser.add_argument("--connections", type=int, default=64, help="of wrk")
    parser.add_argument("--streams", type=int, default=500, help="open event streams in the scenario `streams`")
    parser.add_argument("--held", type=int, default=1000, help="open connections in the memory scenarios")
    return parser.parse_args()


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(known)}")
        return names

    parse.__name__ = "names"
    return parse


def _allow_open_files() -> None:
    """Streams take two descriptors each in the proxy; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
