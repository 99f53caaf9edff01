"""Refusals that need not be asked for again: until a refused request could pass, others can only make it later.

Exact, unless units come back early, which only an operator's reset or a Redis that lost its data can do; so nothing is
remembered longer than a quarter of a second. The time counts from before the batch was sent, Redis' own from after.
"""

from collections.abc import Sequence

from gateway.limit.algorithm import NEVER, SECOND, Verdict
from gateway.limit.base import Check
from gateway.runtime import Memory

MOST = 10_000
LONGEST = 0.25


class Denials:
    """The last refusal of each name in the store, with the clock's seconds when it was asked for."""

    __slots__ = ("_known", "any")

    def __init__(self) -> None:
        self._known: Memory[str, tuple[float, Verdict]] = Memory(MOST)
        self.any = False

    def note(self, checks: Sequence[Check], verdicts: Sequence[Verdict], asked_at: float) -> None:
        """Remember who refused. What is held until a request ends may be free at any moment."""
        for (rule, key), verdict in zip(checks, verdicts, strict=True):
            if not (verdict.allowed or rule.shadow or rule.algorithm.holds or verdict.retry_after_us == NEVER):
                self._known.put(rule.scope + key, (asked_at, verdict))
                self.any = True

    def look(self, checks: Sequence[Check], now: float) -> list[Verdict | None] | None:
        """What is known to refuse, None for the other checks; None when nothing is known to."""
        found = [self._denial(rule.scope + key, now) for rule, key in checks]
        return found if any(found) else None

    def _denial(self, name: str, now: float) -> Verdict | None:
        known = self._known.get(name)
        if known is None:
            return None
        asked_at, verdict = known
        passed = round((now - asked_at) * SECOND)
        wait = verdict.retry_after_us - passed
        if wait <= 0 or now - asked_at > LONGEST:
            self._known.forget(name)
            return None
        return verdict._replace(
            next_us=verdict.next_us - passed, reset_us=verdict.reset_us - passed, retry_after_us=wait
        )
