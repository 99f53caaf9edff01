"""What a limiter is: exchange, Identity -> Permit, or `RateLimited`; and the three parts it is made of.

An *algorithm* is arithmetic: it turns the state of one key into a verdict and the next state, without a clock, a dict
or a float of its own. A *rule* names an algorithm and says who is counted. A *store* holds the states and decides.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol, TypeAlias
from urllib.parse import quote

from gateway.drive import Parked
from gateway.exchange import UNLIMITED, Exchange, Identity, Permit
from gateway.limit.algorithm import Algorithm, Verdict

KeyOf: TypeAlias = Callable[[Exchange, Identity], str]
"""Who is counted. Equal strings share one state; no caller can choose a string that stands for somebody else."""


SPACE = "{ai-api-gateway}:1:"
"""How all names in the store begin: the braces put them into one slot of a Redis Cluster, 1 is the layout of states."""


class Limiter(Protocol):
    """Says whether a request may pass now.

    `permit` raises `RateLimited` with `Retry-After` and the limit headers, `rule` naming the rule that refused, and
    `NoUpstream` when nobody can say. It runs inside a `drive.Drive`: it may await futures, and what needs a task of
    its own goes through `Runtime.spawn`.
    """

    async def permit(self, exchange: Exchange, identity: Identity) -> Permit: ...

    def permit_at_once(self, exchange: Exchange, identity: Identity) -> Permit | None:
        """The same when it takes no wait; else None, nothing is counted, and `permit` is to be asked."""


class Unlimited:
    """No rule applies: everyone passes."""

    async def permit(self, exchange: Exchange, identity: Identity) -> Permit:
        return UNLIMITED

    def permit_at_once(self, exchange: Exchange, identity: Identity) -> Permit:
        return UNLIMITED


class Rule:
    """One limit: its name, the arithmetic, who is counted, and what happens when the store fails.

    A `shadow` rule counts and is counted, and refuses nobody. `scope` begins the name of each of its states: it tells
    apart rules that differ in name or definition, so that a changed limit never reads what another one wrote.
    """

    __slots__ = ("algorithm", "key", "name", "on_store_error", "scope", "shadow")

    def __init__(
        self, name: str, algorithm: Algorithm, key: KeyOf, *, shadow: bool = False, on_store_error: str = "local"
    ) -> None:
        self.name = name
        self.algorithm = algorithm
        self.key = key
        self.shadow = shadow
        self.on_store_error = on_store_error
        # Of known length after the last colon of the name, which has none; so no name or key is read as another.
        digest = sha256(repr((name, algorithm.definition)).encode()).hexdigest()[:16]
        self.scope = f"{SPACE}{quote(name, safe=' ')}:{digest}:"

    def __repr__(self) -> str:
        return f"<{'Shadow rule' if self.shadow else 'Rule'} {self.name} {self.algorithm!r}>"

    def counting(self, algorithm: Algorithm) -> "Rule":
        """The same rule with other numbers."""
        return Rule(self.name, algorithm, self.key, shadow=self.shadow, on_store_error=self.on_store_error)


Slots: TypeAlias = list[tuple[Rule, str, int]]
"""What a request holds while it is in flight: of which rule and key, and a number of the store's."""

Check: TypeAlias = tuple[Rule, str]
"""A rule and the key it counts this request under."""

Verdicts: TypeAlias = Sequence[Verdict | None]
"""One verdict a check, in order; None where the store failed and the rule lets everyone pass (`open`)."""


class Store(Protocol):
    """Holds the states of all keys and decides, with a clock of its own."""

    def decide(self, checks: Sequence[Check], slots: Slots) -> Verdicts | Parked[Verdicts]:
        """One verdict a check, at once or as something to await at once.

        Every rule takes its unit, or, when one that is no shadow refuses, none does. What is taken only for as long as
        the request runs is appended to `slots`. `checks` names each rule once. Raises NoUpstream (or the wait does)
        when the store failed and a rule's policy is `closed`.
        """

    def release(self, slots: Slots) -> None:
        """Give back `slots`; never waits."""
