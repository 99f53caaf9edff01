"""Event streams held open by a client process, and the upstream that feeds them."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.contenders import TOKEN
from bench.process import free_ports, spawn
from bench.stage import ROOT, Stage

PATIENCE = 60.0  # seconds for the client's next line


def event_upstream(stage: Stage, count: int, per_second: float) -> list[int]:
    """An upstream on `count` ports that answers every request with `per_second` events a second."""
    ports = free_ports(count)
    command = [sys.executable, "-m", "bench.event_upstream", f"{per_second:g}", *map(str, ports)]
    stage.start("event-upstream", command, ports[-1], load=True)
    return ports


class Client:
    """A running `bench.event_client`."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self._child = child

    def since_last(self) -> dict[str, float]:
        """What came since the last call, as `event_client.summary`."""
        assert self._child.stdin is not None
        print(file=self._child.stdin, flush=True)
        counted: dict[str, float] = json.loads(self.line())
        return counted

    def line(self) -> str:
        """The client's next line; RuntimeError when it gave up or says nothing."""
        assert self._child.stdout is not None
        readable, _, _ = select.select([self._child.stdout], [], [], PATIENCE)
        line = self._child.stdout.readline() if readable else ""
        if not line:
            self._child.kill()
            assert self._child.stderr is not None
            raise RuntimeError(f"the client gave up: {self._child.stderr.read()[-2000:]}")
        return line


@contextmanager
def open_connections(port: int, count: int, core: int) -> Iterator[Client]:
    """`count` answered requests whose connections stay open inside the block."""
    command = [sys.executable, "-m", "bench.event_client", str(port), str(count)]
    pipe = subprocess.PIPE
    environment = {**os.environ, "BENCH_TOKEN": TOKEN}
    with spawn(command, core, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            client = Client(child)
            client.line()
            yield client
        finally:
            child.kill()
