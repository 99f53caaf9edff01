"""Where states lie: those of one length beside each other in one piece of memory, others as they are."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from struct import Struct

from gateway.limit.algorithm import State


class Room(ABC):
    """Rows of states; only rows that `new` gave and `free` has not taken back are read and written.

    `read(row)` gives its state, `write(row, *state)` puts another one there.
    """

    __slots__ = ("_free", "read", "write")

    read: Callable[[int], State]
    write: Callable[..., None]

    def __init__(self) -> None:
        self._free: list[int] = []

    def new(self) -> int:
        """A row that nobody has; it has to be written before it is read."""
        return self._free.pop() if self._free else self._more()

    def free(self, row: int) -> None:
        """Nobody has this row any longer."""
        self._free.append(row)

    @abstractmethod
    def _more(self) -> int:
        """A row that never was."""


class Packed(Room):
    """Room for states of `integers` 64-bit integers each; a row is where they begin.

    As a tuple, a state would leave its memory and that of its integers with every request, and whatever is made next
    would lie there: with many keys, in no cache.
    """

    # measured: a whole request over 1,000,000 keys costs 1.04 times one over a single key, with tuples 1.25, both in
    # one run; `python -m bench compare` of two commits, scenario keys, 2026-11-29

    __slots__ = ("_numbers", "_size")

    def __init__(self, integers: int) -> None:
        super().__init__()
        state = Struct(f"{integers}q")
        self._size = state.size
        self._numbers = bytearray()
        self.read = partial(state.unpack_from, self._numbers)
        self.write = partial(state.pack_into, self._numbers)

    def _more(self) -> int:
        row = len(self._numbers)
        self._numbers += bytes(self._size)  # in place: `read` and `write` hold it
        return row


class Loose(Room):
    """Room for states of any length."""

    __slots__ = ("_states",)

    def __init__(self) -> None:
        super().__init__()
        self._states: list[State] = []
        self.read = self._states.__getitem__
        self.write = self._put

    def _put(self, row: int, *state: int) -> None:
        self._states[row] = state

    def free(self, row: int) -> None:
        """The same, and its state goes, however long it was."""
        self._states[row] = ()
        super().free(row)

    def _more(self) -> int:
        self._states.append(())
        return len(self._states) - 1


def room_for(integers: int) -> Room:
    """Room for states of so many integers each; 0 = of any length."""
    return Packed(integers) if integers else Loose()
