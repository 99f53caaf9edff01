"""A whole gateway in memory, driven by hand: the test is its clients, its upstreams and its clock."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fakes import HandRuntime, MemoryLoop, MemoryTransport
from harness import Nowhere, configuration, left_over
from table import normal

from gateway.app import Gateway
from gateway.balance.upstream import Upstream
from gateway.observe.tallies import ServiceTally

WITHIN = 2.0


class MemoryGateway:
    """`accepted` are the connections that reached an upstream, in order, each with the name it was made to."""

    def __init__(self, loop: MemoryLoop, over: dict[str, Any], upstreams: int, service: dict[str, Any]) -> None:
        self._loop = loop
        self.runtime = HandRuntime()
        self.names = [f"up{number}.test:8000" for number in range(upstreams)]
        self.accepted: list[MemoryTransport] = []
        urls = [{"url": f"http://{name}/v1"} for name in self.names]
        tree = {**over, "services": {"llm": {"upstreams": urls, **service}}}
        self.gateway = Gateway(configuration(self.names[0], tree), Nowhere(), self.runtime)
        for name in self.names:
            loop.upstreams[name] = self.accepted.append

    def refuse_connections_to(self, name: str) -> None:
        """From now on `name` refuses to be connected to."""
        del self._loop.upstreams[name]

    def connect(self, address: str = "127.0.0.1") -> MemoryTransport:
        """A client connects."""
        return self._loop.connect(address)

    async def sends(self, client: MemoryTransport, data: bytes) -> None:
        """A peer sends `data` in one piece; returns when everything that follows from it has happened."""
        client.feed(data)
        await self._loop.quiet()

    async def quiet(self) -> None:
        await self._loop.quiet()

    async def passes(self, seconds: float) -> None:
        """Time passes by hand, and what is due happens."""
        self.runtime.advance(seconds)
        await self._loop.quiet()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, in real time, for what a timer of the event loop brings about."""
        deadline = self._loop.time() + WITHIN
        while not condition():
            assert self._loop.time() < deadline, "still waiting"
            await asyncio.sleep(0.005)

    @property
    def busy(self) -> list[str]:
        return left_over(self.gateway)


def upstreams(gate: MemoryGateway) -> tuple[Upstream, ...]:
    return gate.gateway._parts._backends["llm"].group.upstreams


def behind(gate: MemoryGateway, transport: MemoryTransport) -> Upstream:
    """The upstream that a connection was made to."""
    host = transport.get_extra_info("peername")[0]
    return next(upstream for upstream in upstreams(gate) if upstream.host == host)


def tally(gate: MemoryGateway) -> ServiceTally:
    return gate.gateway._pipeline._observer._tallies.service("llm")


def got(transport: MemoryTransport) -> bytes:
    """What the peer behind `transport` has received so far, with fixed words for what is new every time."""
    return normal(bytes(transport.written))


Story = Callable[[MemoryGateway], Coroutine[Any, Any, None]]


def in_memory(
    *, upstreams: int = 1, service: dict[str, Any] | None = None, **over: dict[str, Any]
) -> Callable[[Story], Callable[[], None]]:
    """Run the decorated coroutine as a test, with a gateway of `upstreams` upstreams behind the service `llm`.

    `service` are keys of that service, `over` sections of the configuration. Nothing may be left over in the end.
    """

    def decorate(story: Story) -> Callable[[], None]:
        async def run() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, MemoryLoop)
            gate = MemoryGateway(loop, over, upstreams, service or {})
            await gate.gateway.start()
            try:
                await story(gate)
            finally:
                await gate.gateway.close()
            await loop.quiet()
            assert not loop.mishaps, loop.mishaps
            assert not gate.busy, gate.busy

        def test() -> None:
            with asyncio.Runner(loop_factory=MemoryLoop) as runner:
                runner.run(run())

        test.__name__, test.__doc__, test.__module__ = story.__name__, story.__doc__, story.__module__
        return test

    return decorate
