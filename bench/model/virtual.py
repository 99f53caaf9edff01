"""The same comparison in virtual time: `python -m bench.model.virtual`, a minute for five seeds.

The engine is that of the model server and the strategies are those that ship; there is no machine to be slow, so
differences between rows are the strategies' own. It also tells what it is worth to a strategy when an engine sends the
head of a stream only with its first token, which is what the gateway learns latencies from.
"""

import argparse
import heapq
import random
import statistics
import sys
from collections.abc import Callable, Sequence

from bench.model.compare import KV_TOKENS, STRATEGIES
from bench.model.engine import Engine, Setting
from bench.model.engine import Sequence as Generated
from bench.model.figures import percentile
from bench.model.load import Ask, plan
from gateway.balance.base import Options
from gateway.balance.registry import build
from gateway.balance.upstream import Upstream
from gateway.errors import GatewayError
from gateway.exchange import Exchange, Request
from gateway.runtime import Runtime

EARLY = 0.001  # seconds from a request to its head, when the head does not wait for the first token
WARM_UP = 10.0  # seconds whose requests are not counted


class Nowhere:
    """A client that is never answered by the gateway itself."""

    def refuse(self, exchange: Exchange, error: GatewayError) -> None: ...
    def invite_body(self) -> None: ...


class World:
    """One strategy before engines of `speeds`; `run` gives the times to first token, and what was in the caches."""

    def __init__(self, strategy: str, speeds: Sequence[float], seed: int, *, late_head: bool) -> None:
        self.now = 0.0
        self._late = late_head
        self._engines = [Engine(Setting(speed=speed, kv_tokens=KV_TOKENS)) for speed in speeds]
        self._upstreams = [Upstream(f"http://model:{port}") for port in range(1, len(speeds) + 1)]
        runtime = Runtime(clock=lambda: self.now, rng=random.Random(seed))
        self._strategy = build(strategy, self._upstreams, runtime, Options(hash_key="address"))
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._busy = [False] * len(speeds)
        self._sent: dict[Generated, tuple[Ask, int, int]] = {}
        self.firsts: list[float] = []

    def run(self, asks: Sequence[Ask]) -> None:
        """Until every request has been answered or left."""
        for number, ask in enumerate(asks):
            self._at(ask.at, self._asking(ask, number))
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()

    @property
    def hits(self) -> float:
        """The share of prompt tokens that were in an engine's memory."""
        counts = [engine.counts for engine in self._engines]
        return sum(each.prefix_hits for each in counts) / sum(each.prefix_queries for each in counts)

    def _at(self, time: float, event: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (time, self._order, event))

    def _asking(self, ask: Ask, number: int) -> Callable[[], None]:
        def send() -> None:
            upstream = self._strategy.pick(Exchange(Request(), Nowhere(), f"group-{ask.group}", b"", 0))
            assert upstream is not None
            place = upstream.port - 1
            prompt = ask.prefix + ask.own
            hashes = blocks(ask, number, Setting().block)
            sequence = self._engines[place].submit(prompt, ask.output, hashes, self.now)
            self._sent[sequence] = (ask, place, upstream.began())
            if not self._late:
                self._at(self.now + EARLY, lambda: self._head(sequence))
            if not self._busy[place]:
                self._begin(place)

        return send

    def _head(self, sequence: Generated) -> None:
        """The gateway sees the reply begin."""
        _, place, load = self._sent[sequence]
        self._upstreams[place].first_byte(self.now - sequence.submitted_at, load, self.now)

    def _begin(self, place: int) -> None:
        took = self._engines[place].begin(self.now)
        self._busy[place] = took is not None
        if took is not None:
            self._at(self.now + took, lambda: self._finish(place))

    def _finish(self, place: int) -> None:
        engine = self._engines[place]
        for sequence in engine.finish(self.now):
            ask, _, _ = self._sent[sequence]
            if sequence.generated == 1:
                if ask.at >= WARM_UP:
                    self.firsts.append(self.now - ask.at)
                if self._late:
                    self._head(sequence)
            if sequence.generated in {ask.leave_tokens, ask.output}:
                self._upstreams[place].ended()
                engine.abort(sequence)
        self._begin(place)


def blocks(ask: Ask, number: int, block: int) -> tuple[int, ...]:
    """Hashes as those of the texts in `load.body`: the prefix is its group's, the rest nobody else's."""
    shared = [hash((ask.group, place)) for place in range(ask.prefix // block)]
    own = [hash((-1 - number, place)) for place in range((ask.prefix % block + ask.own + ask.output) // block)]
    return (*shared, *own)


def main() -> int:
    """Print a row for each strategy and each time of heads."""
    parser = argparse.ArgumentParser(prog="python -m bench.model.virtual", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=14.0)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    print("| strategy | heads | TTFT p50 ms | p99 ms | prefix hits |\n| --- | --- | --- | --- | --- |")
    for strategy in STRATEGIES:
        for late in (False, True):
            worlds = []
            for seed in range(options.seeds):
                world = World(strategy, (2.0, 1.0, 1.0, 0.5), seed, late_head=late)
                world.run(plan(options.seconds + WARM_UP, options.rate, 20, 2000, 48, 0.1, seed))
                worlds.append(world)
            middle, tail = (
                statistics.mean(percentile(world.firsts, share) for world in worlds) * 1e3 for share in (0.5, 0.99)
            )
            hits = statistics.mean(world.hits for world in worlds)
            heads = "with the first token" if late else "at once"
            print(f"| `{strategy}` | {heads} | {middle:.0f} | {tail:.0f} | {hits:.0%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
