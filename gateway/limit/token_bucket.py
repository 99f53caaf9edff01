"""The token bucket, in integers: this file is the specification, whatever stores the state.

A bucket holds at most B units, starts full and gains r units a second; a request takes its cost or is refused. Hence,
as long as the clock does not step, in *any* interval of D seconds at most B + r*D units pass: the bucket holds no more
than B when the interval begins and gains no more than r*D until it ends.

Nothing is rounded. A unit costs `price` credits and every microsecond brings `gain` of them, both integers, with
gain/price = r/1,000,000 in lowest terms. No value exceeds 2^53, up to where every integer is an IEEE double: the same
lines in Lua give the same bits.

When the clock steps back, no time has passed, and from the next request on time goes on from there: no step hands out
more than one extra B, and none delays that request longer than the B/r seconds in which a bucket fills.
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TypeAlias

from gateway.limit.base import NEVER, State, Verdict

Rate: TypeAlias = int | float | str | Decimal | Fraction

# measured: 0.1 us less a check than Verdict(...), of 2.4; python -m bench.micro.limit, 2026-11-24
_verdict: Callable[[tuple[bool, int, int, int, int]], Verdict] = partial(tuple.__new__, Verdict)

SECOND = 1_000_000
EXACT = 2**53
MOST = 999_999_999_999_999  # the largest integer of a structured field (RFC 9651, section 3.3.1)


class TokenBucket:
    """A bucket of `bucket_size` units that gains `refill_rate` units a second, taken at its decimal face value.

    The state is (credits, the microsecond they were counted). ValueError names what is out of range.
    """

    __slots__ = ("fill_us", "full", "gain", "price", "size", "window")

    def __init__(self, bucket_size: int, refill_rate: Rate) -> None:
        if not 1 <= bucket_size <= MOST:
            raise ValueError(f"bucket_size {bucket_size}: must be a whole number from 1 to {MOST}")
        rate = _exact(refill_rate) / SECOND
        self.size = bucket_size
        self.gain = rate.numerator  # credits a microsecond
        self.price = rate.denominator  # credits a unit
        self.full = bucket_size * self.price
        if self.full + self.gain > EXACT:
            remedy = f"cannot be kept exactly beside bucket_size {bucket_size}; use fewer digits, or a smaller bucket"
            raise ValueError(f"refill_rate {refill_rate}: {remedy}")
        self.fill_us = -(-self.full // self.gain)
        self.window = -(-self.fill_us // SECOND) if self.fill_us >= SECOND else 0

    def __repr__(self) -> str:
        return f"<TokenBucket {self.size} + {Fraction(self.gain * SECOND, self.price)}/s>"

    def fresh(self, now: int) -> State:
        return self.full, now

    def take(self, state: State, now: int, cost: int = 1) -> tuple[Verdict, State]:
        """Take `cost` units, all or none; a cost above the size is refused with `retry_after_us` = NEVER."""
        if cost < 1:
            raise ValueError(f"cost {cost}: must be at least 1")
        credit = self._credit(state, now)
        price, gain = self.price, self.gain
        need = cost * price
        retry_after = 0
        if allowed := credit >= need:
            credit -= need
        else:
            retry_after = -((credit - need) // gain) if cost <= self.size else NEVER
        missing = self.full - credit
        coming = -((credit % price - price) // gain) if missing else 0
        return _verdict((allowed, credit // price, coming, -(-missing // gain), retry_after)), (credit, now)

    def reset_us(self, state: State, now: int) -> int:
        return -((self._credit(state, now) - self.full) // self.gain)

    def worse(self, one: State, other: State, now: int) -> State:
        return min(self._credit(one, now), self._credit(other, now)), now

    def _credit(self, state: State, now: int) -> int:
        credit, at = state
        passed = now - at
        if passed <= 0:
            return credit
        if passed >= self.fill_us:  # also keeps the product below from leaving the exact range
            return self.full
        credit += passed * self.gain
        return credit if credit < self.full else self.full


def _exact(rate: Rate) -> Fraction:
    try:
        exact = Fraction(str(rate))  # str: 0.1 means one tenth, not the double next to it
    except (ValueError, ZeroDivisionError):
        exact = Fraction(0)
    if exact <= 0:
        raise ValueError(f"refill_rate {rate}: must be a number of units a second, above 0")
    return exact
