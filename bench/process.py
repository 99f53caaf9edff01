"""A child process on a core of its own: start, wait for its port, CPU time, memory, end."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1
STOP_TIMEOUT = 5.0
FORGET_PEAK = "5"  # proc(5), clear_refs
_libc = ctypes.CDLL(None, use_errno=True)


class Process:
    """A running child; its standard output is appended to `log`, which is emptied between measurements."""

    def __init__(
        self,
        command: list[str],
        core: int,
        log: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.command = command
        self.log = log
        with log.open("ab") as output:
            self._child = spawn(
                command, core, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait_for(self, port: int, patience: float = 10.0) -> None:
        """Return when `port` accepts; RuntimeError with the end of the log when the child dies or is too slow."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"{' '.join(self.command)[:300]} does not listen on port {port}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-2000:]

    def cpu(self) -> float:
        """Seconds on a core so far, user and kernel, of the process and its children."""
        return sum(cpu_seconds(process.pid) for process in self._family())

    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        return sum(process.memory_info().rss for process in self._family())

    def forget_peak(self) -> None:
        """Let `peak` count from now on."""
        for process in self._family():
            Path(f"/proc/{process.pid}/clear_refs").write_text(FORGET_PEAK)

    def peak(self) -> int:
        """The most resident bytes since `forget_peak`, by the kernel's own mark, summed over the processes."""
        return sum(_status(process.pid, "VmHWM") for process in self._family())

    def threads(self) -> list[int]:
        """The kernel's numbers of all threads of the process and its children; none once it has ended."""
        if self._child.poll() is not None:
            return []
        numbers: list[int] = []
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
                numbers += [thread.id for thread in process.threads()]
        return numbers

    def descriptors(self) -> int:
        """Open file descriptors of the process and its children."""
        return sum(process.num_fds() for process in self._family())

    def _family(self) -> list[psutil.Process]:
        process = psutil.Process(self._child.pid)
        return [process, *process.children(recursive=True)]

    def pause(self) -> None:
        """It and its children get no time until `resume`: who waits for its turn disturbs nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """To all of its group: it leads a session of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def stop(self) -> None:
        """End it and its children: politely, then not."""
        self.resume()  # who is paused does not hear that it should end
        if self._child.poll() is None:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_TIMEOUT)
        self._signal(signal.SIGKILL)
        self._child.wait()


def spawn(command: list[str], core: int, **options: Any) -> "subprocess.Popen[str]":
    """Start a child that stays on `core` and ends when the bench does; `options` are those of `Popen`.

    One that is paused does not hear of it when the bench is killed (SIGKILL): `kill -CONT` it, and it ends.
    """

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    # A session of its own: Ctrl-C is the bench's to pass on. A `preexec_fn` may upset other threads: there are none
    # while a child starts, for progress is drawn by hand.
    return subprocess.Popen(command, text=True, preexec_fn=prepare, start_new_session=True, **options)  # noqa: PLW1509


def cpu_seconds(pid: int) -> float:
    """CPU time of one process: the larger of two accounts of the kernel, each of which may miss a little.

    schedstat counts nanoseconds, but not of threads that have ended; utime + stime does, in clock ticks.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    try:
        spent = [int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:
        return ticks
    return max(sum(spent) / 1e9, ticks)


def _status(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
