"""What is asked of Redis in one call, and who gets which part of the reply.

Equal checks that follow each other without a check of one of their keys between them are one entry with a count, so
that merging changes no verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from gateway.drive import Parked
from gateway.limit.algorithm import Algorithm, Verdict, View
from gateway.limit.base import SPACE, Check, Rule, Slots, Verdicts
from gateway.limit.leases import Leases, Portion

REPLICAS = SPACE + "replicas"
MOST_ENTRIES = 256  # so that a script stays well below a millisecond


class Waiting:
    """One request that waits: `slots` gets what it is to hold."""

    __slots__ = ("parked", "slots")

    def __init__(self, parked: Parked[Verdicts], slots: Slots) -> None:
        self.parked = parked
        self.slots = slots


Answer: TypeAlias = tuple[Waiting, Sequence[Verdict], Slots]
"""Who waits, what it is told, and what it holds from now on."""


class Entry:
    """Equal checks of one or more requests; `names` are the keys in Redis, `shape` what the script has to know."""

    __slots__ = ("checks", "cost", "first_slot", "holds", "names", "refusal", "shape", "waiting")

    def __init__(self, checks: Sequence[Check], names: list[str], cost: int) -> None:
        self.checks = checks
        self.names = names
        self.cost = cost
        self.waiting: list[Waiting] = []
        self.refusal: Sequence[Verdict] | None = None  # what those were told who did not pass
        self.first_slot = 0
        self.holds = False
        self.shape = f"{cost} {len(checks)}"
        for rule, _ in checks:
            self.holds = self.holds or rule.algorithm.holds
            self.shape += " 1" if rule.shadow else " 0"

    def perhaps_taken(self) -> Slots:
        """Every slot that the entry may have got."""
        numbers = range(self.first_slot, self.first_slot + len(self.waiting))
        return [(rule, key, number) for rule, key in self.checks if rule.algorithm.holds for number in numbers]

    def answers(self, numbers: Iterator[int], views: dict[str, View]) -> Iterator[Answer]:
        """The verdicts and slots of each who waits, in order; `views` are moved to after them."""
        times, granted = len(self.waiting), next(numbers)
        given = [next(numbers) if rule.shadow else granted for rule, _ in self.checks]
        short = granted < times or any(some < granted for some in given)
        waits = [next(numbers) if short else 0 for _ in self.checks]
        for index in range(granted):
            slots = []
            verdicts = []
            for (rule, key), name, some, wait in zip(self.checks, self.names, given, waits, strict=True):
                algorithm = rule.algorithm
                if index < some:
                    verdict, views[name] = algorithm.granted(views[name], self.cost)
                    if algorithm.holds:
                        slots.append((rule, key, self.first_slot + index))
                else:
                    verdict = algorithm.refused(views[name], wait)
                verdicts.append(verdict)
            yield self.waiting[index], verdicts, slots
        if granted < times:
            refusal = [self._refused(*each, views) for each in zip(self.checks, self.names, waits, strict=True)]
            self.refusal = refusal
            for waiting in self.waiting[granted:]:
                yield waiting, refusal, []

    def _refused(self, check: Check, name: str, wait: int, views: dict[str, View]) -> Verdict:
        algorithm, view = check[0].algorithm, views[name]
        return algorithm.refused(view, wait) if wait else algorithm.spared(view)


class Batch:
    """Checks in the order they came. `born` is the clock's time of the first one; `announce_us` = register this
    replica for so long.
    """

    def __init__(self, born: float, announce_us: int = 0) -> None:
        self.born = born
        self.sent_at = 0.0
        self.announce_us = announce_us
        self.entries: list[Entry] = []
        self.replicas = 0  # how many there are, once announced
        self.malformed = 0  # states that were none, found by the script
        self.freed: dict[str, list[int]] = {}
        self.renewed: list[Portion] = []
        self._last: dict[str, Entry] = {}  # the latest entry that asks for a key
        self._algorithms: dict[str, Algorithm] = {}  # of each key

    @property
    def full(self) -> bool:
        return len(self.entries) + sum(len(numbers) for _, numbers in self.renewed) >= MOST_ENTRIES

    def add(self, checks: Sequence[Check], waiting: Waiting, cost: int = 1) -> None:
        """Ask about `checks`, all or nothing."""
        names = [rule.scope + key for rule, key in checks]
        last = self._last
        entry = last.get(names[0])
        if entry is None or entry.names != names or entry.cost != cost or any(last[n] is not entry for n in names):
            entry = Entry(checks, names, cost)
            self.entries.append(entry)
            for name, (rule, _) in zip(names, checks, strict=True):
                last[name] = entry
                self._algorithms[name] = rule.algorithm
        entry.waiting.append(waiting)

    def look(self, rule: Rule, key: str) -> None:
        """Ask what counts of a state, without taking anything."""
        self._algorithms[rule.scope + key] = rule.algorithm

    def arguments(self, leases: Leases) -> tuple[list[str], str]:
        """KEYS and ARGV[1]; what `leases` has to say goes with them."""
        self.freed = leases.take_freed()
        renewed = leases.still_held(self.renewed)
        keys = [REPLICAS, *self.freed, *renewed]
        words = [str(self.announce_us), *self._held_words(renewed)]
        algorithms: dict[Algorithm, int] = {}
        of_keys = [algorithms.setdefault(algorithm, len(algorithms) + 1) for algorithm in self._algorithms.values()]
        words.append(str(len(algorithms)))
        for algorithm in algorithms:
            kind, *parameters = algorithm.definition
            words += [kind, str(len(parameters)), *map(str, parameters)]
        words += [str(len(keys) + 1), str(len(of_keys)), *map(str, of_keys)]
        words += self._entry_words(leases)
        keys += self._algorithms
        return keys, " ".join(words)

    def _held_words(self, renewed: Mapping[str, tuple[int, list[int]]]) -> Iterator[str]:
        index = 2
        yield str(len(self.freed))
        for slots in self.freed.values():
            yield f"{index} {len(slots)} {' '.join(map(str, slots))}"
            index += 1
        yield str(len(renewed))
        for lease_us, slots in renewed.values():
            yield f"{index} {lease_us} {len(slots)} {' '.join(map(str, slots))}"
            index += 1

    def _entry_words(self, leases: Leases) -> list[str]:
        indices = {name: str(index) for index, name in enumerate(self._algorithms, 1)}
        shapes: dict[str, int] = {}
        asked = [str(len(self.entries))]
        for entry in self.entries:
            number = shapes.setdefault(entry.shape, len(shapes) + 1)
            if entry.holds:
                entry.first_slot = leases.numbers(len(entry.waiting))
            asked.append(f"{number} {len(entry.waiting)} {entry.first_slot}")
            asked += [indices[name] for name in entry.names]
        return [str(len(shapes)), *shapes, *asked]

    def answers(self, reply: bytes) -> list[Answer]:
        """Who gets which verdicts and slots, in order. ValueError when the script did not write `reply`."""
        numbers = map(int, reply.split())
        try:
            answers = list(self._answers(numbers))
        except RuntimeError:  # a generator met the end of `numbers`
            raise ValueError("the reply of the script is cut short") from None
        if next(numbers, None) is not None:
            raise ValueError("the reply of the script is too long")
        return answers

    def _answers(self, numbers: Iterator[int]) -> Iterator[Answer]:
        if self.announce_us:
            self.replicas = next(numbers)
        views = self._views(numbers)
        for entry in self.entries:
            yield from entry.answers(numbers, views)
        self.malformed = next(numbers)

    def views(self, reply: bytes) -> dict[str, View]:
        """What counts of each state that was looked at, by its name."""
        return self._views(map(int, reply.split()))

    def _views(self, numbers: Iterator[int]) -> dict[str, View]:
        return {name: tuple(islice(numbers, algorithm.words)) for name, algorithm in self._algorithms.items()}
