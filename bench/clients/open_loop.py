"""An open loop: `python -m bench.clients.open_loop PORT RATE SECONDS CONNECTIONS REQUEST [FILE]`: JSON comes back.

Requests are due at random moments (exponential gaps, seed 1), RATE a second on average, whatever became of those
before: users do not wait for each other. A latency counts from the moment when the request was due, so a proxy that
stalls is charged for all who came meanwhile: no coordinated omission. `select` waits in microseconds, where asyncio's
loops round to milliseconds. `client_cpu` is this process's share of its core and `sent_late_p99_ms` how late it wrote,
the wait for a free connection included: both small = the client was not what was measured.

`calm_p99_ms` is the median of the 99th percentiles of tenths of a second: a machine that stops for some milliseconds
several times a second, as virtual ones do, then counts in those tenths only. `p99_ms` is that of all requests.
FILE gets all moments when requests were due, by CLOCK_MONOTONIC, and then all latencies: seconds, as doubles.
"""

import json
import random
import re
import select
import socket
import statistics
import sys
import time
from array import array
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import percentile

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
GRACE = 5.0  # seconds for the last answers
TENTH = 0.1  # seconds
ENOUGH = 200  # requests for a 99th percentile: at less than 2,000 a second it is taken of longer times than a tenth
RECEIVE = 1 << 18


class Line:
    """One kept-alive connection and the answer it waits for; `due` is when its request should have gone."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._received = b""

    def take(self) -> bool:
        """Read what came; True when the answer is whole. RuntimeError when it is not a 200."""
        data = self.socket.recv(RECEIVE)
        if not data:
            raise RuntimeError("the proxy closed a connection")
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"the proxy answered {head[:200]!r}")
        length = LENGTH.search(head + b"\r\n")
        whole = len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")
        if whole:
            self._received = b""
        return whole


def moments(rate: float, seconds: float, start: float) -> Iterator[float]:
    """When requests are due."""
    rng = random.Random(1)
    due = start + rng.expovariate(rate)
    while due < start + seconds:
        yield due
        due += rng.expovariate(rate)


class Load:
    """The loop; `latencies` and `late` are seconds, `dues` the moments from which these latencies count."""

    def __init__(self, port: int, connections: int, request: bytes) -> None:
        self._request = request
        lines = [Line(port) for _ in range(connections)]
        self._free = lines[:]
        self._by_number = {line.socket.fileno(): line for line in lines}
        self._busy: set[int] = set()
        self._waiting: deque[float] = deque()
        self.dues: list[float] = []
        self.latencies: list[float] = []
        self.late: list[float] = []

    def run(self, due: Iterator[float]) -> None:
        coming: float | None = next(due, None)
        clock = time.monotonic
        end = clock() + GRACE
        while coming is not None or self._busy or self._waiting:
            now = clock()
            while coming is not None and coming <= now:
                self._waiting.append(coming)
                coming = next(due, None)
                end = now + GRACE
            while self._waiting and self._free:
                self._send(self._waiting.popleft())
            if now > end:
                raise RuntimeError(f"{len(self._busy)} answers did not come within {GRACE} s")
            pause = max(coming - clock(), 0.0) if coming is not None else GRACE
            readable, _, _ = select.select(self._busy, (), (), pause)
            for number in readable:
                self._receive(number, clock())

    def _send(self, due: float) -> None:
        line = self._free.pop()
        line.due = due
        self.late.append(time.monotonic() - due)
        line.socket.sendall(self._request)
        self._busy.add(line.socket.fileno())

    def _receive(self, number: int, now: float) -> None:
        line = self._by_number[number]
        if line.take():
            self.dues.append(line.due)
            self.latencies.append(now - line.due)
            self._busy.discard(number)
            self._free.append(line)


def calm_p99(dues: Sequence[float], latencies: Sequence[float], rate: float) -> float:
    """The median of the 99th percentiles of tenths of a second, or of as long as 200 requests take at `rate`."""
    if not dues:
        return 0.0
    length, start = max(TENTH, ENOUGH / rate), min(dues)
    parts: defaultdict[int, list[float]] = defaultdict(list)
    for due, latency in zip(dues, latencies, strict=True):
        parts[int((due - start) / length)].append(latency)
    whole = [part for part in parts.values() if len(part) >= ENOUGH / 2] or [list(latencies)]
    return statistics.median(percentile(sorted(part), 0.99) for part in whole)


def summary(load: Load, seconds: float, spent: float) -> dict[str, float]:
    latencies, late = sorted(load.latencies), sorted(load.late)
    return {
        "requests": len(latencies),
        "seconds": seconds,
        "per_second": len(latencies) / seconds,
        **{name: percentile(latencies, share) * 1e3 for name, share in SHARES.items()},
        "calm_p99_ms": calm_p99(load.dues, load.latencies, len(latencies) / seconds) * 1e3,
        "sent_late_p99_ms": percentile(late, 0.99) * 1e3,
        "client_cpu": spent / seconds,
    }


def main() -> None:
    port, rate, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    load = Load(port, connections, Path(sys.argv[5]).read_bytes())
    start, spent = time.monotonic(), time.process_time()
    load.run(moments(rate, seconds, start))
    print(json.dumps(summary(load, time.monotonic() - start, time.process_time() - spent)))
    if sys.argv[6:]:
        write(Path(sys.argv[6]), load.dues, load.latencies)


def write(file: Path, dues: Sequence[float], latencies: Sequence[float]) -> None:
    """Into a FILE."""
    file.write_bytes(array("d", [*dues, *latencies]).tobytes())


def read(file: Path) -> tuple[Sequence[float], Sequence[float]]:
    """What `write` wrote."""
    both = array("d", file.read_bytes())
    middle = len(both) // 2
    return both[:middle], both[middle:]


if __name__ == "__main__":
    main()
