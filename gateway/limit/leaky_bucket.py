"""The leaky bucket, in integers, as a meter and as a queue.

A bucket takes in at most B units and leaks r units a second; a request pours in its cost or is refused.

As a *meter* the request passes at once. In any interval of D seconds at most B + r*D units pass: no more than B fit
into the empty bucket, and no more than r*D leak until the interval ends. It is the token bucket seen from below.

As a *queue* the request waits until what was poured in before it has leaked out: requests leave in the order they came,
1/r seconds apart, so in any interval of D seconds at most 1 + r*D leave. A request that would have to wait longer than
`max_delay`, or to stand behind more than B - 1 others, is refused. Waits are told in whole microseconds, rounded up:
by less than one microsecond two departures may be closer than 1/r.

Nothing else is rounded, no value exceeds 2^53, and a clock that steps counts as in token_bucket.py.
"""

from fractions import Fraction

from gateway.limit.algorithm import NEVER, SECOND, Algorithm, Rate, State, View, credits_of, whole_seconds


class LeakyBucket(Algorithm):
    """A bucket of `bucket_size` units that leaks `refill_rate` units a second; a queue when `max_delay_us` is given.

    The state is (level in credits, the microsecond it was measured), the view (level). ValueError names what is out of
    range.
    """

    __slots__ = ("definition", "drain_us", "full", "gain", "max_delay_us", "price", "size", "window")

    def __init__(self, bucket_size: int, refill_rate: Rate, max_delay_us: int | None = None) -> None:
        self.gain, self.price = credits_of(bucket_size, refill_rate)  # a microsecond leaks, a unit pours
        self.full = bucket_size * self.price
        self.max_delay_us = max_delay_us
        if max_delay_us is not None:
            # Whoever finds max_delay * r units in the bucket waits max_delay, and pours in one more.
            self.full = min(self.full, max_delay_us * self.gain + self.price)
        self.size = self.full // self.price
        self.drain_us = -(-self.full // self.gain)
        self.window = whole_seconds(self.drain_us)
        self.definition = ("leaky_bucket", self.full, self.gain, self.price, self.drain_us)

    def __repr__(self) -> str:
        kind = "meter" if self.max_delay_us is None else "queue"
        return f"<LeakyBucket {kind} {self.size} - {Fraction(self.gain * SECOND, self.price)}/s>"

    def fresh(self, now: int) -> State:
        return 0, now

    def advance(self, state: State, now: int) -> State:
        level, at = state
        passed = now - at
        if passed >= self.drain_us:  # also keeps the product below from leaving the exact range
            level = 0
        elif passed > 0:
            level = max(0, level - passed * self.gain)
        return level, now

    def view(self, state: State, now: int) -> View:
        return state[:1]

    def units(self, view: View) -> int:
        return (self.full - view[0]) // self.price

    def wait(self, state: State, now: int, cost: int) -> int:
        return -((self.full - cost * self.price - state[0]) // self.gain) if cost <= self.size else NEVER

    def debit(self, state: State, now: int, cost: int) -> State:
        return state[0] + cost * self.price, now

    def after(self, view: View, cost: int) -> View:
        return (view[0] + cost * self.price,)

    def numbers(self, view: View) -> tuple[int, int, int]:
        level = view[0]
        room = self.full - level
        remaining = room // self.price
        coming = -((room - (remaining + 1) * self.price) // self.gain) if remaining < self.size else 0
        return remaining, coming, -(-level // self.gain)

    def delay(self, view: View) -> int:
        return 0 if self.max_delay_us is None else -(-view[0] // self.gain)

    def divided(self, parts: int) -> "LeakyBucket":
        rate = Fraction(self.gain * SECOND, self.price * parts)
        return LeakyBucket(max(1, self.size // parts), rate, self.max_delay_us)

    def worse(self, one: State, other: State, now: int) -> State:
        return max(self.advance(one, now)[0], self.advance(other, now)[0]), now
