"""What a run found, as a value that goes to a file and back: everything that is shown is made of this."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.figures import Estimate, Summary, difference, mean, median, ratio

Figures = dict[str, float]
SLOW = "slow: "  # begins the name of what was prepared for a label that answers few requests
REUSED = "rounds with what an earlier one found"  # how many, of what was prepared
HEAVY_TAILED = frozenset(("latency",))  # kinds of which a round may be far out for no fault of who was measured
ABSENT = "absent"  # how the reason why a contender is not here begins, where others have a version


@dataclass
class Outcome:
    """One scenario: samples by label, in the order of the rounds; why others were skipped; what was prepared."""

    title: str
    kind: str
    cost: str
    unit: str
    shown: dict[str, str]
    baselines: dict[str, str]
    samples: dict[str, list[Figures]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    prepared: Figures = field(default_factory=dict)
    seconds: float = 0.0

    def values(self, label: str, figure: str) -> list[float]:
        """The figure in every round that has it."""
        return [sample[figure] for sample in self.samples.get(label, []) if figure in sample]

    def estimate(self, label: str, figure: str) -> Estimate | None:
        values = self.values(label, figure)
        return self._summary(values) if values else None

    def ratio(self, label: str, figure: str, to: str) -> Estimate | None:
        """Of paired rounds; None when one of them was not measured, or is not above zero."""
        ours, theirs = self._paired(label, figure, to)
        return ratio(ours, theirs, self._summary) if ours and min(*ours, *theirs) > 0 else None

    def difference(self, label: str, figure: str, to: str) -> Estimate | None:
        """Of paired rounds; None when one of them was not measured."""
        ours, theirs = self._paired(label, figure, to)
        return difference(ours, theirs, self._summary) if ours else None

    def _paired(self, label: str, figure: str, to: str) -> tuple[list[float], list[float]]:
        """The figure of both in every round in which both have it."""
        rounds = zip(self.samples.get(label, []), self.samples.get(to, []), strict=False)
        both = [(one[figure], other[figure]) for one, other in rounds if figure in one and figure in other]
        return [one for one, _ in both], [other for _, other in both]

    @property
    def _summary(self) -> Summary:
        return median if self.kind in HEAVY_TAILED else mean

    def against_baseline(self, label: str) -> Estimate | None:
        baseline = self.baselines.get(label, "")
        return None if baseline == label else self.ratio(label, self.cost, baseline)

    @property
    def all_samples(self) -> list[Figures]:
        return [sample for samples in self.samples.values() for sample in samples]


@dataclass
class Results:
    """A whole run. `contenders` has a version, or why it is absent, for each name."""

    when: str
    commit: str
    command: str
    machine: dict[str, Any]
    options: dict[str, Any]
    contenders: dict[str, str]
    scenarios: dict[str, Outcome] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """ValueError when this is not what `to_json` gave."""
        try:
            raw = json.loads(text)
            scenarios = {name: Outcome(**outcome) for name, outcome in raw.pop("scenarios").items()}
            return cls(**raw, scenarios=scenarios)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the raw.json of a bench run: {error}") from error


def read(path: Path) -> Results:
    """The results in `path`, a raw.json or the folder that holds one."""
    return Results.from_json((path / "raw.json" if path.is_dir() else path).read_text(encoding="utf-8"))
