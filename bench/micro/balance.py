"""What one pick costs: python -m bench.micro.balance

Prints the best round in microseconds of CPU a pick, for idle upstreams and for unevenly busy ones, and of the feedback.
"""

import random
from collections.abc import Callable

from bench.micro.stopwatch import Stopwatch
from gateway.balance.group import Group
from gateway.balance.registry import STRATEGIES, build
from gateway.balance.upstream import Upstream
from gateway.config.service import Service
from gateway.exchange import Exchange, Request
from gateway.runtime import Runtime

ROUNDS = 5
PICKS = 20_000
NOW = 100.0


class Nowhere:
    def refuse(self, exchange: Exchange, error: Exception) -> None: ...
    def invite_body(self) -> None: ...


def cost(watch: Stopwatch, name: str, upstreams: list[Upstream]) -> float:
    """Microseconds for one pick."""
    pick = build(name, upstreams, Runtime(clock=lambda: NOW, rng=random.Random(1))).pick
    return repeated(watch, pick)


def repeated(watch: Stopwatch, work: Callable[[Exchange], object]) -> float:
    """Microseconds for one call with an exchange."""
    exchange, picks = Exchange(Request(), Nowhere(), "192.0.2.1", b"", 0), watch.calls(PICKS)

    def round_() -> None:
        for _ in range(picks):
            work(exchange)

    return watch.time(picks, round_)


def four() -> list[Upstream]:
    return [Upstream(f"http://10.0.0.1:{port}") for port in range(1, 5)]


def grouped(watch: Stopwatch) -> float:
    """Microseconds for one pick by a service's group, with least connections."""
    runtime = Runtime(rng=random.Random(1))
    group = Group("llm", runtime)
    service = Service.model_validate({"upstreams": [{"url": "http://unused"}]})
    group.configure(four(), lambda upstreams: build("least_connections", upstreams, runtime), service)
    return repeated(watch, group.pick)


def feedback(watch: Stopwatch) -> float:
    """Microseconds for what one exchange tells about its upstream."""
    upstream = Upstream("http://10.0.0.1")
    rng = random.Random(1)
    latencies = [rng.random() for _ in range(watch.calls(PICKS))]
    now = 0.0

    def told() -> None:
        nonlocal now
        for latency in latencies:
            now += 0.001
            upstream.first_byte(latency, upstream.began(), now)
            upstream.ended()

    return watch.time(len(latencies), told)


def main() -> None:
    watch = Stopwatch.asked(__doc__, ROUNDS)
    rng = random.Random(1)
    for name in STRATEGIES:
        for number in (1, 4, 16, 64, 1000):
            upstreams = [Upstream(f"http://10.0.0.1:{port}") for port in range(1, number + 1)]
            for upstream in upstreams:
                upstream.first_byte(0.1, 1, NOW)
            idle = cost(watch, name, upstreams)
            for upstream in upstreams:
                upstream.in_flight = rng.randrange(20)
                upstream.first_byte(0.1 + rng.random(), 1 + rng.randrange(20), NOW)
            busy = cost(watch, name, upstreams)
            print(f"{name:20}{number:6} upstreams, idle {idle:6.2f} us, busy {busy:6.2f} us")
    strategy = cost(watch, "least_connections", four())
    print(f"group of 4 upstreams: {grouped(watch):.2f} us, of which the strategy takes {strategy:.2f}")
    print(f"feedback for one exchange: {feedback(watch):.2f} us")


if __name__ == "__main__":
    main()
