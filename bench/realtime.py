"""Processes that go before everything else on their cores for the time of a measurement, as sched(7)'s SCHED_FIFO says.

A machine's own housekeeping (kernel threads, agents) stops whoever works for some milliseconds several times a second.
The 99th percentile of all requests then tells how long these stops are, not how long a proxy takes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from bench.process import Process

FIRST = os.sched_param(1)


@contextmanager
def going_first(processes: Sequence[Process]) -> Iterator[None]:
    """For `processes`, this one, and what they start meanwhile. RuntimeError when this user may not."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)  # theirs, too: they were started from here
    try:
        _schedule(processes, os.SCHED_FIFO, FIRST)
        yield
    finally:
        _schedule(processes, *before)


def _schedule(processes: Sequence[Process], policy: int, parameter: os.sched_param) -> None:
    for number in (0, *(number for process in processes for number in process.threads())):
        try:
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setscheduler(number, policy, parameter)
        except PermissionError as error:
            raise RuntimeError(f"--realtime: {error.strerror}; use sudo, or go without it") from error
