"""Passive health: who fails again and again is ejected for a while, who asks for rest gets it."""

from collections.abc import Sequence
from typing import Protocol

from gateway.balance.upstream import Upstream
from gateway.runtime import Runtime

# An ejection lasts as many times the configured one as there were in a row, at most so many.
MOST_EJECTIONS = 10
# Ejected by several gateways at once, an upstream is not tried again by all at once.
JITTER = 0.1
# The longest rest: a client's own quota of a day must not take an upstream away from everybody else.
LONGEST_REST = 60.0
# What a 503 without Retry-After asks for: this, twice this, four times, up to the longest.
FIRST_REST, LONGEST_UNASKED = 1.0, 30.0


class OutlierOptions(Protocol):
    """As in the configuration: `ejection` in seconds, `max_ejected` a share; `consecutive_failures` 0 = never."""

    @property
    def consecutive_failures(self) -> int: ...
    @property
    def ejection(self) -> float: ...
    @property
    def max_ejected(self) -> float: ...


class Outlier:
    """The rules, by `options`; the state is each upstream's `standing`."""

    options: OutlierOptions

    def __init__(self, runtime: Runtime) -> None:
        self._random = runtime.rng.random

    def judge(self, upstream: Upstream, pool: Sequence[Upstream], now: float) -> float:
        """Count a fault; the seconds of the ejection that it leads to, 0 for none."""
        options, standing = self.options, upstream.standing
        standing.faults += 1
        if not 0 < options.consecutive_failures <= standing.faults or standing.is_ejected(now):
            return 0.0
        others = sum(other.standing.is_ejected(now) for other in pool)
        if others >= max(1, int(len(pool) * options.max_ejected)) or not options.max_ejected:
            return 0.0
        # Each ejection's time that it has done well since the last one takes one of them back.
        well = int((now - standing.ejected_until) / options.ejection) if standing.ejections else 0
        standing.ejections = min(MOST_EJECTIONS, max(0, standing.ejections - well) + 1)
        seconds = options.ejection * standing.ejections * (1 + JITTER * self._random())
        standing.ejected_until = now + seconds
        return seconds

    def returns(self, upstream: Upstream, now: float) -> bool:
        """Whether an ejection is over now: it starts slowly, and its first fault ejects it again."""
        standing = upstream.standing
        if standing.ejected_until <= upstream.joined_at or now < standing.ejected_until or not standing.ejections:
            return False
        upstream.joined_at = now
        standing.faults = max(0, self.options.consecutive_failures - 1)
        return True

    def rest(self, upstream: Upstream, seconds: float | None, now: float) -> bool:
        """Let it rest for `seconds`, or for some time that grows; whether that is news."""
        standing = upstream.standing
        if seconds is None:
            if now < standing.resting_until:
                return False  # one that was already under way
            seconds = min(LONGEST_UNASKED, FIRST_REST * 2.0**standing.rests)
            standing.rests = min(standing.rests + 1, 10)
        until = now + min(seconds, LONGEST_REST)
        if until <= standing.resting_until:
            return False
        standing.resting_until = until
        return True
