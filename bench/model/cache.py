"""The KV memory of an engine: blocks that sequences hold, and blocks kept for prompts that begin the same."""

from collections.abc import Sequence


class Cache:
    """`capacity` blocks. Each is free, or held by one sequence alone, or holds a known prefix.

    A known block is found by the hash of everything up to its end. It may be shared; when nobody holds it any more it
    is kept until its memory is needed, the least recently used first. Blocks with the same hash are one block.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._alone = 0
        self._holders: dict[int, int] = {}
        self._kept: dict[int, None] = {}  # in the order of their last use

    @property
    def held(self) -> int:
        """Blocks that sequences hold."""
        return self._alone + len(self._holders)

    @property
    def stored(self) -> int:
        """Blocks that are not free: held, or kept."""
        return self.held + len(self._kept)

    def match(self, hashes: Sequence[int]) -> int:
        """How many of `hashes`, from the first on, are known."""
        for count, block in enumerate(hashes):
            if block not in self._holders and block not in self._kept:
                return count
        return len(hashes)

    def room(self, known: Sequence[int]) -> int:
        """How many blocks can be taken after the blocks `known` were held."""
        return self.capacity - self.held - sum(block in self._kept for block in known)

    def hold(self, known: Sequence[int]) -> None:
        """Hold blocks that `match` has found."""
        for block in known:
            self._kept.pop(block, None)
            self._holders[block] = self._holders.get(block, 0) + 1

    def take(self, count: int) -> None:
        """Take `count` blocks for one sequence alone, at most `room(())`; kept ones make place."""
        self._alone += count
        while self.stored > self.capacity:
            del self._kept[next(iter(self._kept))]

    def publish(self, block: int) -> None:
        """A block that was held alone is full, and known from now on."""
        self._alone -= 1
        self.hold((block,))

    def release(self, known: Sequence[int], alone: int) -> None:
        """Let go of what a sequence held; known blocks are kept, the end of a prefix to go before its beginning."""
        self._alone -= alone
        for block in reversed(known):
            self._holders[block] -= 1
            if not self._holders[block]:
                del self._holders[block]
                self._kept[block] = None
