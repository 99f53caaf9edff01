"""Rows hold what was written there last, are used again, and keep nothing of who has gone."""

import random
import struct

import pytest

from gateway.limit.algorithm import EXACT
from gateway.limit.room import Loose, Packed, Room, room_for


@pytest.mark.parametrize(("integers", "kind"), [(0, Loose), (1, Packed), (4, Packed)])
def test_states_of_one_length_are_packed_and_others_are_not(integers: int, kind: type) -> None:
    assert type(room_for(integers)) is kind


@pytest.mark.parametrize("room", [Packed(2), Loose()])
def test_it_reads_as_a_dict_would_whatever_comes_and_goes(room: Room) -> None:
    rng, states = random.Random(1), {}
    for _ in range(2_000):
        if states and rng.random() < 0.4:
            gone = rng.choice(list(states))
            room.free(gone)
            del states[gone]
        else:
            row = rng.choice(list(states)) if states and rng.random() < 0.5 else room.new()
            states[row] = rng.randint(-EXACT, EXACT), rng.choice([-EXACT, 0, EXACT])
            room.write(row, *states[row])
        assert {row: room.read(row) for row in states} == states


@pytest.mark.parametrize("room", [Packed(2), Loose()])
def test_a_free_row_is_the_next_one_so_that_room_grows_no_larger_than_what_is_in_it(room: Room) -> None:
    rows = [room.new() for _ in range(10)]
    for row in rows:
        room.write(row, 1, 2)
        room.free(row)
    assert sorted(room.new() for _ in rows) == sorted(rows)


def test_a_long_state_is_gone_when_its_row_is_free() -> None:
    room = Loose()
    row = room.new()
    room.write(row, *range(300))
    room.free(row)
    assert room.read(row) == ()


def test_a_state_of_another_length_is_not_cut() -> None:
    room = Packed(2)
    with pytest.raises(struct.error, match="expected 2"):
        room.write(room.new(), 1, 2, 3)
