"""Event streams: CPU time of each relayed event, tokens a second, gaps between tokens, memory of a stream."""

import time

from pydantic import Field

from bench.clients.held import open_connections
from bench.clients.request import Shape, request
from bench.contenders.base import Running
from bench.measure.base import Figures, Kind, Load, Setting, Turn, cpu, spent

SETTLE = 0.7  # seconds


class Streams(Load):
    """So many `streams` at once."""

    streams: int = Field(500, ge=1)


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    count = setting.amount(turn.load.streams)
    resident = to.process.memory() if to.process else 0
    with open_connections(setting.stage, to.port, count, request(to, Shape(stream=True))) as client:
        time.sleep(SETTLE)
        client.since_last()
        before, start = cpu(to), time.monotonic()
        time.sleep(seconds)
        used, lasted = spent(to, before), time.monotonic() - start
        seen = client.since_last()
        added = (to.process.memory() if to.process else 0) - resident
    if not seen["events"]:
        raise RuntimeError("no event came through")
    seen["per_second"] = seen["events"] / seen["seconds"]
    if to.process:
        # Both ends of the window are read within a millisecond of each other.
        seen["cpu_us"] = used / lasted / seen["per_second"] * 1e6
        _note_memory(setting, turn, seen, added / count)
    return seen


def _note_memory(setting: Setting, turn: Turn, seen: Figures, each: float) -> None:
    """Of the first streams only: later ones are given what those left behind."""
    seen["kb_each"] = setting.prepared.setdefault(f"KB a stream of {turn.label}", each / 1000)


SHOWN = {
    "per_second": "tokens/s",
    "p99_ms": "p99 ms",
    "gap_p50_ms": "gap p50",
    "gap_p99_ms": "gap p99",
    "kb_each": "KB a stream",
    "client_cpu": "client busy",
}
KIND = Kind(Streams, measure, "cpu_us", "us CPU an event", SHOWN)
