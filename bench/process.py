"""A child process on a core of its own: start, wait for its port, CPU time, memory, end."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0
_libc = ctypes.CDLL(None, use_errno=True)


class Process:
    """A running child; its standard output is appended to `log`, which is emptied between measurements."""

    def __init__(self, command: list[str], core: int, log: Path, *, cwd: Path | None = None) -> None:
        self.command = command
        self.log = log
        with log.open("ab") as output:
            self._child = spawn(
                command, core, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def wait_for(self, port: int) -> None:
        """Return when `port` accepts; RuntimeError with the end of the log when the child dies or is too slow."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        tail = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(self.command)} does not listen on port {port}:\n{tail}")

    def cpu(self) -> float:
        """Seconds on a core so far, user and kernel, of the process and its children."""
        return sum(cpu_seconds(process.pid) for process in self._family())

    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        return sum(process.memory_info().rss for process in self._family())

    def _family(self) -> list[psutil.Process]:
        process = psutil.Process(self._child.pid)
        return [process, *process.children(recursive=True)]

    def stop(self) -> None:
        """End it and its children: politely, then not."""
        if self._child.poll() is None:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_TIMEOUT)
        # It leads a session of its own, so what is left of it is in its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()


def spawn(command: list[str], core: int, **options: Any) -> "subprocess.Popen[str]":
    """Start a child that stays on `core` and ends when the bench does; `options` are those of `Popen`."""

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    # A session of its own: Ctrl-C is the bench's to pass on. The bench has no threads that `preexec_fn` could upset.
    return subprocess.Popen(command, text=True, preexec_fn=prepare, start_new_session=True, **options)  # noqa: PLW1509


def cpu_seconds(pid: int) -> float:
    """CPU time of one process: schedstat's nanoseconds of its threads, else utime + stime in clock ticks."""
    try:
        spent = [int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(spent) / 1e9
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
