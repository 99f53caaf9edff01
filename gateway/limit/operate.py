"""What operators ask of the shared store and mend in it, from a process of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

from redis.asyncio import Connection
from redis.exceptions import RedisError

from gateway.config.ratelimit import Limit
from gateway.config.redis import parse_redis_url
from gateway.config.tree import Config
from gateway.limit.base import SPACE, Rule
from gateway.limit.batch import Batch
from gateway.limit.chosen import Variants
from gateway.limit.key import spelled
from gateway.limit.leases import Leases
from gateway.limit.redis import told
from gateway.limit.registry import rule_of
from gateway.limit.script import source
from gateway.limit.servers import opener

SCANNED = 1000  # keys in one step
SECOND = 1_000_000

Action: TypeAlias = Callable[[Connection, list[tuple[Rule, str]], str], Awaitable[list[str]]]


class Unanswerable(Exception):
    """The question cannot be answered; the text says why, and what to do."""


async def show(connection: Connection, known: list[tuple[Rule, str]], pattern: str) -> list[str]:
    """A line for each rule that counts the key, and for each other state of it."""
    batch = Batch(0.0)
    for rule, key in known:
        batch.look(rule, key)
    keys, words = batch.arguments(Leases())
    views = batch.views(await _call(connection, "EVAL", source(), len(keys), *keys, words, "operator"))
    lines = []
    for rule, key in known:
        remaining, _, reset_us = rule.algorithm.numbers(views[rule.scope + key])
        lines.append(f"{rule.name}: {key}: {remaining} of {rule.algorithm.size} left{_when(rule, reset_us)}")
    names = {rule.scope + key for rule, key in known}
    for name in await _scan(connection, pattern):
        if name not in names:
            ttl = await _call(connection, "PTTL", name)
            lines.append(f"{name}: other numbers, of a claim or an earlier configuration; gone in {ttl / 1000:.0f} s")
    return lines


async def reset(connection: Connection, known: list[tuple[Rule, str]], pattern: str) -> list[str]:
    """Forget every state of the key: it is as if never seen."""
    lines = []
    for name in await _scan(connection, pattern):
        await _call(connection, "DEL", name)
        lines.append(f"{name}: forgotten")
    return lines or ["nothing is known of this key"]


ACTIONS: dict[str, Action] = {"show": show, "reset": reset}


async def operate(config: Config, action: str, text: str) -> list[str]:
    """The lines that `action` ("show" or "reset") has to say about the key `text`. Raises Unanswerable."""
    url = config.redis.url
    if url is None:
        raise Unanswerable("each gateway counts in its own memory, where nobody else can look; set redis.url to share")
    known = list(_known(config, text))
    if not known:
        kinds = ", ".join(sorted({limit.key for limit in _limits(config)}))
        raise Unanswerable(
            f"no rule counts {text!r}: rules count by {kinds}; write subject:NAME, address:IP, service:NAME, "
            "header:NAME=VALUE or claim:NAME=VALUE"
        )
    place = parse_redis_url(url.get_secret_value())
    pattern = f"{_literal(SPACE)}*:{_literal(known[0][1])}"
    try:
        async with asyncio.timeout(10):
            connection = await opener(place, config.redis.tls_ca)()
            try:
                return await ACTIONS[action](connection, known, pattern)
            finally:
                await connection.disconnect()
    except (RedisError, OSError) as error:
        raise Unanswerable(f"redis {place}: {told(error)}") from None


def _limits(config: Config) -> tuple[Limit, ...]:
    return config.ratelimit.rules or (config.ratelimit,)


def _known(config: Config, text: str) -> Iterator[tuple[Rule, str]]:
    for limit in _limits(config):
        choice = rule_of(limit)
        rule = choice.rule if isinstance(choice, Variants) else choice
        if (key := spelled(limit.key, text)) is not None:
            yield rule, key


def _when(rule: Rule, reset_us: int) -> str:
    if rule.algorithm.holds:
        return ", the others in flight"
    return f", all in {reset_us / SECOND:.1f} s" if reset_us else ""


async def _scan(connection: Connection, pattern: str) -> list[str]:
    found: set[str] = set()
    cursor = b"0"
    while True:
        cursor, names = await _call(connection, "SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
        found.update(name.decode("utf-8", "surrogateescape") for name in names)
        if int(cursor) == 0:
            return sorted(found)


async def _call(connection: Connection, *words: str | int | bytes) -> Any:
    await connection.send_command(*words)
    return await connection.read_response()


def _literal(text: str) -> str:
    """`text` within a pattern of Redis, standing for itself."""
    return "".join(f"\\{letter}" if letter in "*?[]^\\{}" else letter for letter in text)
