"""A run of several scenarios, from the choice of contenders to the files that are left."""

import datetime
import resource
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import document, machine, table, target
from bench.contenders import CONTENDERS
from bench.progress import bars
from bench.results import ABSENT, Outcome, Results
from bench.run import FAILURES, Options, perform
from bench.scenario import Scenario
from bench.stage import ROOT

RESULTS = ROOT / "bench" / "results"
REALTIME = "measured before the machine's own housekeeping (SCHED_FIFO)"
SHARED = "measured beside the machine's own housekeeping (see --realtime)"


def run(scenarios: Mapping[str, Scenario], chosen: Sequence[str], options: Options) -> Results:
    """Measure; a scenario that fails as a whole is reported, the others go on. Ctrl-C keeps what there is."""
    began = time.monotonic()
    _allow_open_files()
    wanted = [name for name in chosen if any(name in each.contenders for each in scenarios.values())]
    options_shown = {key: value for key, value in asdict(options).items() if key != "extra"}
    contenders = {name: _prepared(name, options) for name in wanted}
    when = f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    here = [name for name, version in contenders.items() if not version.startswith(ABSENT)]
    facts = {**machine.facts(), "latency": REALTIME if options.realtime else SHARED}
    results = Results(when, machine.commit(), _command(), facts, options_shown, contenders)
    try:
        with bars(len(scenarios)) as progress:
            for name, scenario in scenarios.items():
                try:
                    results.scenarios[name] = perform(scenario, here, options, progress.scenario(name))
                except FAILURES as error:
                    results.scenarios[name] = _failed(scenario, error)
                progress.finished()
    except KeyboardInterrupt:
        print("stopped; what was measured so far:", file=sys.stderr)
    results.seconds = time.monotonic() - began
    return results


def _failed(scenario: Scenario, error: Exception) -> Outcome:
    return Outcome(scenario.title, scenario.kind, "", "", {}, {}, skipped={"all": " ".join(str(error).split())})


def _prepared(name: str, options: Options) -> str:
    """The version of the contender, after what takes long was done; or why it cannot run."""
    contender = options.extra.get(name) or CONTENDERS[name]
    reason = contender.absent()
    if reason:
        return f"{ABSENT}: {reason}"
    try:
        contender.prepare()
    except RuntimeError as error:
        return f"{ABSENT}: {' '.join(str(error).split())}"
    return contender.version()


def _command() -> str:
    return shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def save(results: Results, folder: Path | None = None) -> Path:
    """raw.json, table.txt and the pictures, in `folder` or one with the date below bench/results/."""
    now = datetime.datetime.now().astimezone()
    folder = folder or RESULTS / f"{now:%Y-%m-%dT%H-%M-%S}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "raw.json").write_text(results.to_json(), encoding="utf-8")
    (folder / "table.txt").write_text(shown(results) + "\n", encoding="utf-8")
    document.write_pictures(results, folder)
    return folder


def shown(results: Results) -> str:
    """The tables and the promises."""
    return table.text(results, target.verdicts(results, target.load()))


def publish(results: Results, docs: Path = ROOT / "docs") -> Path:
    """docs/benchmarks.md with its pictures."""
    return document.write(results, target.verdicts(results, target.load()), docs)


def _allow_open_files() -> None:
    """Streams take two descriptors each in the proxy; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
