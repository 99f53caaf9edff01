"""Samples into numbers: percentiles, ratios of paired repetitions, and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from bench.simulator.figures import interval

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


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of the `ordered` ones do not exceed; 0 of none."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def mean(values: Sequence[float]) -> Estimate:
    """By Student's t, of independent samples."""
    found = interval(values)
    return Estimate(found.mean) if len(values) < 2 else Estimate(found.mean, found.low, found.high)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Ours less theirs, repetition by repetition, since machines drift in between."""
    return mean([one - other for one, other in zip(ours, theirs, strict=False)])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Ours over theirs, repetition by repetition; of logarithms, so that a ratio and its inverse agree.

    ValueError when a value is not above zero.
    """
    found = mean([log(one / other) for one, other in zip(ours, theirs, strict=False)])
    if found.low is None or found.high is None:
        return Estimate(exp(found.value))
    return Estimate(exp(found.value), exp(found.low), exp(found.high))
