"""What one limiter check costs, headers included: python -m bench.micro.limit

Prints the best round in microseconds of CPU a check, the first line being what the loop itself costs. The clock is a
counter, so that every round sees the same verdicts. `batch` lines are the gateway's part of a check in Redis: asking,
and taking the reply, for 32 checks in one call; `bench/limiters.py` measures it with a Redis.
"""

import itertools
from collections.abc import Callable, Iterable

from bench.micro.stopwatch import Stopwatch
from gateway.drive import Parked
from gateway.errors import RateLimited
from gateway.exchange import ANONYMOUS, Exchange, Identity, Request
from gateway.limit.algorithm import SECOND, Algorithm, Verdict
from gateway.limit.approximate_window import ApproximateWindow
from gateway.limit.base import Limiter, Rule, Unlimited
from gateway.limit.batch import Batch, Waiting
from gateway.limit.bundle import Bundle
from gateway.limit.headers import LimitHeaders
from gateway.limit.key import client, header, network
from gateway.limit.leaky_bucket import LeakyBucket
from gateway.limit.leases import Leases
from gateway.limit.limited import Limited
from gateway.limit.line import Line
from gateway.limit.memory import MemoryStore
from gateway.limit.sliding_window import SlidingWindow
from gateway.limit.token_bucket import TokenBucket
from gateway.runtime import Runtime

ROUNDS = 15
CHECKS = 50_000
KEYS = 1_000_000


class Nowhere:
    def refuse(self, exchange: Exchange, error: Exception) -> None: ...
    def invite_body(self) -> None: ...


def limiter(step: float, *algorithms: Algorithm, most: int = KEYS, at_once: bool = True) -> Limited:
    """A limiter for whom `step` seconds pass between two checks, with a rule for each of `algorithms`.

    With `at_once` it decides by `permit_at_once` where there is one rule.
    """
    runtime = Runtime(clock=itertools.count(0.0, step).__next__)
    bundle = Bundle([Rule(f"rule-{index}", each, client()) for index, each in enumerate(algorithms)], {})
    store = MemoryStore(runtime, most)
    return Limited(lambda identity: bundle, store, Line(runtime.clock), bundle if at_once else None, store.take)


def exchange(address: str) -> Exchange:
    request = Request()
    request.service = "llm"
    request.fields = [(b"x-api-key", b"sk-0123456789")]
    return Exchange(request, Nowhere(), address, b"", 0)


def drive(limited: Limiter, call: Exchange, identities: Iterable[Identity]) -> None:
    permit, at_once = limited.permit, limited.permit_at_once
    for identity in identities:
        try:
            if at_once(call, identity) is None:
                permit(call, identity).send(None)
        except StopIteration:
            continue
        except RateLimited:
            continue


def batch(keys: list[str]) -> None:
    """Ask about each of `keys`, and take a reply in which all of them pass."""
    asked = Batch(0.0)
    for key in keys:
        asked.add([(ASKED, key)], Waiting(Parked(), []))
    asked.arguments(Leases())
    views = b" ".join([b"%d" % ASKED.algorithm.fresh(0)[0]] * len(asked._algorithms))
    grants = b" ".join(b"%d" % len(entry.waiting) for entry in asked.entries)
    asked.answers(b"%b %b 0" % (views, grants))


def main() -> None:
    watch = Stopwatch.asked(__doc__, ROUNDS)
    checks = watch.calls(CHECKS)

    def best(name: str, work: Callable[[], object]) -> None:
        watch.best(name, checks, work)

    call = exchange("192.0.2.1")
    alice = [Identity("alice")] * checks
    best("no rule", lambda: drive(Unlimited(), call, alice))
    best("one subject", lambda: drive(passing, call, alice))
    best("one subject, by permit", lambda: drive(waiting, call, alice))
    best("one address", lambda: drive(passing, call, [ANONYMOUS] * checks))
    best("refusals", lambda: drive(refusing, call, alice))
    for name, algorithm in ALGORITHMS.items():
        limited = limiter(0.1, algorithm)
        best(name, lambda limited=limited: drive(limited, call, alice))  # type: ignore[misc]
    best("three rules", lambda: drive(three, call, alice))
    many(watch, call)
    best("parse one address", lambda: [network("2001:db8::1") for _ in range(checks)])
    best("hash one header", lambda: [BY_HEADER(call, ANONYMOUS) for _ in range(checks)])
    headers, verdict = LimitHeaders([ASKED]), Verdict(True, 42, SECOND, SECOND, 0)
    best("fill in the headers", lambda: [headers.lines((verdict,), 0) for _ in range(checks)])
    in_batches(watch, "batch, all keys different", DIFFERENT)
    in_batches(watch, "batch, one key", ["a"] * BATCH)


def in_batches(watch: Stopwatch, name: str, keys: list[str]) -> None:
    number = max(watch.calls(CHECKS) // BATCH, 1)

    def work() -> None:
        for _ in range(number):
            batch(keys)

    watch.best(name, number * BATCH, work)


def many(watch: Stopwatch, call: Exchange) -> None:
    """As many callers as a store may hold, and more."""
    keys, checks = watch.calls(KEYS), watch.calls(CHECKS)
    crowded = limiter(1e-9, TokenBucket(100, 10), most=keys)
    crowd = [Identity(f"user-{n}") for n in range(keys)]
    drive(crowded, call, crowd)
    few = crowd[:: keys // checks]
    watch.best(f"one of {keys} subjects", len(few), lambda: drive(crowded, call, few))
    newcomers = (Identity(f"new-{n}") for n in itertools.count())
    one_more = "a newcomer for whom another must go"
    watch.best(one_more, checks, lambda: drive(crowded, call, itertools.islice(newcomers, checks)))


BATCH = 32
ASKED = Rule("default", TokenBucket(100, 10), client())
DIFFERENT = [f"subject:user-{number}" for number in range(BATCH)]
BY_HEADER = header("X-Api-Key")
ALGORITHMS = {
    "leaky bucket": LeakyBucket(100, 10),
    "strict window, full": SlidingWindow(6000, 600 * SECOND),
    "log, 60 moments": SlidingWindow(60, 6 * SECOND, log=True),
    "approximate window": ApproximateWindow(1000, 60 * SECOND),
}
passing = limiter(0.1, TokenBucket(100, 10))
waiting = limiter(0.1, TokenBucket(100, 10), at_once=False)
refusing = limiter(0.0, TokenBucket(1, 10))
three = limiter(0.1, TokenBucket(100, 10), LeakyBucket(100, 10), ApproximateWindow(1000, 60 * SECOND))

if __name__ == "__main__":
    main()
