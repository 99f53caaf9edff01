"""The rules that one request is asked about together, and what their verdicts come to."""

from collections.abc import Callable, Sequence
from typing import NoReturn

from gateway.errors import RateLimited
from gateway.limit.algorithm import Verdict
from gateway.limit.base import Rule, Verdicts
from gateway.limit.headers import LimitHeaders


class Bundle:
    """A fixed order of `rules`; `misses` counts by rule what shadow rules would have refused.

    ValueError for a rule name that a header cannot carry.
    """

    __slots__ = ("_alone", "_headers", "_misses", "rules")

    def __init__(self, rules: Sequence[Rule], misses: dict[str, int]) -> None:
        self.rules = tuple(rules)
        self._misses = misses
        self._headers: dict[tuple[Rule, ...], LimitHeaders] = {}
        only = self.rules[0] if len(self.rules) == 1 else None
        plain = only is not None and not (only.shadow or only.algorithm.holds)
        self._alone = self._headers_of(self.rules).alone if plain else None

    def __repr__(self) -> str:
        return ", ".join(rule.name for rule in self.rules)

    @property
    def alone(self) -> tuple[Rule | None, Callable[[Verdict], bytes] | None]:
        """The one rule there is and what is told of its verdicts; None where there are several, or one of a kind."""
        return (self.rules[0], self._alone) if self._alone is not None else (None, None)

    def judge(self, verdicts: Verdicts) -> tuple[bytes, int, int]:
        """Of a request that passes: reply lines, which rule it waits for, for how many microseconds. Else RateLimited.

        A rule without a verdict lets everyone pass, and nothing is told about it.
        """
        # measured: the first way 0.4 us, the other 1.9; python -m bench.micro.limit, 2026-11-25
        if self._alone is not None and (only := verdicts[0]) is not None and only.allowed:
            return self._alone(only), 0, only.delay_us
        rules, spoken = [], []
        for rule, verdict in zip(self.rules, verdicts, strict=True):
            if verdict is not None and not rule.shadow:
                rules.append(rule)
                spoken.append(verdict)
            elif verdict is not None and not verdict.allowed:
                self._misses[rule.name] = self._misses.get(rule.name, 0) + 1
        if not spoken:
            return b"", 0, 0
        headers = self._headers_of(tuple(rules))
        if not all(verdict.allowed for verdict in spoken):
            raise self._refusal(rules, spoken, headers)
        tightest = min(range(len(spoken)), key=lambda index: spoken[index].remaining)
        slowest = max(range(len(spoken)), key=lambda index: spoken[index].delay_us)
        return headers.lines(spoken, tightest), self.rules.index(rules[slowest]), spoken[slowest].delay_us

    def refuse(self, verdict: Verdict) -> NoReturn:
        """Raise the RateLimited that the verdict of the one rule there is comes to."""
        raise self._refusal(self.rules, (verdict,), self._headers_of(self.rules))

    def _refusal(self, rules: Sequence[Rule], verdicts: Sequence[Verdict], headers: LimitHeaders) -> RateLimited:
        waits = [verdict.retry_after_us for verdict in verdicts]
        longest = waits.index(max(waits))
        name = rules[longest].name
        return RateLimited(f"rule {name}", headers=headers.refusal(verdicts, longest), rule=name)

    def _headers_of(self, rules: tuple[Rule, ...]) -> LimitHeaders:
        headers = self._headers.get(rules)
        if headers is None:
            headers = self._headers[rules] = LimitHeaders(rules)
        return headers
