"""Who else used the cores: the kernel's count of busy time less that of the bench's own processes."""

import os
import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

import psutil

from bench.process import cpu_seconds

TOO_MUCH = 0.05  # of the cores' time taken by others, or by the machine below this one
BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq of a line in /proc/stat
STEAL = 7
A_FEW = 0.5  # of the samples may be disturbed


@dataclass(frozen=True)
class Times:
    """Seconds since the machine started: busy and stolen time of some cores, and what of it was ours."""

    at: float
    busy: float
    stolen: float
    ours: float


def times(cores: Iterable[int], stat: str | None = None) -> Times:
    """The state of things now."""
    tick = os.sysconf("SC_CLK_TCK")
    wanted = {f"cpu{core}" for core in cores}
    lines = (stat if stat is not None else Path("/proc/stat").read_text()).splitlines()
    rows = [[int(field) for field in line.split()[1:]] for line in lines if line.partition(" ")[0] in wanted]
    busy = sum(row[place] for row in rows for place in BUSY) / tick
    return Times(time.monotonic(), busy, sum(row[STEAL] for row in rows) / tick, _ours())


def _ours() -> float:
    """CPU of this process, of the children that live and of those that were waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            total += cpu_seconds(child.pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def shares(before: Times, after: Times, cores: int) -> dict[str, float]:
    """`foreign`: others' share of the cores' time; `stolen`: that of other machines on this hardware."""
    whole = max(after.at - before.at, 1e-9) * cores
    foreign = (after.busy - before.busy) - (after.ours - before.ours)
    return {"foreign": max(foreign / whole, 0.0), "stolen": max((after.stolen - before.stolen) / whole, 0.0)}


class Watch:
    """Looks at the machine before and after a block; `seen` has the shares."""

    def __init__(self, cores: frozenset[int]) -> None:
        self._cores = cores
        self.seen: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._before = times(self._cores)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seen = shares(self._before, times(self._cores), len(self._cores))


def verdict(samples: Sequence[Mapping[str, float]]) -> str:
    """A sentence when the machine was too busy with other things for these samples to be trusted, else nothing."""
    if not samples:
        return ""
    disturbed = [each for each in samples if max(each["foreign"], each["stolen"]) > TOO_MUCH]
    foreign, stolen = (median(each[name] for each in samples) for name in ("foreign", "stolen"))
    if len(disturbed) <= A_FEW * len(samples):
        return ""
    return (
        f"NOISY: others took {foreign:.0%} of the cores and other machines {stolen:.0%} in the median sample, and more "
        f"than {TOO_MUCH:.0%} in {len(disturbed)} of {len(samples)}: run it again on a quiet machine"
    )
