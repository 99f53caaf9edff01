"""What every algorithm is: pure functions of integers, in Python here and in Lua beside it, with equal results.

A *state* is what is remembered of one key. A *view* is what counts of it at one moment: a few integers that both
languages exchange. No value leaves -2^53..2^53, up to where every integer is an IEEE double, which is all Lua has.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import ClassVar, NamedTuple, TypeAlias

State: TypeAlias = tuple[int, ...]
"""What an algorithm remembers of one key; only the algorithm knows what the integers mean."""

View: TypeAlias = tuple[int, ...]
"""What counts of a state at one moment, as the algorithm's Lua tells it."""

Rate: TypeAlias = int | float | str | Decimal | Fraction

NEVER = -1
"""The `retry_after_us` of a request that no waiting will let pass."""

SECOND = 1_000_000
EXACT = 2**53
MOST = 999_999_999_999_999  # the largest integer of a structured field (RFC 9651, section 3.3.1)


class Verdict(NamedTuple):
    """One rule's word on one request: whole units, microseconds, nothing negative but `NEVER`.

    After this request `remaining` units are left, one more comes in `next_us` (0 = all are there), and in `reset_us`
    the key is as good as never seen. A refused request passes in exactly `retry_after_us` if nobody else takes
    meanwhile (0 when allowed). An allowed one has to wait `delay_us` before it goes on.
    """

    allowed: bool
    remaining: int
    next_us: int
    reset_us: int
    retry_after_us: int
    delay_us: int = 0


# measured: 0.1 us less a check than Verdict(...), of 2.2; python -m bench.micro.limit, 2026-11-25
verdict: Callable[[tuple[bool, int, int, int, int, int]], Verdict] = partial(tuple.__new__, Verdict)


class Algorithm(ABC):
    """Arithmetic over one key's state. `now` is in microseconds; before the state's own time no time has passed.

    `size` is the most that can pass at once, `window` the whole seconds in which that much comes back (0 = less than
    one, or no time does it), `definition` the name of the Lua and the integers it needs, `words` the length of a view,
    `integers` that of a state (0 = it varies), `at` the place of a state's time in it.
    `holds` = units come back when a request ends, not with time; then `lease_us` is how long one is held unrenewed.
    """

    __slots__ = ()

    at: ClassVar[int] = 1
    words: ClassVar[int] = 1
    integers: ClassVar[int] = 2
    holds: ClassVar[bool] = False
    size: int
    window: int
    lease_us: int
    definition: tuple[str, *tuple[int, ...]]

    @abstractmethod
    def fresh(self, now: int) -> State:
        """The state of a key that was never seen."""

    @abstractmethod
    def advance(self, state: State, now: int) -> State:
        """The same state, as of `now`."""

    @abstractmethod
    def view(self, state: State, now: int) -> View:
        """What counts of an advanced state."""

    @abstractmethod
    def units(self, view: View) -> int:
        """How many units can be taken."""

    @abstractmethod
    def wait(self, state: State, now: int, cost: int) -> int:
        """Microseconds until `cost` units are there, of an advanced state in which they are not; or NEVER."""

    @abstractmethod
    def debit(self, state: State, now: int, cost: int) -> State:
        """An advanced state less `cost` units, which are there."""

    @abstractmethod
    def after(self, view: View, cost: int) -> View:
        """The view of a state less `cost` units."""

    @abstractmethod
    def numbers(self, view: View) -> tuple[int, int, int]:
        """`remaining`, `next_us` and `reset_us` of a verdict."""

    @abstractmethod
    def worse(self, one: State, other: State, now: int) -> State:
        """A state that never allows what one of the two would refuse."""

    @abstractmethod
    def divided(self, parts: int) -> "Algorithm":
        """One of `parts` shares of this limit, rounded down, but at least one unit."""

    def delay(self, view: View) -> int:
        """How long the next request has to wait before it goes on."""
        return 0

    def take(self, state: State, now: int, cost: int = 1) -> tuple[Verdict, State]:
        """Take `cost` units, all or none; a refusal only moves the state's time. ValueError for a cost below 1."""
        if cost < 1:
            raise ValueError(f"cost {cost}: must be at least 1")
        state = self.advance(state, now)
        view = self.view(state, now)
        if self.units(view) < cost:
            return self.refused(view, self.wait(state, now, cost)), state
        granted, _ = self.granted(view, cost)
        return granted, self.debit(state, now, cost)

    def granted(self, view: View, cost: int) -> tuple[Verdict, View]:
        """The verdict on a request that gets `cost` units, and what is left."""
        left = self.after(view, cost)
        return verdict((True, *self.numbers(left), 0, self.delay(view))), left

    def refused(self, view: View, wait: int) -> Verdict:
        """The verdict on a request that has to `wait`."""
        return verdict((False, *self.numbers(view), wait, 0))

    def spared(self, view: View) -> Verdict:
        """The verdict on a request that would get its units, and that another rule refused: nothing is taken."""
        return verdict((True, *self.numbers(view), 0, self.delay(view)))

    def peek(self, state: State, now: int) -> Verdict:
        """What one unit would be answered, without taking it: the numbers are those of before."""
        state = self.advance(state, now)
        view = self.view(state, now)
        return self.spared(view) if self.units(view) > 0 else self.refused(view, self.wait(state, now, 1))

    def reset_us(self, state: State, now: int) -> int:
        """How long until `state` is as good as `fresh`; 0 = it may be forgotten."""
        return self.numbers(self.view(self.advance(state, now), now))[2]


def whole_seconds(microseconds: int) -> int:
    """Rounded up; 0 when less than one."""
    return -(-microseconds // SECOND) if microseconds >= SECOND else 0


def credits_of(size: int, rate: Rate) -> tuple[int, int]:
    """What a microsecond brings and what a unit costs, in credits: integers whose quotient is `rate` a microsecond.

    `rate` is units a second, taken at its decimal face value. ValueError names what is out of range, above all a rate
    of so many digits that `size` units and a microsecond's credits do not fit below 2^53.
    """
    if not 1 <= size <= MOST:
        raise ValueError(f"bucket_size {size}: must be a whole number from 1 to {MOST}")
    try:
        exact = Fraction(str(rate))  # str: 0.1 means one tenth, not the double next to it
    except (ValueError, ZeroDivisionError):
        exact = Fraction(0)
    if exact <= 0:
        raise ValueError(f"refill_rate {rate}: must be a number of units a second, above 0")
    gain, price = (exact / SECOND).as_integer_ratio()
    if size * price + gain > EXACT:
        remedy = f"cannot be kept exactly beside bucket_size {size}; use fewer digits, or a smaller bucket"
        raise ValueError(f"refill_rate {rate}: {remedy}")
    return gain, price
