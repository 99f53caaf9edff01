"""One run: events in the order of their times, and the shipped strategies choosing."""

import heapq
import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.simulator.server import Server, Work
from bench.simulator.setting import (
    ANTAGONIST_AWAY,
    ANTAGONIST_LEAVES,
    ANTAGONIST_STAYS,
    BUSY_SHARE,
    FAILING_TAKES,
    TIMEOUT,
    Setting,
    mean_work,
    work,
)
from gateway.balance.registry import build
from gateway.balance.upstream import Upstream
from gateway.errors import GatewayError
from gateway.exchange import Exchange, Request
from gateway.runtime import Runtime


class Nowhere:
    def refuse(self, exchange: Exchange, error: GatewayError) -> None: ...
    def invite_body(self) -> None: ...


@dataclass
class Outcome:
    """What the clients saw after the warm-up: seconds of each request by when it was sent, in order of their ends."""

    sent_at: "array[float]" = field(default_factory=lambda: array("d"))
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    failed: int = 0
    shares: dict[int, int] = field(default_factory=dict)  # requests by server

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Gateway:
    """One gateway's view: its own counts and estimates, nothing of the others'."""

    def __init__(self, name: str, number: int, clock: Callable[[], float], seed: int) -> None:
        self.upstreams = [Upstream(f"http://server:{port}") for port in range(1, number + 1)]
        self.strategy = build(name, self.upstreams, Runtime(clock=clock, rng=random.Random(seed)))


class World:
    """A setting with a strategy and a seed; `run` gives the Outcome. Equal seeds meet equal servers and requests."""

    def __init__(self, setting: Setting, strategy: str, seed: int) -> None:
        self.now = 0.0
        self._setting = setting
        self._rng = rng = random.Random(seed)
        self._servers = [Server(rng.choice(setting.speeds), setting.cores) for _ in range(setting.servers)]
        for server in self._servers[: setting.sinkholes]:
            server.dead = True
        self._gateways = [
            Gateway(strategy, setting.servers, lambda: self.now, seed * 1000 + number)
            for number in range(setting.gateways)
        ]
        present = setting.servers - len(setting.joins)
        self._use(present)
        left = 1 - BUSY_SHARE * (1 - ANTAGONIST_LEAVES) if setting.antagonists else 1.0
        able = [server for server in self._servers[:present] if not server.dead]
        capacity = sum(server.speed * server.cores * left for server in able)
        self._arrivals = setting.load * capacity / mean_work()
        self._works = random.Random(seed + 1)
        self._exchange = Exchange(Request(), Nowhere(), "192.0.2.1", b"", 0)
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = 0
        self._outcome = Outcome()

    def run(self) -> Outcome:
        setting, rng = self._setting, self._rng
        self._at(rng.expovariate(self._arrivals), self._arrive)
        if setting.antagonists:
            for number, server in enumerate(self._servers):
                server.left = ANTAGONIST_LEAVES if rng.random() < BUSY_SHARE else 1.0
                self._antagonist_moves(number)
        for number, time in enumerate(setting.deaths):
            self._at(time, self._die, number)
        for number, time in enumerate(setting.joins):
            self._at(time, self._use, setting.servers - len(setting.joins) + number + 1)
        end = setting.warm_up + setting.seconds
        while self._events[0][0] < end:
            self.now, _, event, arguments = heapq.heappop(self._events)
            event(*arguments)
        return self._outcome

    def _at(self, time: float, event: Callable[..., None], *arguments: object) -> None:
        self._order += 1
        heapq.heappush(self._events, (time, self._order, event, arguments))

    def _arrive(self) -> None:
        now, rng = self.now, self._rng
        self._at(now + rng.expovariate(self._arrivals), self._arrive)
        number = rng.randrange(len(self._gateways)) if len(self._gateways) > 1 else 0
        gateway = self._gateways[number]
        upstream = gateway.strategy.pick(self._exchange)
        assert upstream is not None
        server = self._servers[upstream.port - 1]
        request = Work(now, number, upstream.port - 1, upstream.began())
        seconds = work(self._works)
        if server.dead:
            self._at(now + FAILING_TAKES, self._fail, request)
            return
        server.add(request, seconds, now)
        self._plan(server)
        self._at(now + TIMEOUT, self._give_up, request)

    def _plan(self, server: Server) -> None:
        server.plan += 1
        seconds = server.next_done()
        if seconds is not None:
            self._at(self.now + seconds, self._done, server, server.plan)

    def _done(self, server: Server, plan: int) -> None:
        if plan != server.plan:
            return
        request = server.finish(self.now)
        upstream = self._upstream(request)
        upstream.ended()
        upstream.first_byte(self.now - request.sent_at, request.load, self.now)
        self._count(request, failed=False)
        self._plan(server)

    def _give_up(self, request: Work) -> None:
        if not request.gone:
            server = self._servers[request.upstream]
            server.remove(request, self.now)
            self._fail(request)
            self._plan(server)

    def _fail(self, request: Work) -> None:
        upstream = self._upstream(request)
        upstream.ended()
        upstream.failed(self.now)
        self._count(request, failed=True)

    def _count(self, request: Work, *, failed: bool) -> None:
        if request.sent_at >= self._setting.warm_up:
            outcome = self._outcome
            outcome.sent_at.append(request.sent_at)
            outcome.seconds.append(self.now - request.sent_at)
            outcome.failed += failed
            outcome.shares[request.upstream] = outcome.shares.get(request.upstream, 0) + 1

    def _upstream(self, request: Work) -> Upstream:
        return self._gateways[request.gateway].upstreams[request.upstream]

    def _antagonist_moves(self, number: int) -> None:
        """Comes or leaves, and plans to do the other; the first time it only plans."""
        server = self._servers[number]
        if self.now:
            server.advance(self.now)
            server.left = ANTAGONIST_LEAVES if server.left == 1.0 else 1.0
            self._plan(server)
        stays = ANTAGONIST_AWAY if server.left == 1.0 else ANTAGONIST_STAYS
        self._at(self.now + self._rng.expovariate(1 / stays), self._antagonist_moves, number)

    def _die(self, number: int) -> None:
        server = self._servers[number]
        for request in server.die(self.now):
            self._fail(request)
        self._plan(server)

    def _use(self, present: int) -> None:
        for gateway in self._gateways:
            if self.now:
                gateway.upstreams[present - 1].joined_at = self.now
            gateway.strategy.use(gateway.upstreams[:present])


def run(setting: Setting, strategy: str, seed: int) -> Outcome:
    """One run; the same arguments give the same outcome."""
    return World(setting, strategy, seed).run()
