"""One scenario: all are started, warmed up, and measured in turns, A B C A B C, so that a drift meets all of them."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from bench import certificate
from bench.contenders import CONTENDERS
from bench.contenders.base import Certificate, Contender, Job, Running
from bench.measure import KINDS
from bench.measure.base import Figures, Setting
from bench.noise import Watch
from bench.process import free_ports
from bench.results import REUSED, Outcome
from bench.scenario import Entry, Scenario
from bench.stage import Stage
from bench.tools import needed
from bench.upstreams import UPSTREAMS

WHY = 300  # characters of a reason
USUAL_ROUNDS = 5
# Of one contender: it does not run, does not serve, has gone, or hangs.
FAILURES = (RuntimeError, OSError, subprocess.SubprocessError, psutil.Error)


@dataclass(frozen=True)
class Options:
    """What the command line chose; `scale` below 1 makes amounts smaller, `extra` are contenders of this run alone.

    `realtime`: latency is measured with all who take part before everything else on their cores.
    """

    seconds: float = 0.8
    rounds: int = USUAL_ROUNDS
    warm_up: float = 0.4
    scale: float = 1.0
    rounds_at_most: int | None = None
    realtime: bool = False
    extra: Mapping[str, Contender] = field(default_factory=dict)

    def rounds_of(self, scenario: Scenario) -> int:
        """Those that the scenario asks for, more or fewer as `rounds` is more or less than the usual."""
        asked = max(round((scenario.rounds or USUAL_ROUNDS) * self.rounds / USUAL_ROUNDS), 1)
        return min(asked, self.rounds_at_most or asked)


Say = Callable[[str, float], None]


class Performance:
    """A scenario on its stage; `outcome` grows as it goes."""

    def __init__(self, scenario: Scenario, entries: Sequence[Entry], options: Options, stage: Stage, say: Say) -> None:
        kind = KINDS[scenario.kind]
        self._scenario, self._options, self._stage, self._say = scenario, options, stage, say
        self._kind = kind
        self._entries = list(entries)
        self._running: dict[str, Running] = {}
        self._certificate: Certificate | None = certificate.make(stage) if scenario.tls else None
        self._redis = _redis(stage) if scenario.redis else ""
        count = max((entry.upstreams for entry in entries), default=1)
        start = UPSTREAMS[scenario.upstream.kind]
        self._setting = Setting(
            stage,
            start(stage, count, scenario.upstream.options),
            options.seconds * scenario.longer,
            options.scale,
            scenario.tls,
        )
        baselines = {entry.label: entry.baseline for entry in entries}
        self.outcome = Outcome(scenario.title, scenario.kind, kind.cost, kind.unit, dict(kind.shown), baselines)
        self.outcome.prepared = self._setting.prepared

    def run(self) -> None:
        """All rounds; who fails drops out with its reason, the others go on."""
        rounds = self._options.rounds_of(self._scenario)
        steps, done = len(self._entries) * (rounds + 1), 0
        for entry in list(self._entries):
            self._say(f"starting {entry.label}", done / steps)
            self._attempt(entry, self._start)
            done += 1
        for turn in range(rounds):
            if turn == 0 or self._kind.each_round:
                self._say("preparing", done / steps)
                self._prepare()
            for entry in list(self._entries):
                self._say(f"{entry.label}, round {turn + 1} of {rounds}", done / steps)
                self._attempt(entry, self._sample)
                done += 1

    def _prepare(self) -> None:
        """With all awake; then each waits for its turn."""
        awake = [(entry, self._running[entry.label]) for entry in self._warm()]
        processes = [running.process for _, running in awake if running.process]
        for process in processes:
            process.resume()
        if not awake:
            return
        prepared = self._setting.prepared
        before = dict(prepared)
        try:
            self._kind.prepare(self._setting, awake)
        except FAILURES:
            prepared.clear()
            prepared.update(before)  # what the round before found is good for one more
            if not before:
                raise
            prepared[REUSED] = before.get(REUSED, 0) + 1
        for process in processes:
            process.pause()

    def started(self, entry: Entry) -> Running:
        """Only this one, ready to be measured; RuntimeError says why it does not run."""
        self._start(entry)
        self._kind.prepare(self._setting, [(entry, self._running[entry.label])])
        return self._running[entry.label]

    def load_for(self, seconds: float) -> None:
        """Put the scenario's load on what was `started`, without looking at figures."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0.05:
            for entry in self._warm():
                self._kind.measure(self._setting, entry, self._running[entry.label], left)

    def _warm(self) -> list[Entry]:
        return [entry for entry in self._entries if entry.label in self._running]

    def _attempt(self, entry: Entry, step: Callable[[Entry], None]) -> None:
        try:
            step(entry)
        except FAILURES as error:
            self._entries.remove(entry)
            if (running := self._running.pop(entry.label, None)) and running.process:
                running.process.stop()
            self.outcome.skipped[entry.label] = " ".join(str(error).split())[:WHY]

    def _start(self, entry: Entry) -> None:
        contender = self._contender(entry)
        reason = contender.absent() or _cannot(contender, self._scenario)
        if reason:
            raise RuntimeError(reason)
        if not self._kind.fresh:
            self._running[entry.label] = contender.start(self._stage, self._job(entry))

    def _contender(self, entry: Entry) -> Contender:
        return self._options.extra.get(entry.contender) or CONTENDERS[entry.contender]

    def _job(self, entry: Entry) -> Job:
        options = _filled(entry.options, {"{redis}": self._redis})
        upstreams = tuple(self._setting.upstreams[: entry.upstreams])
        return Job(upstreams, self._scenario.streaming, self._certificate, options)

    def _sample(self, entry: Entry) -> None:
        running = self._running.get(entry.label) or self._contender(entry).start(self._stage, self._job(entry))
        if running.process:
            running.process.resume()
        try:
            self._warm_up(entry, running)
            with Watch(self._stage.cores.used) as watch:
                figures: Figures = self._kind.measure(self._setting, entry, running, self._setting.seconds)
        finally:
            if running.process:
                end = running.process.stop if self._kind.fresh else running.process.pause
                end()
        self.outcome.samples.setdefault(entry.label, []).append({**figures, **watch.seen})
        self._stage.empty_logs()

    def _warm_up(self, entry: Entry, running: Running) -> None:
        first = entry.label not in self.outcome.samples
        if self._kind.rewarm or (first and not self._kind.fresh):
            self._kind.measure(self._setting, entry, running, self._options.warm_up)


def perform(scenario: Scenario, chosen: Sequence[str], options: Options, say: Say) -> Outcome:
    """Measure `scenario` with the contenders `chosen`; RuntimeError when what all of them need does not start."""
    began = time.monotonic()
    with Stage.set(realtime=options.realtime) as stage:
        performance = Performance(scenario, scenario.entries(chosen), options, stage, say)
        performance.run()
    performance.outcome.seconds = time.monotonic() - began
    return performance.outcome


def _cannot(contender: Contender, scenario: Scenario) -> str | None:
    return "it is not set up for TLS here" if scenario.tls and "tls" not in contender.abilities else None


def _filled(value: Any, marks: Mapping[str, str]) -> Any:
    """`value` with the marks in its strings replaced."""
    if isinstance(value, Mapping):
        return {key: _filled(each, marks) for key, each in value.items()}
    if isinstance(value, str):
        for mark, text in marks.items():
            value = value.replace(mark, text)
    return value


def _redis(stage: Stage) -> str:
    """The URL of a Redis on the upstream's core."""
    [port] = free_ports(1)
    command = [needed("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    stage.start("redis", command, port, core=stage.cores.upstream)
    return f"redis://127.0.0.1:{port}/0"
