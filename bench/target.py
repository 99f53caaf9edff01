"""The promises in targets.toml, held against a run."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from bench.figures import Estimate
from bench.results import Outcome, Results

FILE = Path(__file__).with_name("targets.toml")
MET, MISSED = "met", "MISSED"


class Target(BaseModel):
    """One promise; targets.toml tells what the keys mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str
    scenario: str
    figure: str
    subjects: list[str]
    against: list[str] = []
    how: Literal["ratio", "difference", "range"] = "ratio"
    most: float | None = None
    least: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "Target":
        if (self.most is None) == (self.least is None):
            raise ValueError("exactly one of `most` and `least`")
        return self

    def keeps(self, value: float) -> bool:
        return value <= self.most if self.most is not None else value >= (self.least or 0.0)

    @property
    def bound(self) -> str:
        return f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}"


@dataclass(frozen=True)
class Verdict:
    """What a run says about a promise of one subject, maybe against one other."""

    target: Target
    subject: str
    against: str
    found: Estimate

    @property
    def outcome(self) -> str:
        return MET if self.target.keeps(self.found.value) else MISSED

    @property
    def sure(self) -> bool:
        """Whether the whole interval is on one side of the bound."""
        found = self.found
        if found.low is None or found.high is None:
            return False
        return self.target.keeps(found.low) == self.target.keeps(found.high)

    @property
    def doubt(self) -> str:
        """Why it is not sure; empty when it is."""
        if self.sure:
            return ""
        return "not sure: " + ("too few samples" if self.found.low is None else "the interval reaches across")

    def __str__(self) -> str:
        against = f" {self.against}" if self.against else ""
        doubt = f", {self.doubt}" if self.doubt else ""
        return f"{self.subject}: {self.target.says}{against}: {self.found}, {self.target.bound}: {self.outcome}{doubt}"


def load(file: Path = FILE) -> list[Target]:
    return [Target.model_validate(table) for table in tomllib.loads(file.read_text(encoding="utf-8"))["target"]]


def verdicts(results: Results, targets: list[Target]) -> list[Verdict]:
    """Of everything that was measured; what was skipped has no verdict."""
    return [
        verdict
        for target in targets
        if target.scenario in results.scenarios
        for subject in target.subjects
        for verdict in _of(target, subject, results.scenarios[target.scenario])
    ]


def _of(target: Target, subject: str, outcome: Outcome) -> Iterator[Verdict]:
    if target.how == "range":
        found = _range(outcome, subject, target.figure)
        if found:
            yield Verdict(target, subject, "", found)
        return
    for other in target.against or [""]:
        found = _compared(target, subject, other, outcome)
        if found:
            yield Verdict(target, subject, other, found)


def _compared(target: Target, subject: str, other: str, outcome: Outcome) -> Estimate | None:
    if not other:
        return outcome.estimate(subject, target.figure)
    if target.how == "ratio":
        return outcome.ratio(subject, target.figure, other)
    return outcome.difference(subject, target.figure, other)


def _range(outcome: Outcome, subject: str, figure: str) -> Estimate | None:
    """The dearest variant of the subject over its cheapest."""
    labels = [label for label in outcome.samples if label.startswith(f"{subject}, ") and outcome.values(label, figure)]
    if len(labels) < 2:
        return None
    costs = {label: sum(values) / len(values) for label in labels if (values := outcome.values(label, figure))}
    return outcome.ratio(max(costs, key=costs.__getitem__), figure, min(costs, key=costs.__getitem__))
