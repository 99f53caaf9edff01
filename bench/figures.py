"""Samples into numbers: percentiles, ratios of paired repetitions, and how sure they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, exp, log

from bench.simulator.figures import interval

TAIL = 0.025  # on each side of a 95 % interval
WIDE = 4.0  # times the value: an interval as wide as that says nothing


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % confidence interval; `low` and `high` are None when one sample was all there is."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        digits = 2 if abs(self.value) < 100 else 0
        shown = f"{self.value:,.{digits}f}"
        if self.low is None or self.high is None:
            return shown
        if self.high - self.low > WIDE * abs(self.value):
            return f"{shown} [too few, too far apart]"
        return f"{shown} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


Summary = Callable[[Sequence[float]], Estimate]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of the `ordered` ones do not exceed; 0 of none."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def mean(values: Sequence[float]) -> Estimate:
    """By Student's t, of independent samples."""
    found = interval(values)
    return Estimate(found.mean) if len(values) < 2 else Estimate(found.mean, found.low, found.high)


def median(values: Sequence[float]) -> Estimate:
    """For samples of which one may be far out, as a tail of latency is when the whole machine stood still.

    The interval is between two order statistics: no distribution is assumed, and six samples are the fewest.
    """
    ordered = sorted(values)
    middle, far = len(ordered) // 2, -1
    while sum(comb(len(ordered), k) for k in range(far + 2)) / 2 ** len(ordered) <= TAIL:
        far += 1
    value = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Estimate(value) if far < 0 else Estimate(value, ordered[far], ordered[-1 - far])


def difference(ours: Sequence[float], theirs: Sequence[float], of: Summary = mean) -> Estimate:
    """Ours less theirs, repetition by repetition, since machines drift in between."""
    return of([one - other for one, other in zip(ours, theirs, strict=False)])


def ratio(ours: Sequence[float], theirs: Sequence[float], of: Summary = mean) -> Estimate:
    """Ours over theirs, repetition by repetition; of logarithms, so that a ratio and its inverse agree.

    ValueError when a value is not above zero.
    """
    found = of([log(one / other) for one, other in zip(ours, theirs, strict=False)])
    if found.low is None or found.high is None:
        return Estimate(exp(found.value))
    return Estimate(exp(found.value), exp(found.low), exp(found.high))
