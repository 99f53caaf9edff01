"""Which core works for whom."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TOPOLOGY = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Cores:
    """`proxy` is for the proxy under test alone; clients and upstreams have `load` and `upstream`, maybe one core."""

    proxy: int
    load: int
    upstream: int

    @classmethod
    def chosen(cls, usable: Sequence[int] | None = None, siblings: dict[int, int] | None = None) -> Self:
        """Of the cores this process may use; SystemExit when there is only one.

        Two threads of one physical core slow each other down, so others are preferred; `siblings` names the first
        thread of the physical core of each.
        """
        cores = sorted(os.sched_getaffinity(0)) if usable is None else sorted(usable)
        if len(cores) < 2:
            raise SystemExit("bench needs two cores, one for the proxy and one for the load; this process may use one")
        first = {core: _first_thread(core) for core in cores} if siblings is None else siblings
        physical = [core for core in cores if first.get(core, core) == core]
        best = [*physical, *(core for core in cores if core not in physical)]
        return cls(best[0], best[1], best[2] if len(best) > 2 else best[1])

    @property
    def apart(self) -> bool:
        """Whether each is another physical core, as far as a virtual machine can tell."""
        return len({_first_thread(core) for core in self.used}) == len(self.used)

    @property
    def used(self) -> frozenset[int]:
        return frozenset((self.proxy, self.load, self.upstream))


def _first_thread(core: int) -> int:
    file = TOPOLOGY / f"cpu{core}" / "topology" / "thread_siblings_list"
    if not file.exists():
        return core
    return int(file.read_text().replace("-", ",").split(",")[0])
