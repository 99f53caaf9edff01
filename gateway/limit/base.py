"""What a limiter is: exchange, Identity -> Permit, or `RateLimited`; and the three parts it is made of.

An *algorithm* is arithmetic: it turns the state of one key into a verdict and the next state, without a clock, a dict
or a float of its own. A *rule* names an algorithm and says who is counted. A *store* holds the states and decides.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from gateway.exchange import UNLIMITED, Exchange, Identity, Permit

State: TypeAlias = tuple[int, ...]
"""What an algorithm remembers of one key; only the algorithm knows what the integers mean."""

KeyOf: TypeAlias = Callable[[Exchange, Identity], str]
"""Who is counted. Equal strings share one state; no caller can choose a string that stands for somebody else."""

NEVER = -1
"""The `retry_after_us` of a request that no waiting will let pass."""


class Limiter(Protocol):
    """Says whether a request may pass now.

    `permit` raises `RateLimited` with `Retry-After` and the limit headers, `rule` naming the rule that refused. It runs
    inside a `runtime.Drive`: it may await futures, and what needs a task of its own goes through `Runtime.spawn`.
    """

    async def permit(self, exchange: Exchange, identity: Identity) -> Permit: ...


class Unlimited:
    """No rule applies: everyone passes."""

    async def permit(self, exchange: Exchange, identity: Identity) -> Permit:
        return UNLIMITED


class Verdict(NamedTuple):
    """One rule's word on one request: whole units, microseconds, nothing negative but `NEVER`.

    After this request `remaining` units are left, one more comes in `next_us` (0 = all are there), and in `reset_us`
    the key is as good as never seen. A refused request passes in exactly `retry_after_us` if nobody else takes
    meanwhile (0 when allowed).
    """

    allowed: bool
    remaining: int
    next_us: int
    reset_us: int
    retry_after_us: int


class Algorithm(Protocol):
    """Arithmetic over one key's state; every method is a pure function of integers.

    `size` is the most that can pass at once, `window` the whole seconds in which that much comes back (0 = less than
    one). `now` is in microseconds; a `now` before the state's own time counts as no time passed.
    """

    @property
    def size(self) -> int: ...

    @property
    def window(self) -> int: ...

    def fresh(self, now: int) -> State:
        """The state of a key that was never seen."""

    def take(self, state: State, now: int, cost: int = 1) -> tuple[Verdict, State]:
        """Take `cost` units, all or none; a refusal only moves the state's time. ValueError for a cost below 1."""

    def reset_us(self, state: State, now: int) -> int:
        """How long until `state` is as good as `fresh`; 0 = it may be forgotten."""

    def worse(self, one: State, other: State, now: int) -> State:
        """A state that never allows what one of the two would refuse."""


class Rule:
    """One limit: its name, the arithmetic, and who is counted. Compared by identity: a new rule starts afresh."""

    __slots__ = ("algorithm", "key", "name")

    def __init__(self, name: str, algorithm: Algorithm, key: KeyOf) -> None:
        self.name = name
        self.algorithm = algorithm
        self.key = key

    def __repr__(self) -> str:
        return f"<Rule {self.name} {self.algorithm!r}>"


Check: TypeAlias = tuple[Rule, str]
"""A rule and the key it counts this request under."""


class Store(Protocol):
    """Holds the states of all keys and decides, with a clock of its own."""

    async def decide(self, checks: Sequence[Check]) -> Sequence[Verdict]:
        """One verdict a check, in order. Every rule takes its unit, or, when one refuses, none does.

        When another rule refused, an allowing verdict still says what it would have left.
        """
