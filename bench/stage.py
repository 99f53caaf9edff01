"""Where a run happens: its cores, a directory that goes away, and the processes started on it."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.cores import Cores
from bench.process import Process
from bench.realtime import going_first

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Stage:
    """Everything started here ends with it at the latest; `sent` is the number of the next request of wrk."""

    cores: Cores
    directory: Path
    sent: int = 0
    realtime: bool = False
    _exits: ExitStack = field(default_factory=ExitStack)
    _processes: list[Process] = field(default_factory=list)
    _started: int = 0

    @property
    def proxy_core(self) -> int:
        return self.cores.proxy

    @property
    def load_core(self) -> int:
        return self.cores.load

    @classmethod
    def set(cls, *, realtime: bool = False) -> Self:
        """A stage on cores of this process; the bench itself stays off the proxy's."""
        cores = Cores.chosen()
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {cores.proxy})
        exits = ExitStack()
        exits.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0) | {cores.proxy})
        directory = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        directory.chmod(0o755)  # nginx started by root changes its workers' user
        return cls(cores, directory, realtime=realtime, _exits=exits)

    def start(
        self,
        name: str,
        command: list[str],
        port: int,
        *,
        load: bool = False,
        core: int | None = None,
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        patience: float = 10.0,
    ) -> Process:
        """Start `command` and wait, at most `patience` seconds, until it listens on `port`.

        It runs on the proxy's core unless `core` or `load` say otherwise, and sees of the environment only the search
        path, a home that goes away, and what `environment` adds: a peer has no business with more.
        """
        self._started += 1
        log = self.directory / f"{name}-{self._started}.log"
        usual = self.cores.load if load else self.cores.proxy
        where = usual if core is None else core
        process = Process(command, where, log, cwd=cwd, env=self.environment(environment or {}))
        self._exits.callback(process.stop)
        self._processes.append(process)
        process.wait_for(port, patience)
        return process

    def undisturbed(self) -> AbstractContextManager[None]:
        """While this is open, what runs here goes before the machine's own housekeeping, if `realtime`."""
        return going_first(self._processes) if self.realtime else nullcontext()

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What a child sees."""
        base = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.directory), "LANG": "C.UTF-8"}
        return {**base, **more}

    def file(self, name: str, data: str | bytes) -> Path:
        """Write a file that lives as long as the stage."""
        self._started += 1
        path = self.directory / f"{self._started}-{name}"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def empty_logs(self) -> None:
        """Give back the disk that access logs took; they are all opened for appending."""
        for log in self.directory.glob("*.log"):
            os.truncate(log, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
