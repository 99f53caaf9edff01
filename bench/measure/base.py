"""What a kind of measurement is."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from bench.clients.request import Shape, request
from bench.contenders.base import Running
from bench.stage import Stage

Figures = dict[str, float]


class Load(BaseModel):
    """What a scenario's `load` table may say; a kind adds its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Turn(Protocol):
    """Who is measured; a `bench.scenario.Entry`."""

    @property
    def label(self) -> str: ...
    @property
    def contender(self) -> str: ...
    @property
    def load(self) -> Any: ...


@dataclass
class Setting:
    """Where and how a scenario runs; `prepared` is what a kind found out before the first round, or before each.

    `scale` below 1 (--quick) makes amounts smaller: `amount` applies it.
    """

    stage: Stage
    upstreams: Sequence[int]
    seconds: float
    scale: float = 1.0
    tls: bool = False
    prepared: Figures = field(default_factory=dict)

    def amount(self, number: int) -> int:
        return max(int(number * self.scale), 1)

    @functools.cached_property
    def _files(self) -> dict[tuple[int, str], Path]:
        return {}

    def request(self, to: Running, shape: Shape) -> Path:
        """A file with the request, written once."""
        data = request(to, shape)
        key = (to.port, data.decode())
        if key not in self._files:
            self._files[key] = self.stage.file("request", data)
        return self._files[key]


Measure = Callable[[Setting, Turn, Running, float], Figures]
Prepare = Callable[[Setting, Sequence[tuple[Turn, Running]]], None]
L = TypeVar("L", bound=Load)


def nothing(setting: Setting, running: Sequence[tuple[Turn, Running]]) -> None:
    """What most kinds prepare."""


@dataclass(frozen=True)
class Kind:
    """`measure` takes one sample within about the seconds it is told, and fails with RuntimeError.

    `cost` is the figure that ratios are of, in `unit`, less being better; `shown` are the other columns: figure to
    heading. `fresh` = every sample needs a proxy just started, and a warm-up would spoil it.
    `rewarm` = warm up before every sample, not only the first: while others had their turns, connections were let go.
    `each_round` = prepare before every round, for a machine that is not as fast as it was a minute ago.
    """

    load: type[Load]
    measure: Measure
    cost: str
    unit: str
    shown: Mapping[str, str]
    prepare: Prepare = nothing
    fresh: bool = False
    rewarm: bool = False
    each_round: bool = False


def spent(to: Running, before: float) -> float:
    """CPU seconds of the proxy since `before`; of no proxy, none."""
    return to.process.cpu() - before if to.process else 0.0


def cpu(to: Running) -> float:
    return to.process.cpu() if to.process else 0.0
