"""The slots that this process holds in a shared store: which to renew, and which are free again."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeAlias

from gateway.limit.base import Slots

MOST_AT_ONCE = 256  # of one batch
MOST_FREED = 100_000  # waiting to be told; beyond that, leases end by themselves

Numbers: TypeAlias = dict[int, None]
Portion: TypeAlias = tuple[str, list[int]]


class Leases:
    """`held` is by name in the store: the lease in microseconds, and the numbers of the slots."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[int, Numbers]] = {}
        self._freed: list[tuple[str, int]] = []
        self._next = 0

    def numbers(self, many: int) -> int:
        """The first of so many numbers that no slot of this process had yet."""
        first = self._next
        self._next += many
        return first

    def hold(self, slots: Slots) -> None:
        """These are taken, by a request that runs."""
        for rule, key, number in slots:
            _, numbers = self.held.setdefault(rule.scope + key, (rule.algorithm.lease_us, {}))
            numbers[number] = None

    def free(self, slots: Slots) -> None:
        """These are free, whether they were held or perhaps never taken; to be told with the next batch."""
        for rule, key, number in slots:
            name = rule.scope + key
            if name in self.held:
                numbers = self.held[name][1]
                numbers.pop(number, None)
                if not numbers:
                    del self.held[name]
            if len(self._freed) < MOST_FREED:
                self._freed.append((name, number))

    def count(self, name: str) -> int:
        """How many slots of `name` this process holds."""
        return len(self.held[name][1]) if name in self.held else 0

    def take_freed(self) -> dict[str, list[int]]:
        """What to tell now, by name; a bounded part of it."""
        told, self._freed = self._freed[:MOST_AT_ONCE], self._freed[MOST_AT_ONCE:]
        freed: dict[str, list[int]] = {}
        for name, number in told:
            freed.setdefault(name, []).append(number)
        return freed

    def tell_again(self, freed: dict[str, list[int]]) -> None:
        """Nobody knows whether it was heard; hearing it twice does no harm."""
        again = [(name, number) for name, numbers in freed.items() for number in numbers]
        self._freed = (again + self._freed)[:MOST_FREED]

    @property
    def untold(self) -> bool:
        """Whether the next batch has slots to free."""
        return bool(self._freed)

    def portions(self) -> Iterator[Portion]:
        """Everything that is held, in portions for one batch each."""
        for name, (_, numbers) in self.held.items():
            rest = iter(list(numbers))
            while portion := list(islice(rest, MOST_AT_ONCE)):
                yield name, portion

    def still_held(self, portions: Iterable[Portion]) -> dict[str, tuple[int, list[int]]]:
        """The lease in microseconds and the numbers of what is held at this moment, by name."""
        held = {}
        for name, portion in portions:
            lease_us, numbers = self.held.get(name, (0, {}))
            if left := [number for number in portion if number in numbers]:
                held[name] = lease_us, left
        return held
