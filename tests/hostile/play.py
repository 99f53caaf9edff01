"""Plays one row of the corpus: its bytes go in as they are, and what comes out at both ends is read to the letter."""

import asyncio
import time
from typing import cast

import meant
import strict
from corpus.cases import Case, Observed, Waits
from ground import Answering, Ground
from scripted import Script

SMUGGLED = b"smuggled"
FOLLOW = b"GET /v1/svc/follow HTTP/1.1\r\nHost: gw\r\n\r\n"
WITHIN = 2.5
SILENCE = 0.4


class Client(asyncio.Protocol):
    """A connection to the gateway that records every byte, and how it ends."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.received = b""
        self.end = ""
        self.ended_at = 0.0
        self.changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.changed.set()

    def eof_received(self) -> bool:
        self._ended("fin")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended("reset" if exc else "fin")

    def _ended(self, how: str) -> None:
        if not self.end:
            self.end, self.ended_at = how, time.monotonic()
        self.changed.set()

    async def change(self, within: float) -> bool:
        """Wait for the next byte or the end."""
        self.changed.clear()
        try:
            async with asyncio.timeout(within):
                await self.changed.wait()
        except TimeoutError:
            return False
        return True


async def connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


async def play(ground: Ground, case: Case, *, followed: bool) -> Observed:
    """The row; `followed` sends a further request right behind it."""
    turns = case.turns
    name, script = ground.service(turns)
    pieces = [piece.replace(b"/v1/svc", b"/v1/" + name.encode()) for piece in case.sends]
    if followed:
        pieces[-1] += FOLLOW.replace(b"svc", name.encode())
    client = await connect(ground.gateway.port)
    started = time.monotonic()
    reading = meant.requests(b"".join(pieces))
    methods = [one.method for one in reading.messages] + [b"GET"] * 4
    for piece in pieces:
        client.transport.write(piece)
        if piece is not pieces[-1]:
            await client.change(SILENCE)
    await _over(client, methods, case, followed=followed)
    await ground.answers()  # by then, what the gateway went on to do has reached the upstream
    observed = _observe(client, methods, script, reading.messages, started)
    client.transport.abort()
    ground.forget(name)
    return observed


async def _over(client: Client, methods: list[bytes], case: Case, *, followed: bool) -> None:
    """Wait until what the row is for has happened."""
    if isinstance(case.wanted, Waits):
        await asyncio.sleep(SILENCE)
        return
    enough = [one.replies + followed for one in case.outcomes if one.lives]
    may_end = len(enough) < len(case.outcomes) and not case.turns
    deadline = time.monotonic() + WITHIN
    while not client.end and time.monotonic() < deadline:
        replies, _, _ = meant.replies(client.received, methods, closed=False)
        if enough and len(replies) >= max(enough) and not (may_end and replies[-1].status >= 400):
            return
        await client.change(deadline - time.monotonic())


def _observe(
    client: Client, methods: list[bytes], script: Answering, messages: list[meant.Meant], started: float
) -> Observed:
    replies, _, rest = meant.replies(client.received, methods, closed=client.end == "fin")
    requests, partial = _seen(script)
    observed = Observed(
        client.received, replies, rest, client.end, client.ended_at - started, requests, partial, messages
    )
    observed.reused = script.reused
    observed.mishaps += [f"upstream was sent {one}" for one in script.violations]
    observed.mishaps += [f"smuggled: {one.raw[:200]!r}" for one in requests if SMUGGLED in one.target]
    if SMUGGLED in partial.partition(b"\r\n")[0]:
        observed.mishaps.append(f"smuggled: {partial[:200]!r}")
    if b"x-smuggled" in client.received.lower():
        observed.mishaps.append(f"smuggled to the client: {client.received[:300]!r}")
    return observed


def _seen(script: Script) -> tuple[list[strict.StrictRequest], bytes]:
    whole, partial = [], b""
    for raw in script.seen:
        try:
            request = strict.read_request(raw)
        except strict.Violation:
            request = None
        if request is None:
            partial += raw
        else:
            whole.append(request)
    return whole, partial
