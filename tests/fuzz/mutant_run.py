"""Mutants against the gateway as a process: whatever it passes on is what the bytes mean, and nothing else.

The reference is `meant`: a strict reading of RFC 9110 and 9112 that shares no code with the gateway.
"""

import asyncio
import re
import string
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import meant
import strict
from ground import Answering, Ground
from mutations import mutants
from play import FOLLOW, SMUGGLED, Client, connect
from seeds import REPLIES, REQUESTS
from table import Turn

WORKERS = 12
LOOK_EVERY = 250
PATIENCE = 3.0
GROWTH = 16  # MiB: each service counts statuses that it has not had before, and heads are remembered, within bounds
TIMEOUTS = {"connect": 2, "first_byte": 1.0, "idle": 0.5}
LETTERS = string.ascii_lowercase
# One letter changed is no other service: the third is a check.
NAMES = [a + b + LETTERS[(3 * x + 5 * y) % 26] for x, a in enumerate(LETTERS) for y, b in enumerate(LETTERS)]
ASKED = (
    b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\r\n",
    b"HEAD /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\r\n",
    b"GET /v1/svc/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /v1/svc/x HTTP/1.1\r\nHost: gw\r\nContent-Length: 2\r\n\r\nhi",
)
THEN = ("close", "close", "keep", "reset")


@dataclass
class Tally:
    """How the mutants fared; `complaints` show each that the gateway misread, with its number."""

    outcomes: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    smuggled: int = 0


@dataclass
class Seen:
    """One mutant: its number, service, and what came of it."""

    number: int
    data: bytes
    client: Client
    script: Answering

    def requests(self) -> list[strict.StrictRequest]:
        found = []
        for raw in self.script.seen:
            try:
                request = strict.read_request(raw)
            except strict.Violation:
                continue
            if request is not None:
                found.append(request)
        return found


async def request_mutant(ground: Ground, number: int, name: str, data: bytes, tally: Tally) -> None:
    data = data.replace(b"/v1/svc", b"/v1/" + name.encode())
    script = ground.scripts[name] = Answering(())
    reading = meant.requests(data)
    methods = [one.method for one in reading.messages]
    client = await connect(ground.gateway.port)
    client.transport.write(data)
    deadline = time.monotonic() + PATIENCE
    while not client.end and time.monotonic() < deadline:
        replies, _, _ = meant.replies(client.received, methods, closed=False)
        if len(replies) >= len(methods) and reading.state != "malformed":
            break
        await client.change(deadline - time.monotonic())
    silent = not client.end and time.monotonic() >= deadline
    await ground.answers()  # by then, what the gateway went on to do has reached the upstream
    client.transport.abort()
    seen = Seen(number, data, client, script)
    tally.complaints += [f"{number} {data!r}: {what}" for what in _request_complaints(seen, reading, name, silent)]
    arrived = seen.requests()
    tally.smuggled += sum(SMUGGLED in one.target for one in arrived[len(reading.messages) :])
    tally.outcomes["passed on" if arrived else "refused" if client.end else "waits"] += 1
    ground.forget(name)


def _request_complaints(seen: Seen, reading: meant.Reading, name: str, silent: bool) -> Iterator[str]:
    yield from (f"upstream was sent {one}" for one in seen.script.violations)
    arrived = seen.requests()
    ours = [one for one in reading.messages if re.match(rb"/v1/" + name.encode() + rb"(?:[/?]|\Z)", one.target)]
    if len(arrived) > len(ours):
        yield f"{len(arrived)} requests passed on, {len(ours)} meant"
    for one, sent in zip(arrived, ours, strict=False):
        if (one.method.encode(), one.target, one.body) != (sent.method, sent.target[3:], sent.body):
            yield f"meant {sent.method!r} {sent.target!r} {sent.body!r}, arrived {one.raw!r}"
    if silent:
        yield f"neither answered nor ended: {reading.state}, {seen.client.received[:200]!r}"


async def reply_mutant(ground: Ground, number: int, name: str, data: bytes, tally: Tally) -> None:
    asked, then = ASKED[number % len(ASKED)], THEN[number // len(ASKED) % len(THEN)]
    asked = asked.replace(b"svc", name.encode())
    script = ground.scripts[name] = Answering((Turn(b"", data, then),))
    method = asked.partition(b" ")[0]
    client = await connect(ground.gateway.port)
    client.transport.write(asked)
    first = await _reply(client, [method])
    follow = bool(first) and not client.end
    if follow:
        client.transport.write(FOLLOW.replace(b"svc", name.encode()))
        await _reply(client, [method, b"GET"])
    client.transport.abort()
    got, _, rest = meant.replies(client.received, [method, b"GET"], closed=client.end == "fin")
    wanted, _, _ = meant.replies(data, [method], closed=then == "close")
    what = _reply_complaint(got, rest, wanted, follow=follow, ended=bool(client.end))
    if what:
        tally.complaints.append(f"{number} {asked[:4]!r} {then} {data!r}: {what}; received {client.received!r}")
    own = bool(got) and _is_own(got[0])
    tally.outcomes["502 or 504" if own else "delivered" if got else "cut short"] += 1
    tally.complaints += [f"{number} upstream was sent {one}" for one in script.violations]
    ground.forget(name)


async def _reply(client: Client, methods: list[bytes]) -> list[meant.Reply]:
    deadline = time.monotonic() + PATIENCE
    while True:
        replies, _, _ = meant.replies(client.received, methods, closed=client.end == "fin")
        if len(replies) >= len(methods) or client.end or not await client.change(deadline - time.monotonic()):
            return replies if len(replies) >= len(methods) else []


def _is_own(reply: meant.Reply) -> bool:
    return reply.status in (502, 504) and b"x-request-id" in dict(reply.fields) and not reply.values(b"set-cookie")


def _reply_complaint(
    got: Sequence[meant.Reply], rest: bytes, wanted: Sequence[meant.Reply], *, follow: bool, ended: bool
) -> str:
    if not got:
        return "" if ended else "neither a reply nor an end"
    if not _is_own(got[0]) and (not wanted or (got[0].status, got[0].body) != (wanted[0].status, wanted[0].body)):
        return f"delivered {got[0]}, meant {wanted}"
    if not follow:
        return ""
    if len(got) < 2 or got[1].status != 200 or got[1].body != b"ok" or rest:
        return f"the next request on the connection got {got[1:]} and {rest!r}"
    return ""


Play = Callable[[Ground, int, str, bytes, Tally], Coroutine[Any, Any, None]]


async def run(play: Play, seeds: Sequence[bytes], times: int, seed: int, directory: Path) -> Tally:
    """`times` mutants, some of them at a time, with the standing oracle every now and then."""
    tally = Tally()
    numbered = enumerate(mutants(seeds, times, seed))
    async with Ground(directory, NAMES, timeouts=TIMEOUTS) as ground:
        names = asyncio.Queue[str]()
        for name in NAMES:
            names.put_nowait(name)

        async def work() -> None:
            for number, data in numbered:
                name = names.get_nowait()
                await play(ground, number, name, data, tally)
                names.put_nowait(name)
                if number % LOOK_EVERY == 0 and not await ground.answers():
                    tally.complaints.append(f"does not answer /health around mutant {number}")

        await asyncio.gather(*(work() for _ in range(WORKERS)))
        tally.complaints += await ground.alive(GROWTH)
    return tally


def run_requests(times: int, seed: int) -> Tally:
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(run(request_mutant, REQUESTS, times, seed, Path(directory)))


def run_replies(times: int, seed: int) -> Tally:
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(run(reply_mutant, REPLIES, times, seed, Path(directory)))
