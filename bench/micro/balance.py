"""What one pick costs: python -m bench.micro.balance

Prints the best round in microseconds of CPU a pick, for idle upstreams and for unevenly busy ones, and of the feedback.
"""

import random
import time

from gateway.balance.group import Group
from gateway.balance.registry import STRATEGIES, build
from gateway.balance.upstream import Upstream
from gateway.config.service import Service
from gateway.exchange import Exchange, Request
from gateway.runtime import Runtime

ROUNDS = 5
PICKS = 20_000


class Nowhere:
    def refuse(self, exchange: Exchange, error: Exception) -> None: ...
    def invite_body(self) -> None: ...


def cost(name: str, upstreams: list[Upstream]) -> float:
    """Microseconds for one pick."""
    pick = build(name, upstreams, Runtime(rng=random.Random(1))).pick
    exchange = Exchange(Request(), Nowhere(), "192.0.2.1", b"", 0)
    took = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(PICKS):
            pick(exchange)
        took.append(time.process_time() - started)
    return min(took) / PICKS * 1e6


def four() -> list[Upstream]:
    return [Upstream(f"http://10.0.0.1:{port}") for port in range(1, 5)]


def grouped() -> float:
    """Microseconds for one pick by a service's group, with least connections."""
    runtime = Runtime(rng=random.Random(1))
    group = Group("llm", runtime)
    service = Service.model_validate({"upstreams": [{"url": "http://unused"}]})
    group.configure(four(), lambda upstreams: build("least_connections", upstreams, runtime), service)
    exchange = Exchange(Request(), Nowhere(), "192.0.2.1", b"", 0)
    started = time.process_time()
    for _ in range(PICKS):
        group.pick(exchange)
    return (time.process_time() - started) / PICKS * 1e6


def feedback() -> float:
    """Microseconds for what one exchange tells about its upstream."""
    upstream = Upstream("http://10.0.0.1")
    rng = random.Random(1)
    latencies = [rng.random() for _ in range(PICKS)]
    started = time.process_time()
    for now, latency in enumerate(latencies):
        upstream.first_byte(latency, upstream.began(), now / 1000)
        upstream.ended()
    return (time.process_time() - started) / PICKS * 1e6


def main() -> None:
    rng = random.Random(1)
    for name in STRATEGIES:
        for number in (1, 4, 16, 64, 1000):
            upstreams = [Upstream(f"http://10.0.0.1:{port}") for port in range(1, number + 1)]
            idle = cost(name, upstreams)
            for upstream in upstreams:
                upstream.in_flight = rng.randrange(20)
                upstream.first_byte(0.1 + rng.random(), 1 + rng.randrange(20), Runtime().clock())
            print(f"{name:20}{number:6} upstreams, idle {idle:6.2f} us, busy {cost(name, upstreams):6.2f} us")
    group = grouped()
    print(f"group of 4 upstreams: {group:.2f} us, of which the strategy takes {cost('least_connections', four()):.2f}")
    print(f"feedback for one exchange: {feedback():.2f} us")


if __name__ == "__main__":
    main()
