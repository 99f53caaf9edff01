"""The states of one rule's keys in memory: bounded, and no key gains by being forgotten.

A table holds at most a given number of states. A key without a state of its own starts from the one *unseen* state,
which is never better than what any forgotten key had left: a state that is as good as fresh is dropped for nothing, and
when the table is full of states that are not, the best of the oldest few is folded into the unseen state, where it
makes newcomers start lower until that much time has passed. A flood of keys costs newcomers credit; it never resets a
limit.
"""

from collections import deque

from gateway.limit.algorithm import Algorithm, State
from gateway.limit.room import room_for

SWEPT = 2  # looked at for each newcomer: two, so that leaving keeps ahead of coming
COMPARED = 4  # looked at when the table is full; the best of them goes


class Table:
    """The states of one rule's keys, oldest newcomer first, and the one state that stands for all other keys.

    `rows` says where each key's lies, for `read` and `write`.
    """

    __slots__ = ("_algorithm", "_order", "_room", "_size", "read", "rows", "unseen", "write")

    def __init__(self, algorithm: Algorithm, size: int, now: int) -> None:
        self._algorithm = algorithm
        self._size = size
        self._room = room_for(algorithm.integers)
        self.read, self.write = self._room.read, self._room.write
        self.rows: dict[str, int] = {}
        self._order: deque[str] = deque()  # each key of rows once
        self.unseen = algorithm.fresh(now)

    def __len__(self) -> int:
        return len(self.rows)

    def look(self, key: str) -> State:
        """The state that decides about `key`."""
        row = self.rows.get(key)
        return self.unseen if row is None else self.read(row)

    def keep(self, key: str, state: State, now: int) -> None:
        """Remember what `key` has left after it took; a newcomer may cost another key its place."""
        row = self.rows.get(key)
        if row is None:
            self._make_room(now)
            row = self._room.new()
            self.write(row, *state)
            self.rows[key] = row
            self._order.append(key)
        else:
            self.write(row, *state)

    def move(self, key: str, now: int) -> State:
        """The state that decides about `key`, whose time is ahead of `now`: the clock stepped, and goes on so."""
        state = self._algorithm.advance(self.look(key), now)
        row = self.rows.get(key)
        if row is None:
            self.unseen = state
        else:
            self.write(row, *state)
        return state

    def _make_room(self, now: int) -> None:
        for _ in range(min(SWEPT, len(self._order))):
            key = self._order.popleft()
            if self._reset_us(key, now):
                self._order.append(key)
            else:
                self._forget(key)
        if len(self.rows) >= self._size:
            self._forget_best(now)

    def _forget_best(self, now: int) -> None:
        oldest = [self._order.popleft() for _ in range(min(COMPARED, len(self._order)))]
        oldest.sort(key=lambda key: self._reset_us(key, now))
        best, *others = oldest
        self._order.extend(others)
        self.unseen = self._algorithm.worse(self.unseen, self._forget(best), now)

    def _reset_us(self, key: str, now: int) -> int:
        return self._algorithm.reset_us(self.read(self.rows[key]), now)

    def _forget(self, key: str) -> State:
        row = self.rows.pop(key)
        state = self.read(row)
        self._room.free(row)
        return state


class Taken:
    """The slots that are taken of each key, as long as some are: never more keys than requests in flight."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def look(self, key: str) -> State:
        """How many slots of `key` are taken."""
        return (self._counts.get(key, 0),)

    def take(self, key: str) -> None:
        """One more slot of `key` is taken."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def free(self, key: str) -> None:
        """One slot of `key` is free again."""
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]
