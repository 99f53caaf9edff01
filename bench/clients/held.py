"""Connections held open by `event_client`, a process of its own."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.process import spawn
from bench.stage import ROOT, Stage

PATIENCE = 60.0  # seconds for the client's next line


class Client:
    """A running `bench.clients.event_client`."""

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

    def leave(self) -> None:
        """Go without a word, as a client whose user closed the lid: the kernel resets or closes all it had open."""
        self._child.kill()
        self._child.wait()


@contextmanager
def open_connections(stage: Stage, port: int, count: int, request: bytes) -> Iterator[Client]:
    """`count` answered requests whose connections stay open inside the block."""
    file = stage.file("request", request)
    command = [sys.executable, "-m", "bench.clients.event_client", str(port), str(count), str(file)]
    pipe = subprocess.PIPE
    environment = stage.environment({})
    with spawn(command, stage.cores.load, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            client = Client(child)
            client.line()
            yield client
        finally:
            child.kill()
