"""What operators see and mend from a process of their own."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from driving import ask, store_at
from redis_servers import RedisServer, free_port

from gateway.config.tree import Config
from gateway.limit.limits import Limits
from gateway.limit.operate import Unanswerable, operate
from gateway.limit.registry import rule_of
from gateway.runtime import Runtime

RULES = [
    {"name": "burst", "bucket_size": 5, "refill_rate": "0.001"},
    {"name": "by claim", "bucket_size": 9, "refill_rate": "0.001", "key": "subject", "rate_from_claim": "rate"},
    {"name": "at once", "algorithm": "concurrency", "bucket_size": 3, "key": "subject"},
    {"name": "tenant", "bucket_size": 7, "refill_rate": "0.001", "key": "header:X-Tenant"},
    {"name": "team", "bucket_size": 8, "refill_rate": "0.001", "key": "claim:team"},
    {"name": "all", "bucket_size": 100, "refill_rate": "0.001", "key": "service"},
    {"name": "nets", "bucket_size": 6, "refill_rate": "0.001", "key": "address"},
]


def config(url: str | None) -> Config:
    services = {"llm": {"upstreams": [{"url": "http://127.0.0.1:1"}]}}
    return Config.model_validate({"redis": {"url": url}, "ratelimit": {"rules": RULES}, "services": services})


async def used(server: RedisServer, key: str, times: int, rules: int = len(RULES)) -> None:
    """The first `rules` have counted `key` so often."""
    async with store_at(server.url) as store:
        for limit in config(None).ratelimit.rules[:rules]:
            rule = getattr(rule_of(limit), "rule", None) or rule_of(limit)
            for _ in range(times):
                await ask(store, rule, key)


async def test_it_shows_what_each_rule_has_left_for_a_key(redis_server: RedisServer):
    await used(redis_server, "subject:alice", 2, rules=3)
    assert await operate(config(redis_server.url), "show", "subject:alice") == [
        "burst: subject:alice: 3 of 5 left, all in 2000.0 s",
        "by claim: subject:alice: 7 of 9 left, all in 2000.0 s",
        "at once: subject:alice: 1 of 3 left, the others in flight",
    ]
    assert await operate(config(redis_server.url), "show", "subject:bob") == [
        "burst: subject:bob: 5 of 5 left",
        "by claim: subject:bob: 9 of 9 left",
        "at once: subject:bob: 3 of 3 left, the others in flight",
    ]


async def test_showing_takes_and_writes_nothing(redis_server: RedisServer):
    for _ in range(3):
        assert (await operate(config(redis_server.url), "show", "address:192.0.2.1"))[1].endswith("6 of 6 left")
    assert redis_server.client.dbsize() == 0


@pytest.mark.parametrize(
    ("written", "rules"),
    [
        ("subject:alice", ["burst", "by claim", "at once"]),
        ("address:2001:db8::1", ["burst", "nets"]),
        ("service:llm", ["all"]),
        ("header:x-TENANT=acme", ["tenant"]),
        ("claim:team=red", ["team"]),
    ],
)
async def test_the_key_says_which_rules_are_meant(redis_server: RedisServer, written: str, rules: list[str]):
    lines = await operate(config(redis_server.url), "show", written)
    assert [line.partition(":")[0] for line in lines] == rules


async def test_resetting_makes_a_key_as_good_as_never_seen_and_leaves_the_others_alone(redis_server: RedisServer):
    await used(redis_server, "subject:a*", 1)
    await used(redis_server, "subject:ab", 1)
    other = "{ai-api-gateway}:1:burst:0123456789abcdef:subject:a*"
    redis_server.client.set(other, "1 2", px=60_000)
    assert f"{other}: other numbers, of a claim or an earlier configuration; gone in 60 s" in await operate(
        config(redis_server.url), "show", "subject:a*"
    )
    lines = await operate(config(redis_server.url), "reset", "subject:a*")
    assert len(lines) == len(RULES) + 1
    assert all(line.endswith(":subject:a*: forgotten") for line in lines)
    left = [key for key in redis_server.client.keys("*") if not key.endswith("replicas")]
    assert len(left) == len(RULES)
    assert all(key.endswith(":subject:ab") for key in left)
    assert await operate(config(redis_server.url), "reset", "subject:a*") == ["nothing is known of this key"]


async def test_a_refused_caller_passes_again_soon_after_a_reset(redis_server: RedisServer):
    rule = rule_of(config(None).ratelimit.rules[0])
    async with store_at(redis_server.url) as store:
        while (await ask(store, rule, "subject:alice")).allowed:
            pass
        await operate(config(redis_server.url), "reset", "subject:alice")
        async with asyncio.timeout(0.5):
            while not (await ask(store, rule, "subject:alice")).allowed:
                await asyncio.sleep(0.01)


async def test_what_cannot_be_answered_says_why_and_what_to_do(redis_server: RedisServer):
    with pytest.raises(Unanswerable, match=r"in its own memory.*set redis\.url"):
        await operate(config(None), "show", "subject:alice")
    with pytest.raises(
        Unanswerable, match="no rule counts 'alice': rules count by address, claim:team, client, header"
    ):
        await operate(config(redis_server.url), "show", "alice")
    port = free_port()
    with pytest.raises(Unanswerable, match=f"redis 127.0.0.1:{port}: ConnectionError"):
        await operate(config(f"redis://:secret@127.0.0.1:{port}"), "show", "subject:alice")


def test_the_command_prints_lines_and_fails_with_a_reason(redis_server: RedisServer, tmp_path: Path):
    file = tmp_path / "gateway.yaml"
    file.write_text("auth: {type: none}\nservices: {llm: {upstreams: [{url: 'http://127.0.0.1:1'}]}}\n")

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway", "limits", "--config", str(file), *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    done = run("show", "address:192.0.2.1", REDIS_URL=redis_server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "default: address:192.0.2.1: 100 of 100 left\n", "")
    done = run("reset", "address:192.0.2.1", REDIS_URL=redis_server.url)
    assert (done.returncode, done.stdout) == (0, "nothing is known of this key\n")
    done = run("show", "address:192.0.2.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("each gateway counts in its own memory")


async def test_a_gateway_and_an_operator_mean_the_same_state(redis_server: RedisServer):
    from driving import driven
    from limit_reference import exchange

    from gateway.exchange import Identity

    runtime = Runtime()
    limits = Limits(config(redis_server.url), runtime)
    await limits.start()
    call, alice = exchange(client="192.0.2.7"), Identity("alice", claims={"team": "red"})
    call.request.fields = [(b"x-tenant", b"acme")]
    await driven(limits.limiters["llm"].permit(call, alice))
    for written in ("subject:alice", "address:192.0.2.7", "service:llm", "header:X-Tenant=acme", "claim:team=red"):
        lines = await operate(config(redis_server.url), "show", written)
        counted = [line for line in lines if "of 5" not in line or written.startswith("subject")]
        assert all(int(line.rpartition(": ")[2].split()[0]) < int(line.split(" of ")[1].split()[0]) for line in counted)
    limits.close()
    await runtime.close()
