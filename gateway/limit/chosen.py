"""Which rules a request is asked about: the same for everyone, or with numbers that the caller's token names."""

from collections.abc import Callable, Sequence

from gateway.exchange import Identity
from gateway.limit.algorithm import Algorithm
from gateway.limit.base import Rule
from gateway.limit.bundle import Bundle
from gateway.runtime import Memory

MOST = 1000
"""Different values of a claim that a rule can have states for; more count by the rule's own numbers."""


class Variants:
    """One rule, and what becomes of it with each value of `claim`; `counting` raises ValueError for an odd one."""

    def __init__(self, rule: Rule, claim: str, counting: Callable[[object], Algorithm]) -> None:
        self.rule = rule
        self._claim = claim
        self._counting = counting
        self._known: dict[tuple[type, object], Rule] = {}

    @property
    def all(self) -> list[Rule]:
        """The rule, and what it has become for callers so far."""
        return [self.rule, *self._known.values()]

    def of(self, identity: Identity) -> Rule:
        """The rule as it is for this caller."""
        value = identity.claims.get(self._claim)
        if not isinstance(value, str | int | float):
            return self.rule
        known = self._known.get((type(value), value))
        if known is None and len(self._known) < MOST:
            try:
                known = self.rule.counting(self._counting(value))
            except ValueError:
                known = self.rule
            self._known[type(value), value] = known
        return known or self.rule


def everyone(bundle: Bundle) -> Callable[[Identity], Bundle]:
    """The same rules for all."""
    return lambda identity: bundle


def by_claims(choices: Sequence[Rule | Variants], misses: dict[str, int]) -> Callable[[Identity], Bundle]:
    """Rules of which some are as the caller's claims say."""
    bundles: Memory[tuple[Rule, ...], Bundle] = Memory(MOST)

    def chosen(identity: Identity) -> Bundle:
        rules = tuple([choice.of(identity) if isinstance(choice, Variants) else choice for choice in choices])
        bundle = bundles.get(rules)
        if bundle is None:
            bundle = Bundle(rules, misses)
            bundles.put(rules, bundle)
        return bundle

    return chosen
