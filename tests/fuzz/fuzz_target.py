"""Drives one harness with atheris: `python -m fuzz_target NAME SECONDS [FILE]`; FILE replays a find."""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
from mutations import MUTATIONS
from seeds import STARTS

with atheris.instrument_imports(include=["gateway.wire"]):
    from harnesses import HARNESSES, in_a_loop

LONGEST = 2048


def mutator(seeds: tuple[bytes, ...]) -> Callable[[bytes, int, int], bytes]:
    """Regular expressions give libFuzzer nothing to follow: half of its mutations are ours, from one of the seeds."""

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        data = data if rng.random() < 0.5 else rng.choice(seeds)
        for _ in range(rng.randint(1, 4)):
            data = rng.choice(MUTATIONS)(rng, data, seeds)
        return data[:longest]

    return mutate


def main(name: str, seconds: str, *files: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        for number, data in enumerate(STARTS[name]):
            Path(directory, str(number)).write_bytes(data)
        where = files or (f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-artifact_prefix=fuzz-", directory)
        harness = in_a_loop(HARNESSES[name])
        atheris.Setup([sys.argv[0], *where], harness, custom_mutator=mutator(STARTS[name]))
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
