"""Idle cores of a virtual machine that wait awake, as physical ones do, for the time of a run.

A virtual machine's idle core halts, and whoever writes to a process that sleeps there pays for an exit to the
hypervisor that wakes it. That falls on a proxy that is slower than client and upstream, twice a request, and not on one
that keeps them busy. Over a network nobody pays it, and a physical core that waits with MWAIT is woken by a store to
memory. Linux' haltpoll governor makes idle cores poll for a while before they halt (admin-guide/pm, "haltpoll").
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/sys/module/haltpoll/parameters")
GOVERNOR = Path("/sys/devices/system/cpu/cpuidle/current_governor")
# Poll for 0.2 ms, the kernel's own default, and do not learn to give up sooner.
WANTED = {"guest_halt_poll_ns": "200000", "guest_halt_poll_allow_shrink": "N"}


@contextmanager
def awake(folder: Path = FOLDER, governor: Path = GOVERNOR) -> Iterator[None]:
    """While this is open; then all is as before. RuntimeError when this machine cannot, or this user may not."""
    if not _governs(governor):
        raise RuntimeError("--awake: no virtual machine whose idle cores haltpoll looks after; go without it")
    before = {name: (folder / name).read_text().strip() for name in WANTED}
    try:
        _set(folder, WANTED)
        yield
    finally:
        _set(folder, before)


def _set(folder: Path, values: dict[str, str]) -> None:
    try:
        for name, value in values.items():
            (folder / name).write_text(value)
    except OSError as error:  # not root, or a container that sees it read-only
        raise RuntimeError(f"--awake: {folder}: {error.strerror}; use sudo, or go without it") from error


def _governs(governor: Path) -> bool:
    return governor.exists() and governor.read_text().strip() == "haltpoll"


def idle_cores(folder: Path = FOLDER, governor: Path = GOVERNOR) -> str:
    """What they do, for the table of the machine."""
    if not _governs(governor):
        return "as the kernel likes"
    polls = int((folder / "guest_halt_poll_ns").read_text())
    return f"poll for {polls / 1000:g} us, then halt" if polls else "halt: whoever wakes them pays (see --awake)"
