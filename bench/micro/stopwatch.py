"""How much work a micro-benchmark does, and its time."""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Stopwatch:
    """Counts microseconds of CPU, the best of `rounds`; `scale` makes a round's work smaller, to see that it works."""

    rounds: int
    scale: float = 1.0
    profile: bool = False

    @classmethod
    def asked(cls, description: str | None, rounds: int) -> Self:
        """As the command line says; `rounds` when it says nothing."""
        parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
        parser.add_argument("--rounds", type=int, default=rounds)
        parser.add_argument("--scale", type=float, default=1.0, help="of the work in a round")
        parser.add_argument("--profile", action="store_true", help="cProfile instead of times, where there is one")
        options = parser.parse_args()
        return cls(options.rounds, options.scale, options.profile)

    def calls(self, number: int) -> int:
        """`number`, scaled."""
        return max(int(number * self.scale), 1)

    def time(self, calls: int, work: Callable[[], object]) -> float:
        """Microseconds a call of `work`, which makes so many."""
        took = []
        for _ in range(self.rounds):
            started = time.process_time()
            work()
            took.append(time.process_time() - started)
        return min(took) / calls * 1e6

    def best(self, name: str, calls: int, work: Callable[[], object]) -> None:
        """Print that."""
        print(f"{name:56}{self.time(calls, work):8.2f} us")
