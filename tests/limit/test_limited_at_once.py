"""What the limiter says at once is what it says when it is awaited."""

import random

import pytest
from limit_reference import SECOND, VirtualClock, at_once, exchange

from gateway.config.ratelimit import RateLimit
from gateway.errors import RateLimited
from gateway.exchange import Identity, Permit
from gateway.limit.algorithm import Algorithm
from gateway.limit.base import Rule
from gateway.limit.bundle import Bundle
from gateway.limit.key import client
from gateway.limit.leaky_bucket import LeakyBucket
from gateway.limit.limited import Limited
from gateway.limit.line import Line
from gateway.limit.memory import MemoryStore
from gateway.limit.registry import ALGORITHMS
from gateway.limit.token_bucket import TokenBucket

ALICE = Identity("alice")
CALLERS = [ALICE, Identity("bob"), Identity("carol"), Identity("")]
STEPS = (0, 1, SECOND // 7, SECOND, -SECOND)


def answer(limited: Limited, identity: Identity, *, first: bool) -> object:
    """Headers, or those of the refusal."""
    try:
        permit = limited.permit_at_once(exchange(), identity) if first else None
        permit = permit or at_once(limited.permit(exchange(), identity))
    except RateLimited as error:
        return error.rule, error.headers
    assert isinstance(permit, Permit)
    return permit.headers


def pair(clock: VirtualClock, algorithm: Algorithm, *, shadow: bool = False) -> list[Limited]:
    made = []
    for _ in range(2):
        bundle = Bundle([Rule("default", algorithm, client(), shadow=shadow)], {})
        store = MemoryStore(clock.runtime(), keys=2)
        made.append(Limited(lambda identity, bundle=bundle: bundle, store, Line(clock), bundle, store.take))
    return made


@pytest.mark.parametrize(("kind", "mode"), [key for key in ALGORITHMS if key[1] != "queue"])
def test_what_is_said_at_once_is_what_is_said_when_it_is_awaited(kind: str, mode: str | None) -> None:
    """Also when the clock steps back, and when a key has to go for another."""
    rng, clock = random.Random(1), VirtualClock()
    clock.us = 10 * SECOND
    limit = RateLimit(algorithm=kind, mode=mode, bucket_size=3, refill_rate="2/s", window=1.0)
    one, other = pair(clock, ALGORITHMS[kind, mode](limit))
    for _ in range(2000):
        clock.us = max(0, clock.us + rng.choice(STEPS))
        caller = rng.choice(CALLERS)
        assert answer(one, caller, first=True) == answer(other, caller, first=False)


def test_who_has_to_wait_is_not_answered_at_once() -> None:
    clock = VirtualClock()
    one, other = pair(clock, LeakyBucket(3, 1, 5 * SECOND))
    assert answer(one, ALICE, first=True) == answer(other, ALICE, first=False)
    assert one.permit_at_once(exchange(), ALICE) is None


def test_shadow_rules_are_not_answered_at_once() -> None:
    one, _ = pair(VirtualClock(), TokenBucket(1, 1), shadow=True)
    assert one.permit_at_once(exchange(), ALICE) is None
