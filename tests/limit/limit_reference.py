"""A token bucket in exact fractions of a second, and what drives a limiter without an event loop."""

from collections.abc import Coroutine
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.exchange import Exchange, Request
from gateway.limit.base import KeyOf, Rule
from gateway.limit.token_bucket import TokenBucket
from gateway.runtime import Runtime

T = TypeVar("T")

SECOND = 1_000_000

sizes = st.integers(1, 20)
rates = st.builds(Fraction, st.integers(1, 50), st.integers(1, 50))
gaps = st.one_of(st.just(0), st.integers(0, 2_000), st.integers(0, 3 * SECOND), st.integers(0, 120 * SECOND))


class Reference:
    """The definition: credit = min(B, credit + r*dt); allow iff credit >= cost."""

    def __init__(self, size: int, rate: Fraction) -> None:
        self.size, self.rate = size, rate
        self.credit = Fraction(size)
        self.at = 0

    def advance(self, now: int) -> None:
        self.credit = min(Fraction(self.size), self.credit + self.rate * Fraction(now - self.at, SECOND))
        self.at = now

    def take(self, now: int, cost: int = 1) -> bool:
        self.advance(now)
        if self.credit < cost:
            return False
        self.credit -= cost
        return True

    def wait_us(self, units: int) -> int:
        """Whole microseconds until `units` are there, rounded up; at most `size` ever are."""
        missing = max(Fraction(0), units - self.credit) / self.rate * SECOND
        return -(-missing.numerator // missing.denominator)


class VirtualClock:
    """Seconds that move only when told to."""

    def __init__(self) -> None:
        self.us = 0

    def __call__(self) -> float:
        return self.us / SECOND

    def runtime(self) -> Runtime:
        return Runtime(clock=self, wall=self)


class Nowhere:
    """The client's side of an exchange that no stage of this room talks to."""

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        raise AssertionError("a limiter answers nobody")

    def invite_body(self) -> None:
        raise AssertionError("a limiter invites nobody")


def exchange(client: str = "192.0.2.1", service: str = "llm") -> Exchange:
    request = Request()
    request.service = service
    return Exchange(request, Nowhere(), client, b"", 0)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which must not wait for anything."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise AssertionError("it waited")


def rule(size: int, rate: int | Fraction, *, name: str = "default", key: KeyOf | None = None) -> Rule:
    return Rule(name, TokenBucket(size, rate), key or (lambda exchange, identity: identity.subject))
