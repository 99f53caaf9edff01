"""What the limiter's store costs a request: python -m bench.limit_stores

CPU time of the gateway per JSON request under wrk, all four stages on, 64 connections: with the limit in memory, the
same in Redis, and none; then with one key and with a million in memory. The gateways take turns, round by round;
what is printed is the median of the rounds and of their ratios.
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

from bench.contenders import gateway_config
from bench.load import json_load
from bench.nginx import constant_upstream
from bench.process import Process, free_ports
from bench.stage import Stage
from bench.tools import missing

CONNECTIONS = 64
BLIND = re.compile(r"^rate_limit_store_errors_total\{.*\} ([0-9]+)", re.MULTILINE)
MANY = 1_000_000


class Running:
    """A gateway with one way of limiting; `keys` = as many, in turn, in a header of their own."""

    def __init__(self, stage: Stage, upstreams: list[int], over: Mapping[str, Any], keys: int = 0) -> None:
        [self.port] = free_ports(1)
        self._keys = keys
        self._stage = stage
        config = gateway_config(self.port, upstreams)
        for section, options in over.items():
            config[section] = {**config.get(section, {}), **options}
        file = stage.file("gateway.yaml", json.dumps(config))
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(file)]
        self._process: Process = stage.start("gateway", command, self.port)

    def cost(self, seconds: float) -> float:
        """Microseconds of CPU for each request."""
        before = self._process.cpu()
        seen = self._load(seconds)
        spent = self._process.cpu() - before
        with urlopen(f"http://127.0.0.1:{self.port}/metrics") as page:
            blind = sum(int(number) for number in BLIND.findall(page.read().decode()))
        if blind:
            raise RuntimeError(f"{blind} checks were decided without Redis, so there is nothing to measure")
        return float(spent / seen["requests"] * 1e6)

    def answer(self, requests: int) -> None:
        """Let so many requests pass unmeasured."""
        while requests > 0:
            requests -= int(self._load(10)["requests"])

    def _load(self, seconds: float) -> dict[str, float]:
        return json_load(self._stage, self.port, connections=CONNECTIONS, seconds=seconds, keys=self._keys)


def measure(running: Mapping[str, Running], rounds: int, seconds: float) -> None:
    """Print a line for each; ratios are to the first."""
    taken: dict[str, list[float]] = {name: [] for name in running}
    for gateway in running.values():
        gateway.cost(1.0)
    for _ in range(rounds):
        for name, gateway in running.items():
            taken[name].append(gateway.cost(seconds))
    first = next(iter(taken.values()))
    for name, costs in taken.items():
        ratio = statistics.median(cost / base for cost, base in zip(costs, first, strict=True))
        print(f"{name:24}{statistics.median(costs):>8.1f} us{min(costs):>10.1f}-{max(costs):.1f}{ratio:>8.2f} x")


def stores(stage: Stage, upstreams: list[int], rounds: int, seconds: float) -> None:
    """Memory, Redis, and no limit at all."""
    [port] = free_ports(1)
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    stage.start("redis", command, port, load=True)
    redis = {"redis": {"url": f"redis://127.0.0.1:{port}/0", "timeout": "250ms"}}
    window = {"ratelimit": {"algorithm": "sliding_window", "bucket_size": 10**7, "window": "1s"}}
    ways: dict[str, Mapping[str, Any]] = {
        "memory": {},
        "redis": redis,
        "redis, strict window": {**redis, **window},
        "no limit": {"ratelimit": {"enabled": False}},
    }
    running = {name: Running(stage, upstreams, way) for name, way in ways.items()}
    measure(running, rounds, seconds)


def keys(stage: Stage, upstreams: list[int], rounds: int, seconds: float) -> None:
    """One key and a million."""
    limit = {"ratelimit": {"bucket_size": 10**6, "refill_rate": "1/h", "key": "header:X-Key"}}
    running = {f"{count:,} keys": Running(stage, upstreams, limit, count) for count in (1, MANY)}
    running[f"{MANY:,} keys"].answer(MANY)
    measure(running, rounds, seconds)


WHAT = {"stores": stores, "keys": keys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("what", nargs="?", default="all", choices=["all", *WHAT])
    options = parser.parse_args()
    if absent := missing(["nginx", "wrk", "redis-server"]):
        raise SystemExit(absent)
    for what in WHAT if options.what == "all" else [options.what]:
        with Stage.set() as stage:
            upstreams = constant_upstream(stage, 4)
            WHAT[what](stage, upstreams, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
