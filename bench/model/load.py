"""What clients do to a model: requests at times drawn beforehand, and what each of them saw."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import orjson

from bench.model.fleet import PREFIX
from bench.model.text import WORDS

GIVEN_UP = 30.0  # seconds after the last request was sent


@dataclass(frozen=True)
class Ask:
    """One request: when, what its prompt begins with, and how patient its client is.

    `prefix` and `own` are tokens, `output` those wanted. A client leaves after `leave_tokens` of them, or
    `leave_seconds` after it asked.
    """

    at: float
    group: int
    prefix: int
    own: int
    output: int
    streamed: bool = True
    leave_tokens: int | None = None
    leave_seconds: float | None = None

    @property
    def leaves(self) -> bool:
        return self.leave_tokens is not None or self.leave_seconds is not None


@dataclass
class Seen:
    """What came of it: `first` is the time to the first token in seconds, None when there was none."""

    ask: Ask
    first: float | None = None
    tokens: int = 0
    complete: bool = False
    fault: str = ""
    arrivals: list[float] = field(default_factory=list)


def plan(seconds: float, rate: float, groups: int, prefix: int, output: int, leaving: float, seed: int) -> list[Ask]:
    """Poisson arrivals over `seconds`; each prompt begins as those of its group, a share `leaving` leaves midway."""
    rng = random.Random(seed)
    asks, at = [], rng.expovariate(rate)
    while at < seconds:
        leave = rng.randrange(1, output // 2) if rng.random() < leaving else None
        own, wanted = rng.randint(16, 160), rng.randint(output // 2, output * 3 // 2)
        asks.append(Ask(at, rng.randrange(groups), prefix, own, wanted, leave_tokens=leave))
        at += rng.expovariate(rate)
    return asks


async def play(base: str, asks: Sequence[Ask], progress: Callable[[float], None]) -> list[Seen]:
    """Send each of `asks` at its time, whether or not earlier ones were answered; `progress` gets the seconds."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    seen = [Seen(ask) for ask in asks]
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        began = time.monotonic()
        tasks = []
        for number, each in enumerate(seen):
            while (wait := began + each.ask.at - time.monotonic()) > 0:
                progress(time.monotonic() - began)
                await asyncio.sleep(min(wait, 0.1))
            tasks.append(asyncio.create_task(_one(session, base, each, number, began + each.ask.at)))
        _, late = await asyncio.wait(tasks, timeout=GIVEN_UP) if tasks else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return seen


async def _one(session: aiohttp.ClientSession, base: str, seen: Seen, number: int, due: float) -> None:
    """Ask, and read until the end or until the client has had enough; times count from when it was due."""
    ask = seen.ask
    try:
        async with asyncio.timeout(ask.leave_seconds):
            headers = {PREFIX: f"group-{ask.group}", "Content-Type": "application/json"}
            async with session.post(f"{base}/chat/completions", data=body(ask, number), headers=headers) as response:
                if response.status != 200:
                    seen.fault = f"status {response.status}"
                elif ask.streamed:
                    await _read(response, seen, due)
                else:
                    seen.tokens = orjson.loads(await response.read())["usage"]["completion_tokens"]
                    seen.complete = True
    except TimeoutError:
        return
    except (aiohttp.ClientError, ValueError) as error:
        seen.fault = type(error).__name__


async def _read(response: aiohttp.ClientResponse, seen: Seen, due: float) -> None:
    async for line in response.content:
        if line.startswith(b"data: [DONE]"):
            seen.complete = True
        elif line.startswith(b"data: "):
            now = time.monotonic()
            if not orjson.loads(line[6:])["choices"]:
                continue
            seen.first = now - due if seen.first is None else seen.first
            seen.tokens += 1
            seen.arrivals.append(now - due)
            if seen.tokens == seen.ask.leave_tokens:
                response.close()
                return


def body(ask: Ask, number: int) -> bytes:
    """The request in JSON: what the group shares, and after it what nobody shares."""
    shared = words(random.Random(ask.group), ask.prefix)
    own = f"{number:08x}" + words(random.Random(-1 - number), ask.own - 2)
    messages = [{"role": "system", "content": shared}, {"role": "user", "content": own}]
    asked = {"model": "demo", "messages": messages, "max_tokens": ask.output, "stream": ask.streamed}
    return orjson.dumps({**asked, "stream_options": {"include_usage": True}} if ask.streamed else asked)


def words(rng: random.Random, tokens: int) -> str:
    """Text of `tokens` tokens."""
    return "".join(f"{word} " for word in rng.choices(WORDS, k=max(tokens, 0)))
