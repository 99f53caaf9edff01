"""What is decided when the store cannot be asked: by each rule's own policy."""

from collections.abc import Sequence

from gateway.errors import NoUpstream
from gateway.limit.algorithm import State
from gateway.limit.base import Check, Rule, Slots, Verdicts
from gateway.limit.leases import Leases
from gateway.limit.memory import MemoryStore
from gateway.limit.table import Taken
from gateway.runtime import Runtime

DECISIONS = ("local", "open", "closed")


class Leased(Taken):
    """The slots that this process holds of each key of one rule in the shared store."""

    __slots__ = ("_leases", "_scope")

    def __init__(self, leases: Leases, scope: str) -> None:
        super().__init__()
        self._leases = leases
        self._scope = scope

    def look(self, key: str) -> State:
        return (self._leases.count(self._scope + key),)

    def take(self, key: str) -> None:
        """The leases remember it."""


class LocalStore(MemoryStore):
    """Decides in memory, by the slots this process holds in the shared store; `shares` is whose share a rule is."""

    def __init__(self, runtime: Runtime, leases: Leases) -> None:
        super().__init__(runtime)
        self.shares: dict[Rule, Rule] = {}
        self._leases = leases

    def _new_taken(self, rule: Rule) -> Taken:
        return Leased(self._leases, self.shares[rule].scope)


class Blind:
    """Decides by policy: `local` by this process's share of the limit, `open` yes, `closed` an error.

    `replicas` is how many share the store, as far as is known; `counts` is how many checks were decided which way.
    """

    def __init__(self, runtime: Runtime, leases: Leases) -> None:
        self.replicas = 1
        self.counts = dict.fromkeys(DECISIONS, 0)
        self._runtime = runtime
        self._leases = leases
        self._among = 0
        self._share_of: dict[Rule, Rule] = {}
        self._local = LocalStore(runtime, leases)

    def decide(self, checks: Sequence[Check], slots: Slots) -> Verdicts:
        """One verdict a check, None for a rule that is `open`. NoUpstream when one is `closed`."""
        for rule, _ in checks:
            self.counts[rule.on_store_error] += 1
        for rule, _ in checks:
            if rule.on_store_error == "closed" and not rule.shadow:
                raise NoUpstream(f"limiter store, rule {rule.name}", headers=b"Retry-After: 1\r\n", rule=rule.name)
        mine = [(self._share(rule), key) for rule, key in checks if rule.on_store_error == "local"]
        held: Slots = []
        verdicts = iter(self._local.decide(mine, held) if mine else ())
        # In the name of the whole rule, so that the store learns of it as soon as it can be asked again.
        taken = [(self._local.shares[share], key, self._leases.numbers(1)) for share, key, _ in held]
        self._leases.hold(taken)
        slots.extend(taken)
        return [next(verdicts) if rule.on_store_error == "local" else None for rule, _ in checks]

    def _share(self, rule: Rule) -> Rule:
        if self._among != self.replicas:
            self._among = self.replicas
            self._share_of.clear()
            self._local = LocalStore(self._runtime, self._leases)
        share = self._share_of.get(rule)
        if share is None:
            share = self._share_of[rule] = rule.counting(rule.algorithm.divided(self._among))
            self._local.shares[share] = rule
        return share
