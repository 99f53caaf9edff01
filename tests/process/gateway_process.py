"""`python -m gateway` as a child process: started, waited for, looked at from outside, and always ended."""

import asyncio
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import yaml

PR_SET_PDEATHSIG = 1
START_SECONDS = 20.0
LOG_SECONDS = 5.0
STOP_SECONDS = 10.0
LISTENING = re.compile(r"listening on \S+ port ([0-9]+)")
LOOPBACK: Mapping[str, Any] = {"host": "127.0.0.1", "port": 0}
GRAVE = frozenset(("error", "critical"))
UNWANTED = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b")
# All that it sees of the environment; the last is there while the lines that run are counted.
VARIABLES = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_CONFIG")
_libc = ctypes.CDLL(None)

Line = dict[str, Any]


class GatewayProcess:
    """A running gateway; leaving the block ends it, and fails when it logged an error or did not end by itself.

    `port` is the public one. `lines` are what it wrote so far: one dict for each JSON line, {"text": ..} for others.
    """

    def __init__(
        self, *arguments: str, ready: Callable[[Line], int | None], speaks_json: bool = True, limits: str = ":"
    ) -> None:
        self.lines: list[Line] = []
        self._speaks_json = speaks_json
        self._more = threading.Condition()
        self._ended = False
        self._child = subprocess.Popen(
            ["sh", "-c", f'{limits}; exec "$@"', "sh", sys.executable, "-m", "gateway", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={name: os.environ[name] for name in VARIABLES if name in os.environ},
            preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.process = psutil.Process(self._child.pid)
        self.port = 0
        try:
            self.port = ready(self.wait_for(lambda line: ready(line) is not None, START_SECONDS)) or 0
        except BaseException:
            self.kill()
            raise

    @classmethod
    def serving(cls, config: Mapping[str, Any], directory: Path, limits: str = ":") -> Self:
        """`serve` with `config` in a file in `directory`, on any free port; `limits` is a `ulimit` of a shell."""
        file = directory / "gateway.yaml"
        file.write_text(yaml.safe_dump({**config, "server": {**LOOPBACK, **config.get("server", {})}}))
        return cls("serve", "--config", str(file), ready=port_of, limits=limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.stop()
        finally:
            self.kill()
        if error is None:
            complaints = self.complaints()
            assert not complaints, "\n".join(line.get("exception", "") + str(line) for line in complaints)

    # --- its life ---

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def wait(self, within: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended by itself."""
        return self._child.wait(within)

    async def exit_code(self, within: float = STOP_SECONDS) -> int:
        """Like `wait`, while the test's own servers go on."""
        return await asyncio.to_thread(self.wait, within)

    def stop(self) -> None:
        """Tell it to end, and wait until it has said its last."""
        if self._child.poll() is None:
            self.signal(signal.SIGTERM)
            assert self.wait() == 0
        self._reader.join()

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        assert self._child.stdout is not None
        self._child.stdout.close()

    # --- what it says ---

    def _read(self) -> None:
        assert self._child.stdout is not None
        for raw in self._child.stdout:
            with self._more:
                self.lines.append(_parsed(raw))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def wait_for(self, wanted: Callable[[Line], bool], within: float = LOG_SECONDS) -> Line:
        """The first line that is `wanted`, once it is there."""
        deadline = time.monotonic() + within
        seen = 0
        with self._more:
            while True:
                for line in self.lines[seen:]:
                    if wanted(line):
                        return line
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError("no such line in the log:\n" + "\n".join(map(str, self.lines[-40:])))
                self._more.wait(left)

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Nobody reads what it writes: once the pipe is full, its stdout blocks."""
        with self._more:
            yield

    async def logged(self, within: float = LOG_SECONDS, **fields: object) -> Line:
        """The access log line with these fields, once it is there."""

        def wanted(line: Line) -> bool:
            return line.get("message") == "request" and all(line.get(name) == value for name, value in fields.items())

        return await asyncio.to_thread(self.wait_for, wanted, within)

    def complaints(self) -> list[Line]:
        """Lines that should not be there: errors, and what is no log line at all."""
        if self._speaks_json:
            return [line for line in self.lines if "text" in line or line["level"] in GRAVE]
        return [line for line in self.lines if UNWANTED.search(line["text"])]

    # --- what it costs ---

    @property
    def rss(self) -> int:
        """Resident bytes now."""
        return int(self.process.memory_info().rss)

    def forget_peak(self) -> None:
        """Make `peak_rss` start from now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def peak_rss(self) -> int:
        """Most resident bytes so far, as the kernel counted them."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024

    @property
    def descriptors(self) -> int:
        return int(self.process.num_fds())


def _parsed(raw: bytes) -> Line:
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    return line if isinstance(line, dict) and "message" in line else {"text": raw.decode(errors="replace").rstrip("\n")}


def port_of(line: Line) -> int | None:
    match = LISTENING.search(str(line.get("message", "")))
    return int(match[1]) if match else None
