"""What one limiter check costs, headers included: python -m bench.micro.limit

Prints the best round in microseconds of CPU a check, the first line being what the loop itself costs. The clock is a
counter, so that every round sees the same verdicts.
"""

import itertools
import time
from collections.abc import Callable, Iterable

from gateway.errors import RateLimited
from gateway.exchange import ANONYMOUS, Exchange, Identity, Request
from gateway.limit.base import Limiter, Rule, Unlimited
from gateway.limit.key import client, network
from gateway.limit.limited import Limited
from gateway.limit.memory import MemoryStore
from gateway.limit.token_bucket import TokenBucket
from gateway.runtime import Runtime

ROUNDS = 15
CHECKS = 50_000
KEYS = 1_000_000


class Nowhere:
    def refuse(self, exchange: Exchange, error: Exception) -> None: ...
    def invite_body(self) -> None: ...


def limiter(step: float, size: int = 100, rate: int = 10) -> Limited:
    """A limiter for whom `step` seconds pass between two checks."""
    runtime = Runtime(clock=itertools.count(0.0, step).__next__)
    rules = [Rule("default", TokenBucket(size, rate), client())]
    return Limited(rules, MemoryStore(rules, runtime, KEYS))


def exchange(address: str) -> Exchange:
    request = Request()
    request.service = "llm"
    return Exchange(request, Nowhere(), address, b"", 0)


def drive(limited: Limiter, call: Exchange, identities: Iterable[Identity]) -> None:
    permit = limited.permit
    for identity in identities:
        try:
            permit(call, identity).send(None)
        except StopIteration:
            continue
        except RateLimited:
            continue


def best(name: str, work: Callable[[], object]) -> None:
    took = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    print(f"{name:40}{min(took) / CHECKS * 1e6:8.2f} us")


def main() -> None:
    call = exchange("192.0.2.1")
    alice = [Identity("alice")] * CHECKS
    best("no rule", lambda: drive(Unlimited(), call, alice))
    best("one subject", lambda: drive(passing, call, alice))
    best("one address", lambda: drive(passing, call, [ANONYMOUS] * CHECKS))
    best("refusals", lambda: drive(refusing, call, alice))
    crowd = [Identity(f"user-{n}") for n in range(KEYS)]
    drive(crowded, call, crowd)
    best(f"one of {KEYS} subjects", lambda: drive(crowded, call, crowd[:: KEYS // CHECKS]))
    newcomers = (Identity(f"new-{n}") for n in itertools.count())
    best("a newcomer for whom another must go", lambda: drive(crowded, call, itertools.islice(newcomers, CHECKS)))
    best("parse one address", lambda: [network("2001:db8::1") for _ in range(CHECKS)])


passing = limiter(step=0.1)
refusing = limiter(step=0.0, size=1)
crowded = limiter(step=1e-9)

if __name__ == "__main__":
    main()
