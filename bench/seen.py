"""What being watched costs a request: python -m bench.seen [CASE...]

Each case asks gateways that differ in one thing, the first two in nothing, round after round in turn; a difference is
the median of those within a round, and the noise is that between the first two.

    traces    every request is sampled; the collector takes the spans, or is dead, hangs, or is no collector
    stdout    the access log goes to /dev/null, or into a pipe that nobody reads
    scrape    /metrics of 200 services is read every second, or not
    peak      the same, at all that wrk can ask
    sampling  CPU a request when no request, none of those that could be, or one in a hundred is sampled; wrk again

`traces`, `stdout` and `scrape` ask `--rate` requests a second whether or not the last was answered, and compare the
99th percentiles of the time to the whole reply; what may wait (spans, lines) was filled to its bound before. Allowed
are 1 ms and twice the noise, `MOST_MB` more memory than at the start, and `MOST_CPU` times the CPU for one sampled
request in a hundred; the exit code is 1 when that does not hold. Needs what `make bench` needs; takes eight minutes.
"""

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.clients.request import Shape, request
from bench.contenders.base import Running
from bench.contenders.gateway import gateway_config
from bench.load import json_load
from bench.nginx import constant_upstream
from bench.process import Process, free_ports, spawn
from bench.stage import ROOT, Stage
from bench.token import TOKEN
from bench.tools import missing
from bench.watchers import REPLIES

ALLOWED_MS = 1.0
MOST_MB = 20.0
MOST_CPU = 1.05
SERVICES = 200
CONNECTIONS = 64
FILL_SECONDS = 4


@dataclass
class Arm:
    """A gateway, and whether it is scraped during its rounds; what each round gave."""

    name: str
    process: Process
    port: int
    scraped: bool = False
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    before: int = 0


@dataclass
class Bench:
    """The stage, the upstreams' ports, and what the command line chose."""

    stage: Stage
    upstreams: list[int]
    rate: float
    rounds: int
    seconds: int

    def gateway(self, name: str, *, stdout: str = os.devnull, **changes: Any) -> Arm:
        """Start the bench's gateway with `changes` to its configuration, writing to `stdout`."""
        port = free_ports(1)[0]
        config = self.stage.file("seen.yaml", json.dumps(gateway_config(port, self.upstreams) | changes))
        serve = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
        process = self.stage.start("seen", ["sh", "-c", f'exec "$@" >{stdout}', "sh", *serve], port)
        arm = Arm(name, process, port)
        self.wrk(arm, 1)
        arm.before = process.memory()
        return arm

    def wrk(self, arm: Arm, seconds: int) -> dict[str, float]:
        return json_load(self.stage, arm.port, connections=CONNECTIONS, seconds=seconds)

    def steady(self, arm: Arm) -> dict[str, float]:
        """What `bench.clients.open_loop` says of `rate` requests a second."""
        file = self.stage.file("request", request(Running(arm.port, None), Shape()))
        options = [arm.port, self.rate, self.seconds, CONNECTIONS, file]
        command = [sys.executable, "-m", "bench.clients.open_loop", *map(str, options)]
        with spawn(command, self.stage.load_core, cwd=ROOT, stdout=subprocess.PIPE) as client:
            seen: dict[str, float] = json.loads(client.communicate(timeout=self.seconds + 30)[0])
        return seen

    def in_turn(self, arms: list[Arm], rounds: int, *, peak: bool = False) -> None:
        """A round of each, in another order each time."""
        for _ in range(rounds):
            for arm in random.sample(arms, len(arms)):
                self._round(arm, peak)

    def _round(self, arm: Arm, peak: bool) -> None:
        spent = arm.process.cpu()
        with scraping(arm.port, self.stage.load_core) if arm.scraped else contextlib.nullcontext():
            seen = self.wrk(arm, self.seconds) if peak else self.steady(arm)
        arm.p99.append(seen["p99_ms"])
        arm.cpu.append((arm.process.cpu() - spent) / seen["requests"] * 1e6)


@contextlib.contextmanager
def scraping(port: int, core: int) -> Iterator[None]:
    """Somebody reads /metrics, at once and then every second."""
    command = [sys.executable, "-m", "bench.watchers", "scrape", str(port)]
    with spawn(command, core, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield
        child.kill()


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
        text: str = reply.read().decode()
    return text


def counted(arm: Arm, series: str) -> float:
    """The value that /metrics of `arm` has for `series`."""
    lines = (line.rpartition(" ") for line in metrics(arm.port).splitlines())
    return next(float(value) for name, _, value in lines if name == series)


def tracing(bench: Bench, kind: str, ratio: float = 1.0) -> dict[str, Any]:
    """The section of the configuration, with a collector of that kind started; "is dead" has none."""
    port = free_ports(1)[0]
    if kind in REPLIES:
        command = [sys.executable, "-m", "bench.watchers", "collect", kind, str(port)]
        bench.stage.start("collector", command, port, load=True)
    return {"enabled": True, "endpoint": f"http://127.0.0.1:{port}/v1/traces", "sample_ratio": ratio}


def traces(bench: Bench) -> bool:
    arms = [bench.gateway("takes them too", tracing=tracing(bench, "takes them"))]
    for kind in ("takes them", "is dead", "hangs", "is no collector"):
        arms.append(bench.gateway(kind, tracing=tracing(bench, kind)))
    arms.append(bench.gateway("no tracing"))
    for arm in arms[2:5]:
        bench.wrk(arm, FILL_SECONDS)
    bench.in_turn(arms, bench.rounds)
    good = compare("the collector", arms)
    for arm in arms[2:5]:
        lost = {result: counted(arm, f'trace_spans_total{{result="{result}"}}') for result in ("dropped", "failed")}
        print(f"{arm.name}: {lost['dropped']:.0f} spans dropped, {lost['failed']:.0f} not taken")
        good &= sum(lost.values()) > 0
    return good


def stdout(bench: Bench) -> bool:
    unread = bench.stage.directory / "unread"
    os.mkfifo(unread)
    held = os.open(unread, os.O_RDWR)
    arms = [bench.gateway("is /dev/null"), bench.gateway("is /dev/null too")]
    arms.append(bench.gateway("is not read", stdout=str(unread)))
    bench.wrk(arms[2], FILL_SECONDS)
    bench.in_turn(arms, bench.rounds)
    good = compare("stdout", arms)
    dropped = counted(arms[2], "log_lines_dropped_total")
    print(f"is not read: {dropped:.0f} lines dropped")
    os.close(held)
    return good and dropped > 0


def many_services(bench: Bench) -> list[Arm]:
    """One gateway as three arms; each of its services has answered once."""
    services: Any = gateway_config(0, bench.upstreams)["services"]
    names = [f"service-{number}" for number in range(SERVICES)]
    arm = bench.gateway("not scraped", services=services | dict.fromkeys(names, services["llm"]))
    for name in names:
        url = f"http://127.0.0.1:{arm.port}/v1/{name}/models"
        urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})).close()
    lines = len(metrics(arm.port).splitlines())
    print(f"{lines} lines of metrics, of {SERVICES} services with {len(bench.upstreams)} upstreams each")
    others = [Arm("not scraped either", arm.process, arm.port), Arm("scraped", arm.process, arm.port, scraped=True)]
    return [arm, *others]


def scraped(bench: Bench) -> bool:
    arms = many_services(bench)
    bench.in_turn(arms, bench.rounds)
    return compare("the gateway", arms)


def peak(bench: Bench) -> bool:
    arms = many_services(bench)
    bench.in_turn(arms, bench.rounds, peak=True)
    return compare("the gateway, at peak", arms)


def sampling(bench: Bench) -> bool:
    """Gateways are started afresh for each round: one process differs from the next by more than what is looked for."""
    shares = {"no tracing": None, "no tracing either": None, "0 % sampled": 0.0, "1 % sampled": 0.01}
    spent: dict[str, list[float]] = {name: [] for name in shares}
    changes: dict[float | None, dict[str, Any]] = {None: {}}
    changes |= {share: {"tracing": tracing(bench, "takes them", share)} for share in (0.0, 0.01)}
    for _ in range(bench.rounds):
        arms = [bench.gateway(name, **changes[share]) for name, share in shares.items()]
        bench.in_turn(arms, 1, peak=True)
        for arm in arms:
            spent[arm.name] += arm.cpu
            arm.process.stop()
    first, second, *_ = spent.values()
    times = {name: [one / other for one, other in zip(cpu, first, strict=True)] for name, cpu in spent.items()}
    print(f"\n{'':24}{'us CPU':>10}{'x':>8}")
    for name, cpu in spent.items():
        print(f"{name:24}{statistics.median(cpu):10.1f}{statistics.median(times[name]):8.3f}")
    off = [abs(one / other - 1) for one, other in zip(second, first, strict=True)]
    noise = max(abs(statistics.median(times["no tracing either"]) - 1), statistics.median(off) / len(off) ** 0.5)
    print(f"allowed for 1 %: {MOST_CPU + 2 * noise:.3f} ({MOST_CPU} and twice the noise)")
    return bool(statistics.median(times["1 % sampled"]) <= MOST_CPU + 2 * noise)


def compare(title: str, arms: list[Arm]) -> bool:
    """Print what the rounds gave; True when every percentile and the memory are within their bounds."""
    differences = [
        statistics.median(mine - first for mine, first in zip(arm.p99, arms[0].p99, strict=True)) for arm in arms
    ]
    scatter = statistics.median(abs(mine - first) for mine, first in zip(arms[1].p99, arms[0].p99, strict=True))
    noise = max(abs(differences[1]), scatter / len(arms[0].p99) ** 0.5)  # the error of a median falls with the rounds
    allowed = ALLOWED_MS + 2 * noise
    print(f"\n{title:24}{'p99 ms':>10}{'added':>10}{'us CPU':>10}{'MB more':>10}")
    good = True
    for arm, added in zip(arms, differences, strict=True):
        more = (arm.process.memory() - arm.before) / 1e6 if arm.before else 0.0
        p99, cpu = statistics.median(arm.p99), statistics.median(arm.cpu)
        print(f"{arm.name:24}{p99:10.3f}{added:10.3f}{cpu:10.1f}{more:10.1f}")
        good &= added <= allowed and more <= MOST_MB
    print(f"allowed: {allowed:.3f} ms ({ALLOWED_MS} and twice the noise of {noise:.3f})")
    return good


CASES: dict[str, Callable[[Bench], bool]] = {
    "traces": traces,
    "stdout": stdout,
    "scrape": scraped,
    "peak": peak,
    "sampling": sampling,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all of them when none")
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--rounds", type=int, default=15, help="of each arm")
    parser.add_argument("--seconds", type=int, default=2, help="a round")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if absent := missing(["nginx", "wrk"]):
        raise SystemExit(absent)
    good = True
    for name in options.cases or CASES:
        with Stage.set() as stage:
            bench = Bench(stage, constant_upstream(stage, 1), options.rate, options.rounds, options.seconds)
            holds = CASES[name](bench)
        print(f"{name}: {'holds' if holds else 'DOES NOT HOLD'}\n", flush=True)
        good &= holds
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
