"""Plays rows in memory, byte by byte or cut at random points: no socket decides what arrives together."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable

from fakes import MemoryLoop, MemoryTransport
from harness import configuration, left_over, running
from scripted import Conversation, Script
from table import PROBE, Outcome, Row, Until, normal

AUTHORITY = "up.test:8000"

Cut = Callable[[bytes], Iterable[bytes]]


def whole(data: bytes) -> Iterable[bytes]:
    return (data,) if data else ()


def byte_by_byte(data: bytes) -> Iterable[bytes]:
    return (data[place : place + 1] for place in range(len(data)))


def at_random(rng: random.Random) -> Cut:
    """Up to six pieces."""

    def cut(data: bytes) -> Iterable[bytes]:
        places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(1, 5)))
        pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
        return [piece for piece in pieces if piece]

    return cut


class MemoryUpstream:
    """One connection of the scripted upstream: its bytes wait until the player lets them arrive."""

    def __init__(self, script: Script, cut: Cut, transport: MemoryTransport) -> None:
        self._conversation = Conversation(script, self)
        self._cut = cut
        self._transport = transport
        self._taken = 0
        self._ends = deque[str]()
        self.pieces: deque[bytes | None] = deque()  # None: the end that `_ends` says

    def play(self, data: bytes, then: str) -> None:
        self.pieces.extend(self._cut(data))
        self.pieces.append(None)
        self._ends.append(then)

    def look(self) -> None:
        """Take what the gateway has written since."""
        data = bytes(self._transport.written[self._taken :])
        self._taken += len(data)
        self._conversation.received(data)

    def step(self) -> None:
        """The next piece arrives."""
        piece = self.pieces.popleft()
        if piece is not None:
            self._transport.feed(piece)
            return
        match self._ends.popleft():
            case "close":
                self._transport.feed_eof()
            case "reset":
                self._transport.reset()


class MemoryPlayer:
    """Plays one row in a `MemoryLoop`; `rng` draws whose next piece arrives."""

    def __init__(self, row: Row, cut: Cut, rng: random.Random) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MemoryLoop)
        self._loop = loop
        self._row = row
        self._rng = rng
        self._script = Script(row.upstream)
        self._upstreams: list[MemoryUpstream] = []
        loop.upstreams[AUTHORITY] = lambda transport: self._upstreams.append(
            MemoryUpstream(self._script, cut, transport)
        )
        self._pieces: deque[bytes | Until] = deque()
        for step in row.steps:
            self._pieces.extend((step,) if isinstance(step, Until) else cut(step))

    async def play(self) -> Outcome:
        async with running(configuration(AUTHORITY, self._row.config)) as gateway:
            self._client = client = self._loop.connect()
            while actions := self._actions():
                self._rng.choice(actions)()
                await self._settle()
            if self._row.stays_open:
                client.feed(PROBE)
                await self._settle()
            received, end = bytes(client.written), client.ended
            client.feed_eof()  # it has seen the end, or has had enough
            await self._settle()
            mishaps = [*self._loop.mishaps, *self._script.violations, *left_over(gateway)]
        return Outcome(received, end, [data.replace(AUTHORITY.encode(), b"UP") for data in self._script.seen], mishaps)

    def _actions(self) -> list[Callable[[], None]]:
        actions = [upstream.step for upstream in self._upstreams if upstream.pieces]
        if self._pieces and not self._waits(self._pieces[0]):
            actions.append(self._client_step)
        return actions

    def _waits(self, piece: bytes | Until) -> bool:
        if not isinstance(piece, Until):
            return False
        return piece.data not in normal(bytes(self._client.written)) or any(up.pieces for up in self._upstreams)

    def _client_step(self) -> None:
        piece = self._pieces.popleft()
        if not isinstance(piece, Until):
            self._client.feed(piece)

    async def _settle(self) -> None:
        await self._loop.quiet()
        for upstream in self._upstreams:
            upstream.look()


def play_in_memory(row: Row, cut: Cut, rng: random.Random) -> Outcome:
    """The row, cut into pieces by `cut`."""

    async def play() -> Outcome:
        return await MemoryPlayer(row, cut, rng).play()

    with asyncio.Runner(loop_factory=MemoryLoop) as runner:
        return runner.run(play())
