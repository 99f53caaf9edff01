"""The case table, each row played in every way."""

import random

import pytest
import uvloop
from cases import CASES
from harness import play_on_sockets
from memory_player import at_random, byte_by_byte, play_in_memory, whole
from table import Row

SEEDS = range(3)
# Rows of more bytes than this are cut, but not into single bytes.
LARGEST_IN_BYTES = 4096


def rows() -> list[object]:
    return [pytest.param(row, id=row.name) for row in CASES]


def small(row: Row) -> bool:
    sizes = [len(step) for step in row.steps if isinstance(step, bytes)] + [len(turn.reply) for turn in row.upstream]
    return sum(sizes) <= LARGEST_IN_BYTES


@pytest.mark.parametrize("row", rows())
def test_whole_over_sockets(row: Row) -> None:
    uvloop.run(play_on_sockets(row)).check(row)


@pytest.mark.parametrize("row", rows())
def test_in_memory_whole_and_in_pieces(row: Row) -> None:
    play_in_memory(row, whole, random.Random(0)).check(row)
    for seed in SEEDS:
        rng = random.Random(f"{row.name} {seed}")
        play_in_memory(row, at_random(rng), rng).check(row)


@pytest.mark.parametrize("row", [param for param in rows() if small(param.values[0])])  # type: ignore[attr-defined]
def test_byte_by_byte(row: Row) -> None:
    play_in_memory(row, byte_by_byte, random.Random(row.name)).check(row)


def test_table_has_at_least_120_rows_of_distinct_names() -> None:
    assert len({row.name for row in CASES}) == len(CASES) >= 120
