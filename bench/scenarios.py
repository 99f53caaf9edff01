"""What is measured, as data: what feeds it, how one sample is taken, and what is expected."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.contenders import Contender
from bench.load import run_wrk
from bench.nginx import constant_upstream
from bench.stage import Stage
from bench.streams import event_upstream, open_connections

UPSTREAMS = 4
SETTLE = 1.0  # seconds


@dataclass(frozen=True)
class Options:
    """What the command line chose."""

    seconds: float
    warm_up: float
    connections: int
    streams: int
    held: int


@dataclass(frozen=True)
class Sample:
    """One measurement: the cost in the scenario's unit, and what else was seen."""

    cost: float
    seen: dict[str, float]


Measure = Callable[[Stage, Contender, Options, float], Sample]


@dataclass(frozen=True)
class Scenario:
    """`measure` takes the seconds to spend; `fresh` = every sample needs a proxy just started.

    `target` is for the gateway: a ratio to nginx, or with `absolute` the cost itself.
    """

    title: str
    unit: str
    target: float
    measure: Measure
    upstream: Callable[[Stage], list[int]]
    streaming: bool = False
    absolute: bool = False
    fresh: bool = False


def requests(script: str) -> Measure:
    """CPU time per request of wrk's `script`, in microseconds."""

    def measure(stage: Stage, contender: Contender, options: Options, seconds: float) -> Sample:
        before = contender.process.cpu()
        seen = run_wrk(script, contender.port, stage.load_core, connections=options.connections, seconds=seconds)
        spent = contender.process.cpu() - before
        seen["per_second"] = seen["requests"] / seen["seconds"]
        return Sample(spent / seen["requests"] * 1e6, seen)

    return measure


def events(stage: Stage, contender: Contender, options: Options, seconds: float) -> Sample:
    """CPU time per relayed event, in microseconds."""
    with open_connections(contender.port, options.streams, stage.load_core) as client:
        time.sleep(SETTLE)
        before = contender.process.cpu()
        client.since_last()
        time.sleep(seconds)
        seen = client.since_last()
        spent = contender.process.cpu() - before
    if not seen["events"]:
        raise RuntimeError(f"no event came through {contender.name}")
    seen["per_second"] = seen["events"] / seen["seconds"]
    return Sample(spent / seen["events"] * 1e6, seen)


def memory(stage: Stage, contender: Contender, options: Options, seconds: float) -> Sample:
    """Resident memory that open connections add, in MB, after some that came and went."""
    with open_connections(contender.port, options.held // 10, stage.load_core):
        time.sleep(SETTLE)
    time.sleep(SETTLE)
    before = contender.process.memory()
    with open_connections(contender.port, options.held, stage.load_core):
        time.sleep(max(seconds / 2, SETTLE))
        added = contender.process.memory() - before
    return Sample(added / 1e6, {"connections": options.held, "bytes_each": added / options.held, "before": before})


def constant(stage: Stage) -> list[int]:
    return constant_upstream(stage, UPSTREAMS)


def busy_streams(stage: Stage) -> list[int]:
    return event_upstream(stage, UPSTREAMS, per_second=20)


def calm_streams(stage: Stage) -> list[int]:
    return event_upstream(stage, UPSTREAMS, per_second=2)


CPU, MEMORY = "us CPU", "MB"
SCENARIOS = {
    "json": Scenario("1 KB JSON in, 1.5 KB out", CPU, 2.5, requests("json.lua"), constant),
    "json-varied": Scenario("the same, every request different", CPU, 2.5, requests("json_varied.lua"), constant),
    "streams": Scenario("155-byte events, 20/s a stream", CPU, 1.35, events, busy_streams, streaming=True),
    "memory-idle": Scenario("idle keep-alive connections", MEMORY, 10, memory, constant, absolute=True, fresh=True),
    "memory-streams": Scenario(
        "open event streams", MEMORY, 30, memory, calm_streams, streaming=True, absolute=True, fresh=True
    ),
}
