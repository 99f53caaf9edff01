"""Processes that go before everything else on their cores for the time of a measurement, as sched(7)'s SCHED_FIFO says.

A machine's own housekeeping (kernel threads, agents) stops whoever works for some milliseconds several times a second.
The 99th percentile of all requests then tells how long these stops are, not how long a proxy takes.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from bench.process import Process

FIRST = os.sched_param(1)
USUAL = os.sched_param(0)


@contextmanager
def realtime(processes: Iterable[Process]) -> Iterator[None]:
    """For `processes`, this one, and what it starts meanwhile. RuntimeError when this user may not."""
    numbers = [0, *(number for process in processes for number in process.threads())]
    try:
        for number in numbers:
            _schedule(number, os.SCHED_FIFO, FIRST)
        yield
    finally:
        for number in numbers:
            _schedule(number, os.SCHED_OTHER, USUAL)


def _schedule(number: int, policy: int, parameter: os.sched_param) -> None:
    try:
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setscheduler(number, policy, parameter)
    except PermissionError as error:
        raise RuntimeError(f"--realtime: {error.strerror}; use sudo, or go without it") from error
