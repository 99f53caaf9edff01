"""When the machine was this guest's alone, whoever was measured: the pulse of each core that takes part tells.

A core that stands still for a millisecond, or slows to two thirds because a neighbour is busy on its other thread,
makes requests late, the more so the busier the proxy keeps it. What happened in the moments when neither befell any of
the cores is about the proxy.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Any

from bench.clients.pulse import Beat
from bench.figures import percentile
from bench.process import spawn

SLOT = 0.05  # seconds: ten beats
LATE = 0.001  # seconds
THROTTLED = 0.04  # seconds: Linux stops real-time processes that fill a core for 50 ms, which is whoever filled it
SLOW = 1.35  # times as long as the shortest work of this core so far
ENOUGH = 200  # requests for a 99th percentile
LEAST_QUIET = 0.2  # of the requests: fewer say too little
PATIENCE = 10.0

Beats = dict[int, list[Beat]]  # of each core


@contextmanager
def pulses(cores: Iterable[int], **options: Any) -> Iterator[Beats]:
    """The beats while this is open, there once it is closed; `options` are those of `Popen`."""
    beats: Beats = {}
    with ExitStack() as exits:
        for core in cores:
            exits.enter_context(_pulse(core, beats, options))
        yield beats


@contextmanager
def _pulse(core: int, beats: Beats, options: Mapping[str, Any]) -> Iterator[None]:
    command, pipe = [sys.executable, "-m", "bench.clients.pulse"], subprocess.PIPE
    with spawn(command, core, stdout=pipe, stderr=pipe, **options) as process:
        try:
            begun = process.stdout is not None and process.stdout.readline()
            if begun:
                yield
            process.terminate()
            output, complaints = process.communicate(timeout=PATIENCE)
            if not begun or process.returncode:
                why = complaints.strip().splitlines()[-1:] or f"it ended with {process.returncode}"
                raise RuntimeError(f"--realtime: no pulse of core {core}: {why}; use sudo, or go without it")
            beats[core] = [tuple(beat) for beat in json.loads(output)]
        finally:
            process.kill()


def shortest(beats: Beats, known: Mapping[int, float]) -> dict[int, float]:
    """How long a core's work takes when nobody is near: the least of these beats and of what was `known`, seconds."""
    return {core: min([known.get(core, inf), *(took for _, _, took in own)]) for core, own in beats.items()}


def disturbed(beats: Beats, alone: Mapping[int, float]) -> set[int]:
    """The slots of time with a core that stood still or was slow, each with the one after it, for what it left behind.

    Slot n is from n * SLOT by CLOCK_MONOTONIC. A stop counts from when the beat was due; one as long as only a
    real-time process that filled its core brings about is charged to who was measured.
    """
    slots: set[int] = set()
    for core, own in beats.items():
        for moment, late, took in own:
            if LATE < late < THROTTLED or took > SLOW * alone[core]:
                slots.update(range(int((moment - late) / SLOT), int(moment / SLOT) + 1))
    return slots | {slot + 1 for slot in slots}


def figures(dues: Sequence[float], latencies: Sequence[float], without: set[int]) -> dict[str, float]:
    """`quiet`, the share of requests due in other slots, and `quiet_p99_ms` of them if they are enough, and a fifth."""
    kept = sorted(latency for due, latency in zip(dues, latencies, strict=True) if int(due / SLOT) not in without)
    found = {"quiet": len(kept) / max(len(dues), 1)}
    if len(kept) >= ENOUGH and found["quiet"] >= LEAST_QUIET:
        found["quiet_p99_ms"] = percentile(kept, 0.99) * 1e3
    return found
