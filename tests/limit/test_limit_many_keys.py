"""More callers than anybody can remember: a key for every request, and nothing left of them (RL-32).

`KEYS_SECONDS=60 pytest -s tests/limit/test_limit_many_keys.py` is the long run, which prints its figures.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from redis_servers import RedisServer, running
from waiting import until

from bench.contenders import gateway_config
from bench.load import json_load
from bench.nginx import constant_upstream
from bench.process import Process, free_ports
from bench.stage import Stage
from bench.tools import missing

SECONDS = float(os.environ.get("KEYS_SECONDS", "2"))
LIMIT = {"bucket_size": 5, "refill_rate": 5, "key": "header:X-Key"}
LIVES = 3  # seconds that a key may live: as long as the bucket takes to fill, and what rounding up adds
KEYS = 1_000_000  # in turn, so that none comes twice within the lives of others
FLAT = 8 * 2**20  # what a warm process may still grow by
MIB = 2**20


def used(server: RedisServer) -> int:
    return int(server.client.info("memory")["used_memory"])


def expired(server: RedisServer) -> int:
    return int(server.client.info("stats")["expired_keys"])


def limiting(stage: Stage, server: RedisServer) -> tuple[Process, int]:
    """A gateway whose only limit is in `server`, before an upstream that answers at once, and its port."""
    [port] = free_ports(1)
    config: dict[str, Any] = gateway_config(port, constant_upstream(stage, 1))
    config |= {"redis": {"url": server.url, "timeout": "1s"}, "ratelimit": LIMIT}
    command = [
        sys.executable,
        "-m",
        "gateway",
        "serve",
        "--config",
        str(stage.file("gateway.yaml", json.dumps(config))),
    ]
    return stage.start("gateway", command, port), port


async def test_RL_32_a_new_key_for_every_request_costs_neither_the_gateway_nor_redis_memory(tmp_path: Path):
    if absent := missing(["nginx", "wrk"]):
        pytest.skip(absent)
    with running(tmp_path) as server, Stage.set() as stage:
        gateway, port = limiting(stage, server)
        empty = used(server)
        json_load(stage, port, connections=64, seconds=1.0, keys=KEYS)
        before, expired_before = gateway.memory(), expired(server)
        done = json_load(stage, port, connections=64, seconds=SECONDS, keys=KEYS)["requests"]
        grown, there = gateway.memory() - before, server.client.dbsize()
        print(
            f"\n{done / SECONDS:,.0f} new keys/s for {SECONDS:g} s: gateway {before / MIB:.1f} {grown / MIB:+.1f} MiB"
        )
        print(f"Redis {used(server) / MIB:.1f} MiB with {there:,} keys")
        assert grown < FLAT
        assert there < (LIVES + 1) * done / SECONDS
        await until(lambda: server.client.dbsize() <= 1, within=15)  # the replicas
        print(f"and {used(server) / MIB:.1f} MiB without, {empty / MIB:.1f} MiB before")
        assert expired(server) - expired_before >= done
        assert used(server) < empty + MIB
