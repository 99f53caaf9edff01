"""What is promised of `adaptive`, and what the runs of all seeds say about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

# Student's t, two-sided 95 %, by degrees of freedom; beyond the last one the normal distribution's.
STUDENT = dict(
    enumerate((12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12), 1)
) | {17: 2.11, 18: 2.10, 19: 2.09}
NORMAL = 1.96

P99, FAILED = "p99", "failed requests"


@dataclass(frozen=True)
class Promise:
    """In `setting`, the figure `what` of adaptive is at most `most` times that of the strategy `against`."""

    setting: str
    what: str
    against: str
    most: float


PROMISES = (
    Promise("mixed", P99, "round_robin", 0.5),
    Promise("mixed", P99, "least_connections", 0.6),
    Promise("mixed", P99, "p2c_ewma", 0.8),
    Promise("mixed-10-gateways", P99, "round_robin", 0.5),
    Promise("mixed-10-gateways", P99, "least_connections", 0.6),
    Promise("mixed-10-gateways", P99, "p2c_ewma", 0.8),
    Promise("mixed-60", P99, "least_connections", 1.0),
    Promise("equal", P99, "least_connections", 1.05),
    Promise("equal-0.7", P99, "least_connections", 1.05),
    Promise("sinkholes", FAILED, "p2c_ewma", 0.15),
)


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % confidence interval."""

    mean: float
    margin: float

    @property
    def low(self) -> float:
        return self.mean - self.margin

    @property
    def high(self) -> float:
        return self.mean + self.margin


def interval(values: Sequence[float]) -> Interval:
    """Of independent samples, by Student's t; a single one has no margin to speak of."""
    number = len(values)
    mean = sum(values) / number
    if number < 2:
        return Interval(mean, 0.0)
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / (number - 1))
    return Interval(mean, STUDENT.get(number - 1, NORMAL) * deviation / sqrt(number))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Of the same seeds: the interval of their ratios, which is tighter than the ratio of two intervals."""
    return interval([one / other if other else float("inf") for one, other in zip(ours, theirs, strict=True)])
