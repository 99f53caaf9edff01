"""The gateway's limiter beside throttled-py and limits: python -m bench.limiters

Checks per second of CPU time of the asking process, uvloop, one Redis, 64 callers that each ask again as soon as they
are answered; and the same in memory, one caller. Contenders take turns, round by round; what is printed is the median
of the rounds, and how many times the peer's the gateway's is. The peers are not the gateway's dependencies:

    pip install throttled-py limits
"""

import argparse
import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import uvloop

from bench.process import free_ports
from bench.stage import Stage
from bench.tools import missing
from gateway.config.redis import parse_redis_url
from gateway.drive import Drive, Parked
from gateway.limit.algorithm import SECOND
from gateway.limit.base import Rule
from gateway.limit.memory import MemoryStore
from gateway.limit.redis import RedisStore
from gateway.limit.servers import opener
from gateway.limit.sliding_window import SlidingWindow
from gateway.limit.token_bucket import TokenBucket
from gateway.runtime import Runtime

CALLERS = 64
KEYS = 1000
PLENTY = 10**6  # so that nobody is refused, which is cheaper
AT_ONCE = 2000  # checks of one caller in memory between two looks at the clock

Ask: TypeAlias = Callable[[str], Awaitable[Any]]


@cache
def drawn(seed: int) -> list[str]:
    """Keys at random, the same for every contender."""
    rng = random.Random(seed)
    return [f"user-{rng.randrange(KEYS)}" for _ in range(10_000)]


def names(seed: int) -> Iterator[str]:
    """The keys of one caller, without an end."""
    return itertools.cycle(drawn(seed))


async def in_tasks(ask: Ask, seconds: float) -> float:
    """Checks per second of CPU, of 64 tasks."""
    until, counts = time.monotonic() + seconds, [0] * CALLERS

    async def caller(number: int) -> None:
        for name in names(number):
            await ask(name)
            counts[number] += 1
            if time.monotonic() > until:
                return

    spent = time.process_time()
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return sum(counts) / (time.process_time() - spent)


async def in_drives(store: RedisStore, rule: Rule, seconds: float) -> float:
    """The same of 64 drives, which is how the gateway runs requests."""
    until, counts, ended = time.monotonic() + seconds, [0] * CALLERS, asyncio.Semaphore(0)

    async def caller(number: int) -> None:
        for name in names(number):
            answer = store.decide([(rule, name)], [])
            if isinstance(answer, Parked):
                await answer
            counts[number] += 1
            if time.monotonic() > until:
                return

    spent = time.process_time()
    for number in range(CALLERS):
        Drive(caller(number), ended.release).step()
    for _ in range(CALLERS):
        await ended.acquire()
    assert not any(store.blind.counts.values()), "decided without Redis, so there is nothing to measure"
    return sum(counts) / (time.process_time() - spent)


def in_a_loop(ask: Callable[[str], Any], seconds: float) -> float:
    """Checks per second of CPU, of one caller that never waits."""
    until, count, keys = time.monotonic() + seconds, 0, names(0)
    spent = time.process_time()
    while time.monotonic() < until:
        for name in itertools.islice(keys, AT_ONCE):
            ask(name)
        count += AT_ONCE
    return count / (time.process_time() - spent)


def rule(algorithm: Any) -> Rule:
    return Rule("bench", algorithm, lambda exchange, identity: "")


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis on the core for the load."""
    [port] = free_ports(1)
    with Stage.set() as stage:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        stage.start("redis", command, port, load=True)
        yield f"redis://127.0.0.1:{port}/0"


async def shared(url: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Every contender with Redis."""
    from limits import RateLimitItemPerSecond
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter
    from throttled.asyncio import RateLimiterType, Throttled, rate_limiter
    from throttled.asyncio import RedisStore as ThrottledRedis

    runtime = Runtime()
    store = RedisStore(opener(parse_redis_url(url), None), runtime, timeout=1.0)
    await store.start()
    storage, item = RedisStorage(f"async+{url}", implementation="redispy"), RateLimitItemPerSecond(PLENTY)
    quota = rate_limiter.per_sec(PLENTY, burst=PLENTY)

    def throttled(kind: RateLimiterType) -> Ask:
        ask: Ask = Throttled(using=kind.value, quota=quota, store=ThrottledRedis(server=url)).limit
        return ask

    fixed, counter = FixedWindowRateLimiter(storage), SlidingWindowCounterRateLimiter(storage)
    bucket, window = rule(TokenBucket(PLENTY, PLENTY)), rule(SlidingWindow(PLENTY, SECOND))
    contenders: dict[str, Callable[[], Awaitable[float]]] = {
        "gateway token bucket": lambda: in_drives(store, bucket, seconds),
        "gateway strict window": lambda: in_drives(store, window, seconds),
        "throttled-py token bucket": lambda: in_tasks(throttled(RateLimiterType.TOKEN_BUCKET), seconds),
        "throttled-py GCRA": lambda: in_tasks(throttled(RateLimiterType.GCRA), seconds),
        "limits fixed window": lambda: in_tasks(lambda name: fixed.hit(item, name), seconds),
        "limits sliding window": lambda: in_tasks(lambda name: counter.hit(item, name), seconds),
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            taken[name].append(await measure())
    store.close()
    await runtime.close()
    return taken


def alone(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Every contender in memory."""
    from limits import RateLimitItemPerSecond
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter
    from throttled import RateLimiterType, Throttled, rate_limiter

    store, bucket = MemoryStore(Runtime()), rule(TokenBucket(PLENTY, PLENTY))
    window = rule(SlidingWindow(PLENTY, SECOND))
    quota = rate_limiter.per_sec(PLENTY, burst=PLENTY)
    fixed, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerSecond(PLENTY)

    def throttled(kind: RateLimiterType) -> Callable[[str], Any]:
        ask: Callable[[str], Any] = Throttled(using=kind.value, quota=quota).limit
        return ask

    contenders: dict[str, Callable[[str], Any]] = {
        # As `Limited` asks: at once, and the long way when that is not enough.
        "gateway token bucket": lambda name: store.take(bucket, name) or store.decide([(bucket, name)], []),
        "gateway strict window": lambda name: store.take(window, name) or store.decide([(window, name)], []),
        "throttled-py token bucket": throttled(RateLimiterType.TOKEN_BUCKET),
        "throttled-py GCRA": throttled(RateLimiterType.GCRA),
        "throttled-py fixed window": throttled(RateLimiterType.FIXED_WINDOW),
        "limits fixed window": lambda name: fixed.hit(item, name),
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, ask in contenders.items():
            taken[name].append(in_a_loop(ask, seconds))
    return taken


def show(title: str, taken: dict[str, list[float]]) -> None:
    ours = statistics.median(taken["gateway token bucket"])
    print(f"\n{title}\n{'':28}{'checks/s of CPU':>16}{'min-max':>20}{'gateway is':>12}")
    for name, rates in taken.items():
        median, spread = statistics.median(rates), f"{min(rates):,.0f}-{max(rates):,.0f}"
        print(f"{name:28}{median:>16,.0f}{spread:>20}{ours / median:>10.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    for seed in range(CALLERS):
        drawn(seed)  # before anything is measured
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    if absent := missing(["redis-server"]):
        raise SystemExit(absent)
    show("in memory, one caller", alone(options.rounds, options.seconds))
    with redis() as url:
        show(f"in Redis, {CALLERS} callers", uvloop.run(shared(url, options.rounds, options.seconds)))


if __name__ == "__main__":
    main()
