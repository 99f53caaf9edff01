"""Clients that leave in the middle of their streams: how soon the upstream is left in peace, and what stays behind."""

import time

from pydantic import Field

from bench.clients.held import open_connections
from bench.clients.request import Shape, request
from bench.contenders.base import Running
from bench.measure.base import Figures, Kind, Load, Setting, Turn
from bench.upstreams.events import open_streams

PATIENCE = 10.0  # seconds
SETTLE = 0.3


class Leaving(Load):
    """So many `streams` whose client goes at once, without a word."""

    streams: int = Field(200, ge=1)


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    count = setting.amount(turn.load.streams)
    descriptors, resident = (to.process.descriptors(), to.process.memory()) if to.process else (0, 0)
    with open_connections(setting.stage, to.port, count, request(to, Shape(stream=True))) as client:
        client.since_last()
        if not _open(setting):
            raise RuntimeError("no stream is open at the upstream, so nobody can leave")
        start = time.monotonic()
        client.leave()
        left = _wait_until_gone(setting, start + PATIENCE)
        took = time.monotonic() - start
    time.sleep(SETTLE)
    seen = {"abort_ms": took * 1e3, "streams_left": float(left)}
    if to.process:
        seen["descriptors_left"] = float(to.process.descriptors() - descriptors)
        seen["memory_left_mb"] = (to.process.memory() - resident) / 1e6
    return seen


def _wait_until_gone(setting: Setting, until: float) -> int:
    while (left := _open(setting)) and time.monotonic() < until:
        time.sleep(0.002)
    return left


def _open(setting: Setting) -> int:
    return open_streams(setting.upstreams[0])


SHOWN = {
    "streams_left": "streams left open",
    "descriptors_left": "descriptors left",
    "memory_left_mb": "MB left",
}
KIND = Kind(Leaving, measure, "abort_ms", "ms until the upstream is left", SHOWN)
