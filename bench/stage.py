"""Where a run happens: two cores, a directory that goes away, and the processes started on it."""

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.process import Process

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Stage:
    """`proxy_core` is for the proxy under test alone; clients and upstreams share `load_core`."""

    proxy_core: int
    load_core: int
    directory: Path
    _exits: ExitStack = field(default_factory=ExitStack)
    _started: int = 0

    @classmethod
    def set(cls) -> Self:
        """A stage on the first two cores this process may use; SystemExit when there is only one."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("bench needs two cores, one for the proxy and one for the load; this process may use one")
        exits = ExitStack()
        directory = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        directory.chmod(0o755)  # nginx started by root changes its workers' user
        return cls(cores[0], cores[1], directory, exits)

    def start(self, name: str, command: list[str], port: int, *, load: bool = False, cwd: Path = ROOT) -> Process:
        """Start `command` and wait until it listens on `port`; it ends with the stage at the latest."""
        self._started += 1
        log = self.directory / f"{name}-{self._started}.log"
        process = Process(command, self.load_core if load else self.proxy_core, log, cwd=cwd)
        self._exits.callback(process.stop)
        process.wait_for(port)
        return process

    def file(self, name: str, text: str) -> Path:
        """Write a file that lives as long as the stage."""
        self._started += 1
        path = self.directory / f"{self._started}-{name}"
        path.write_text(text)
        return path

    def empty_logs(self) -> None:
        """Give back the disk that access logs took; they are all opened for appending."""
        for log in self.directory.glob("*.log"):
            os.truncate(log, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
