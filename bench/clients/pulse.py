"""A core's pulse: `python -m bench.clients.pulse`, pinned to it; SIGTERM ends it, and its beats come as JSON.

Each 5 ms it wakes before whatever else runs there (SCHED_FIFO above `bench.realtime`'s) and does a little work, always
the same. It is late when the whole core stood still, as a hypervisor makes it, and slow when a neighbour is busy on the
core's other thread. A beat is [moment by CLOCK_MONOTONIC, how late, how long the work took], in seconds.
"""

import json
import os
import signal
import time
from types import FrameType

PERIOD = 0.005  # seconds
PRIORITY = os.sched_param(2)
# A sum is 4 us where nobody is near, 7 us beside a busy neighbour; with waking it takes 0.5 % of a core.
NUMBERS = list(range(1000))

Beat = tuple[float, float, float]


def work() -> float:
    """Seconds that it took: the shorter of two, after one that fetches it into the caches."""
    clock = time.perf_counter
    sum(NUMBERS)
    first = clock()
    sum(NUMBERS)
    second = clock()
    sum(NUMBERS)
    return min(second - first, clock() - second)


class Pulse:
    """Beats until `end`, which a signal may call."""

    def __init__(self) -> None:
        self.beats: list[Beat] = []
        self._ended = False

    def run(self) -> None:
        due = time.monotonic()
        while not self._ended:
            due += PERIOD
            time.sleep(max(due - time.monotonic(), 0.0))
            woken = time.monotonic()
            late = woken - due
            self.beats.append((woken, late, work()))
            if late > PERIOD:
                due = woken  # beats that were missed are not made up for

    def end(self, number: int = 0, frame: FrameType | None = None) -> None:
        self._ended = True


def main() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, PRIORITY)
    pulse = Pulse()
    signal.signal(signal.SIGTERM, pulse.end)
    print(flush=True)  # it beats from now on
    pulse.run()
    print(json.dumps(pulse.beats))


if __name__ == "__main__":
    main()
