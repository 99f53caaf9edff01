"""What the process costs, by the names that Prometheus' own clients use; read from /proc when somebody asks."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from gateway.observe.families import Row
from gateway.observe.metrics import Metrics

SELF = Path("/proc/self")
PAGE = os.sysconf("SC_PAGE_SIZE")


def add_process(metrics: Metrics, started_at: float) -> None:
    """Show CPU, memory and descriptors, the last two where there is /proc; `started_at` is Unix seconds."""
    metrics.add("counter", "process_cpu_seconds_total", "CPU time, user and system.", (), lambda: [((), _cpu())])
    start = "When the process started, in Unix seconds."
    metrics.add("gauge", "process_start_time_seconds", start, (), lambda: [((), started_at)])
    metrics.add("gauge", "process_resident_memory_bytes", "Resident memory.", (), _resident)
    metrics.add("gauge", "process_open_fds", "Open file descriptors.", (), _descriptors)
    most = "Most file descriptors that can be open."
    metrics.add("gauge", "process_max_fds", most, (), lambda: [((), resource.getrlimit(resource.RLIMIT_NOFILE)[0])])


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident() -> Iterator[Row]:
    try:
        pages = int((SELF / "statm").read_text().split()[1])
    except OSError:
        return
    yield (), pages * PAGE


def _descriptors() -> Iterator[Row]:
    try:
        yield (), len(os.listdir(SELF / "fd")) - 1  # less the one that reads the directory
    except OSError:
        return
