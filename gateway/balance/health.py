"""Active checks: every upstream of a service is asked now and then whether it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.balance.group import Group
from gateway.balance.upstream import Upstream
from gateway.runtime import Runtime

# Whether the upstream is good; None when the gateway could not ask.
Probe = Callable[[Upstream], Awaitable[bool | None]]
# Whether its machine gives signs of life on an idle connection.
ShowsLife = Callable[[Upstream], bool]
# Of many upstreams, those whose checks are due so soon after each other are checked together.
AT_ONCE_SECONDS = 0.02
# One of so many checks connects whatever signs of life there are: a machine may live, its port be closed.
CONNECTS = 10


class HealthOptions(Protocol):
    """Seconds, and how many checks in a row it takes to change a mind; `interval` 0 = no checks."""

    @property
    def path(self) -> str | None: ...
    @property
    def interval(self) -> float: ...
    @property
    def timeout(self) -> float: ...
    @property
    def healthy_after(self) -> int: ...
    @property
    def unhealthy_after(self) -> int: ...


class HealthChecks:
    """Runs `probe` for each upstream of `group` once an interval, spread over it, never at the same time everywhere.

    Where the probe is no more than a connection (`options.path` is None), a reply since the last check proves as much,
    and so do signs of life on an idle connection.
    """

    def __init__(
        self, group: Group, options: HealthOptions, probe: Probe, shows_life: ShowsLife, runtime: Runtime
    ) -> None:
        self._group = group
        self._options = options
        self._probe = probe
        self._shows_life = shows_life
        self._runtime = runtime
        self._in_a_row: dict[Upstream, int] = {}  # checks that agree: good ones above zero, bad ones below
        self._busy: set[Upstream] = set()
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first checks come within the first interval."""
        if self._options.interval:
            self._rounds = self._runtime.spawn(self._run(), f"health of {self._group.service}")

    def close(self) -> None:
        if self._rounds is not None:
            self._rounds.cancel()

    async def _run(self) -> None:
        while True:
            upstreams = list(self._group.upstreams)
            self._runtime.rng.shuffle(upstreams)
            self._in_a_row = {upstream: self._in_a_row.get(upstream, 0) for upstream in upstreams}
            if not upstreams:
                await asyncio.sleep(self._options.interval)
            at_once = max(1, int(len(upstreams) * AT_ONCE_SECONDS / self._options.interval))
            for start in range(0, len(upstreams), at_once):
                some = upstreams[start : start + at_once]
                pause = self._options.interval * len(some) / len(upstreams)
                await asyncio.sleep(pause * self._runtime.rng.uniform(0.75, 1.25))
                for upstream in some:
                    self._look_at(upstream)

    def _look_at(self, upstream: Upstream) -> None:
        if upstream in self._busy:
            return
        if self._is_known_good(upstream):
            self._judge(upstream, good=True)
        else:
            self._runtime.spawn(self._check(upstream), f"check of {upstream.name}")

    def _is_known_good(self, upstream: Upstream) -> bool:
        if self._options.path is not None or not upstream.standing.healthy:
            return False
        if upstream.unit_at > self._runtime.clock() - self._options.interval:
            return True
        # measured: 2 us, where a connection with both its ends costs 31, bench/micro/sockets.py
        good = self._in_a_row.get(upstream, 0)
        its_turn = (good + hash(upstream.name)) % CONNECTS == 0  # not that of all at once
        return good > 0 and not its_turn and self._shows_life(upstream)

    async def _check(self, upstream: Upstream) -> None:
        self._busy.add(upstream)
        try:
            async with asyncio.timeout(self._options.timeout):
                good = await self._probe(upstream)
        except TimeoutError:
            good = False
        finally:
            self._busy.discard(upstream)
        if good is not None:
            self._judge(upstream, good=good)

    def _judge(self, upstream: Upstream, *, good: bool) -> None:
        before = self._in_a_row.get(upstream)
        if before is None:
            return  # it has gone meanwhile
        self._in_a_row[upstream] = number = max(before, 0) + 1 if good else min(before, 0) - 1
        if number >= self._options.healthy_after:
            self._group.checked(upstream, healthy=True)
        elif -number >= self._options.unhealthy_after:
            self._group.checked(upstream, healthy=False)
