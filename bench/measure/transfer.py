"""One large body through the proxy: bytes for a second of CPU, and whether memory grows with it."""

import json
import subprocess
import sys
from typing import Literal

from pydantic import Field

from bench.contenders.base import Running
from bench.measure.base import Figures, Kind, Load, Setting, Turn, cpu, spent
from bench.process import spawn
from bench.stage import ROOT
from bench.token import TOKEN

PATIENCE = 120.0
HEAD = "{verb} {base}/files/{size} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{length}\r\n"


class Transfer(Load):
    """`up` from the client, or `down` to it."""

    direction: Literal["up", "down"]
    bytes: int = Field(1 << 30, ge=1)


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    """However long it takes."""
    load: Transfer = turn.load
    size = setting.amount(load.bytes)
    verb, length = ("POST", f"Content-Length: {size}\r\n") if load.direction == "up" else ("GET", "")
    head = setting.stage.file("head", HEAD.format(verb=verb, base=to.base, size=size, token=TOKEN, length=length))
    resident = _forget_peak(to)
    before = cpu(to)
    seen = _moved(setting, [str(to.port), load.direction, str(size), str(head)])
    used = spent(to, before)
    seen["mb_per_second"] = size / seen["seconds"] / 1e6
    if to.process:
        seen["cpu_s"] = used / size * (1 << 30)
        seen["mb_per_cpu_second"] = size / max(used, 1e-9) / 1e6
        seen["peak_added_mb"] = max(to.process.peak() - resident, 0) / 1e6
    return seen


def _forget_peak(to: Running) -> int:
    if to.process is None:
        return 0
    to.process.forget_peak()
    return to.process.memory()


def _moved(setting: Setting, arguments: list[str]) -> Figures:
    command = [sys.executable, "-m", "bench.clients.bulk_client", *arguments]
    pipe = subprocess.PIPE
    environment = setting.stage.environment({})
    with spawn(command, setting.stage.cores.load, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe) as client:
        try:
            output, complaints = client.communicate(timeout=PATIENCE)
        finally:
            client.kill()
    if client.returncode:
        raise RuntimeError(f"the transfer failed: {complaints.strip().splitlines()[-1:]}")
    seen: Figures = json.loads(output)
    return seen


SHOWN = {
    "mb_per_cpu_second": "MB a CPU second",
    "mb_per_second": "MB/s",
    "peak_added_mb": "peak added MB",
    "client_cpu": "client busy",
}
KIND = Kind(Transfer, measure, "cpu_s", "s CPU a GiB", SHOWN)
