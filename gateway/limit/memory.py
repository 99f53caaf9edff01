"""The states of all keys, in this process: bounded, and no key gains by being forgotten.

A rule's table holds at most `KEYS` states. A key without a state of its own starts from the rule's one *unseen* state,
which is never better than what any forgotten key had left: a state that is as good as fresh is dropped for nothing, and
when the table is full of states that are not, the best of the oldest few is folded into the unseen state, where it
makes newcomers start lower until that much time has passed. A flood of keys costs newcomers credit; it never resets a
limit.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from gateway.limit.base import Algorithm, Check, Rule, State, Verdict
from gateway.runtime import Runtime

KEYS = 1_000_000

SWEPT = 2  # looked at for each newcomer: two, so that leaving keeps ahead of coming
COMPARED = 4  # looked at when the table is full; the best of them goes


class MemoryStore:
    """Decides at once, from dicts, by `runtime.clock`; holds at most `keys` states for each of `rules`."""

    def __init__(self, rules: Iterable[Rule], runtime: Runtime, keys: int = KEYS) -> None:
        self._clock = runtime.clock
        now = self._now()
        self._tables = {rule: Table(rule.algorithm, keys, now) for rule in rules}

    def __repr__(self) -> str:
        return f"<MemoryStore {', '.join(f'{rule.name}: {len(table)}' for rule, table in self._tables.items())}>"

    async def decide(self, checks: Sequence[Check]) -> Sequence[Verdict]:
        """One verdict a check; all take or none does. Never waits. `checks` names each rule once."""
        now = self._now()
        verdicts: list[Verdict] = []
        taken: list[tuple[Table, str, State]] = []
        refused: list[tuple[Table, str, State]] = []
        for rule, key in checks:
            table = self._tables[rule]
            verdict, state = rule.algorithm.take(table.look(key), now)
            verdicts.append(verdict)
            (taken if verdict.allowed else refused).append((table, key, state))
        if not refused:
            for table, key, state in taken:
                table.keep(key, state, now)
        for table, key, state in refused:
            table.move(key, state)
        return verdicts

    def _now(self) -> int:
        return round(self._clock() * 1_000_000)


class Table:
    """The states of one rule's keys, oldest newcomer first, and the one state that stands for all other keys."""

    __slots__ = ("_algorithm", "_order", "_size", "_states", "_unseen")

    def __init__(self, algorithm: Algorithm, size: int, now: int) -> None:
        self._algorithm = algorithm
        self._size = size
        self._states: dict[str, State] = {}
        self._order: deque[str] = deque()  # each key of _states once
        self._unseen = algorithm.fresh(now)

    def __len__(self) -> int:
        return len(self._states)

    def look(self, key: str) -> State:
        """The state that decides about `key`."""
        return self._states.get(key, self._unseen)

    def keep(self, key: str, state: State, now: int) -> None:
        """Remember what `key` has left after it took; a newcomer may cost another key its place."""
        if key not in self._states:
            self._make_room(now)
            self._order.append(key)
        self._states[key] = state

    def move(self, key: str, state: State) -> None:
        """Remember the time of a refusal, which took nothing: after a step of the clock, time goes on from there."""
        if key in self._states:
            self._states[key] = state
        else:
            self._unseen = state

    def _make_room(self, now: int) -> None:
        for _ in range(min(SWEPT, len(self._order))):
            key = self._order.popleft()
            if self._algorithm.reset_us(self._states[key], now):
                self._order.append(key)
            else:
                del self._states[key]
        if len(self._states) >= self._size:
            self._forget_best(now)

    def _forget_best(self, now: int) -> None:
        oldest = [self._order.popleft() for _ in range(min(COMPARED, len(self._order)))]
        oldest.sort(key=lambda key: self._algorithm.reset_us(self._states[key], now))
        best, *others = oldest
        self._order.extend(others)
        self._unseen = self._algorithm.worse(self._unseen, self._states.pop(best), now)
