"""What a strategy is: of these upstreams, which one next?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Protocol

from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime


class Strategy(Protocol):
    """Chooses among upstreams; a pure function of their state, its own, the clock and the random numbers it was given.

    `pick` never returns one that is in `tried` (usually empty), and None only when every one is. `use` replaces the
    upstreams to choose from, of any number, also none; what a strategy knows about those that stay, it keeps.
    """

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None: ...

    def use(self, upstreams: Sequence[Upstream]) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What strategies may be told. `hash_key` says what stays together: client, subject, address or header:NAME."""

    hash_key: str = "client"


class StrategyFactory(Protocol):
    """How the registry builds a strategy for one service, whose upstreams may be of any number, also none."""

    def __call__(self, upstreams: Sequence[Upstream], runtime: Runtime, options: Options) -> Strategy: ...


def turns(upstreams: Sequence[Upstream]) -> list[Upstream]:
    """One cycle in which each upstream has as many turns as its weight, evenly spread.

    Weights are divided by their greatest common divisor first, so equal weights make a cycle of one turn each.
    """
    divisor = gcd(*(upstream.weight for upstream in upstreams))
    spread = [
        ((2 * turn + 1) / upstream.weight, index)
        for index, upstream in enumerate(upstreams)
        for turn in range(upstream.weight // divisor)
    ]
    return [upstreams[index] for _, index in sorted(spread)]
