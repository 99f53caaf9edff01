"""The upstreams of one request, chosen one at a time."""

from gateway.balance.group import Group
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange


class Candidates:
    """A service's upstreams in order of preference: proof that `pick` looked; `first` is None when all were full."""

    __slots__ = ("_exchange", "_group", "_tried", "first")

    def __init__(self, group: Group, exchange: Exchange, first: Upstream | None) -> None:
        self._group = group
        self._exchange = exchange
        self._tried: list[Upstream] = []
        self.first = first

    def after(self, failed: Upstream) -> Upstream | None:
        """The next best upstream once `failed` has failed; None when all have, or all others are full."""
        self._tried.append(failed)
        return self._group.pick(self._exchange, self._tried)
