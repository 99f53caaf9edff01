"""The ways to a Redis: one server with password, rights and TLS, Sentinels, a Cluster (RL-29, RL-30)."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from driving import all_of, ask, store_at
from limit_reference import rule
from redis_servers import RedisServer, free_port, major_version, running
from waiting import until, wait_until

from gateway.config.mistake import ConfigError
from gateway.config.redis import parse_redis_url
from gateway.config.tree import Config
from gateway.limit.base import SPACE
from gateway.limit.limits import Limits
from gateway.limit.redis import RedisStore
from gateway.limit.servers import opener
from gateway.runtime import Runtime

PASSWORD = "p@ss:w/rd"
QUOTED = "p%40ss%3Aw%2Frd"


def config(url: str, **options: str) -> Config:
    return Config.model_validate(
        {"redis": {"url": url, **options}, "services": {"llm": {"upstreams": [{"url": "http://127.0.0.1:1"}]}}}
    )


async def started(url: str, **options: str) -> str:
    """How `/ready` shows the store of a gateway that started with this configuration."""
    runtime = Runtime()
    limits = Limits(config(url, **options), runtime)
    try:
        await limits.start()
        [(good, line)] = limits.checks()
        assert good
        return line
    finally:
        limits.close()
        await runtime.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with a password, and a user who may only do what the limiter needs."""
    rights = "evalsha eval time mget set del zadd zrem zcount zcard zremrangebyscore pexpire"
    limiter = ["on", f">{PASSWORD}", f"~{SPACE}*", "-@all", *(f"+{right}" for right in rights.split())]
    with running(tmp_path_factory.mktemp("guarded"), ["--requirepass", PASSWORD], password=PASSWORD) as server:
        server.client.execute_command("ACL", "SETUSER", "limiter", *limiter)
        server.client.execute_command("ACL", "SETUSER", "reader", "on", f">{PASSWORD}", "~*", "-@all", "+get")
        yield server


async def test_RL_29_the_password_of_the_url_is_used(guarded: RedisServer):
    line = await started(f"redis://:{QUOTED}@127.0.0.1:{guarded.port}/0")
    assert line == f"limiter store: redis 127.0.0.1:{guarded.port} up"


async def test_RL_29_a_user_needs_no_more_rights_than_documented(guarded: RedisServer):
    assert (await started(f"redis://limiter:{QUOTED}@127.0.0.1:{guarded.port}")).endswith(" up")
    async with store_at(f"redis://limiter:{QUOTED}@127.0.0.1:{guarded.port}") as store:
        assert (await ask(store, rule(5, 1))).remaining == 4


@pytest.mark.parametrize(
    ("user", "remedy"),
    [
        ("", "a user and password that Redis accepts"),
        (":wrong-secret@", "a user and password that Redis accepts"),
        (f"nobody:{QUOTED}@", "a user and password that Redis accepts"),
        (f"reader:{QUOTED}@", "a user that may run EVALSHA and EVAL"),
    ],
)
async def test_RL_29_what_waiting_does_not_help_against_is_an_error_at_start(guarded: RedisServer, user, remedy):
    with pytest.raises(ConfigError) as refused:
        await started(f"redis://{user}127.0.0.1:{guarded.port}/0")
    [mistake] = refused.value.mistakes
    assert mistake.key == "redis.url"
    assert mistake.shown.startswith(f"127.0.0.1:{guarded.port}, which said ")
    assert mistake.remedy.startswith(remedy)
    assert "secret" not in str(mistake)
    assert PASSWORD not in str(mistake)
    assert QUOTED not in str(mistake)


async def test_RL_29_a_database_that_does_not_exist_is_an_error_at_start(redis_server: RedisServer):
    with pytest.raises(ConfigError, match=r"DB index is out of range.*: a database that exists"):
        await started(f"redis://127.0.0.1:{redis_server.port}/999")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, Path]]:
    """A server with TLS for localhost, and the folder with the authority's certificate."""
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, host in (("cert", "localhost"), ("other", "elsewhere.example")):
        issued = authority.issue_cert(host)
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    options = ["--tls-port", str(free_port()), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(folder / "ca.pem")]
    options += ["--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "cert.key")]
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running(folder, options))
        except AssertionError as error:
            if "tls-port" not in str(error):
                raise
            pytest.skip("this redis-server was built without TLS")
        yield server, folder


def tls_port(server: RedisServer) -> str:
    return server.client.config_get("tls-port")["tls-port"]


@pytest.mark.parametrize(("host", "ca"), [("127.0.0.1", "ca.pem"), ("localhost", "")], ids=["name", "authority"])
async def test_RL_29_tls_is_verified(secured: tuple[RedisServer, Path], host: str, ca: str):
    server, folder = secured
    url = f"rediss://localhost:{tls_port(server)}/0"
    assert (await started(url, tls_ca=str(folder / "ca.pem"))).endswith(" up")
    options = {"tls_ca": str(folder / ca)} if ca else {}
    with pytest.raises(ConfigError, match=r"a certificate for this host from redis\.tls_ca"):
        await started(url.replace("localhost", host), **options)


async def test_RL_29_an_expired_certificate_is_an_error_at_start(secured: tuple[RedisServer, Path]):
    from datetime import UTC, datetime, timedelta

    server, folder = secured
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca2.pem")
    issued = authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1))
    issued.cert_chain_pems[0].write_to_path(folder / "expired.pem")
    issued.private_key_pem.write_to_path(folder / "expired.key")
    server.client.config_set("tls-cert-file", str(folder / "expired.pem"), "tls-key-file", str(folder / "expired.key"))
    with pytest.raises(ConfigError, match="certificate"):
        await started(f"rediss://localhost:{tls_port(server)}/0", tls_ca=str(folder / "ca2.pem"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Three nodes that share the slots."""
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"]
    with ExitStack() as stack:
        nodes = []
        for number in range(3):
            folder = tmp_path_factory.mktemp(f"node-{number}")
            nodes.append(stack.enter_context(running(folder, options)))
        first, last = 0, 0
        for number, node in enumerate(nodes):
            first, last = last, (16384 * (number + 1)) // 3
            node.client.execute_command(
                "CLUSTER", "ADDSLOTSRANGE" if major_version() >= 7 else "ADDSLOTS", *slots(first, last)
            )
            if number:
                node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        wait_until(lambda: all(map(formed, nodes)), 15, lambda: "the cluster did not form")
        yield nodes


def formed(node: RedisServer) -> bool:
    state = node.client.execute_command("CLUSTER INFO")
    return state["cluster_known_nodes"] == "3" and state["cluster_state"] == "ok"


def slots(first: int, last: int) -> list[int]:
    return [first, last - 1] if major_version() >= 7 else list(range(first, last))


def owner(nodes: list[RedisServer]) -> RedisServer:
    """Who has the limiter's slot."""
    slot = nodes[0].client.execute_command("CLUSTER", "KEYSLOT", SPACE)
    return nodes[slot * 3 // 16384]


def cluster_url(nodes: list[RedisServer]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


async def test_RL_30_in_a_cluster_all_keys_of_a_script_are_on_one_node_whichever_is_asked_first(cluster):
    mine = owner(cluster)
    for node in cluster:
        async with store_at(cluster_url([node])) as store:
            wide, narrow = rule(50, 1, name="wide"), rule(5, 1, name="narrow")
            verdicts = await all_of(*(ask(store, each, key) for each in (wide, narrow) for key in "abc"))
            assert all(verdict.allowed for verdict in verdicts)
    assert mine.client.dbsize() == 7  # six states and the replicas
    assert sum(node.client.dbsize() for node in cluster) == 7
    assert (await started(cluster_url(cluster))).endswith(" up")


async def test_RL_30_a_slot_that_moved_is_followed(cluster):
    limit = rule(1000, "0.001", name="moving")
    slot = cluster[0].client.execute_command("CLUSTER", "KEYSLOT", SPACE)
    source = owner(cluster)
    target = next(node for node in cluster if node is not source)
    async with store_at(cluster_url(cluster), timeout=0.2) as store:
        await ask(store, limit)
        ids = {node.port: node.client.execute_command("CLUSTER", "MYID") for node in cluster}
        try:
            move(slot, source, target, ids)
            assert (await ask(store, limit)).allowed  # somehow
            await until(lambda: store.up, within=5)
            assert (await ask(store, limit)).remaining == 998
            assert target.client.exists(limit.scope + "a")
        finally:
            move(slot, target, source, ids)


def move(slot: int, source: RedisServer, target: RedisServer, ids: dict[int, str]) -> None:
    target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
    source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
    while keys := source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
        source.client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "KEYS", *keys)
    for node in (target, source):
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])


async def test_RL_30_without_any_node_it_decides_by_policy():
    async with store_at(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}") as store:
        assert not store.up
        assert (await ask(store, rule(5, 1))).allowed
        assert store.blind.counts["local"] == 1


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[RedisServer], list[RedisServer]]]:
    """A primary with a replica, and three Sentinels that watch them; (servers, sentinels)."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp(name) for name in ("primary", "replica", "s0", "s1", "s2")]
        primary = stack.enter_context(running(folders[0], ["--repl-diskless-sync-delay", "0"]))
        replica = stack.enter_context(running(folders[1], ["--replicaof", "127.0.0.1", str(primary.port)]))
        sentinels = []
        for folder in folders[2:]:
            (folder / "sentinel.conf").write_text(
                f"sentinel monitor limits 127.0.0.1 {primary.port} 2\n"
                "sentinel down-after-milliseconds limits 300\n"
                "sentinel failover-timeout limits 2000\n"
            )
            sentinels.append(stack.enter_context(running(folder, sentinel=folder / "sentinel.conf")))
        found = lambda: all(seen(sentinel, primary) for sentinel in sentinels)  # noqa: E731
        wait_until(found, 15, lambda: "the Sentinels did not find each other")
        yield [primary, replica], sentinels


def seen(sentinel: RedisServer, primary: RedisServer) -> bool:
    state = sentinel.client.sentinel_master("limits")
    return state["num-other-sentinels"] == 2 and state["num-slaves"] == 1 and state["port"] == primary.port


async def test_a_name_that_no_sentinel_knows_is_waited_for(watched):
    _, sentinels = watched
    runtime = Runtime()
    place = parse_redis_url(f"redis+sentinel://127.0.0.1:{sentinels[0].port}/unknown")
    store = RedisStore(opener(place, None), runtime, timeout=0.2)
    try:
        assert "unknown" in str(await store.start())
        assert not store.up
    finally:
        store.close()
        await runtime.close()


async def test_RL_30_a_failover_of_sentinel_is_followed(watched):
    (primary, replica), sentinels = watched
    url = "redis+sentinel://" + ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels) + "/limits/0"
    limit = rule(1000, "0.001")
    async with store_at(url, timeout=0.2) as store:
        for left in range(999, 989, -1):
            assert (await ask(store, limit)).remaining == left
        await until(lambda: replica.client.exists(limit.scope + "a"))
        primary.stop()
        started_at = asyncio.get_running_loop().time()
        waits = []
        while not waits or not store.up:
            asked_at = asyncio.get_running_loop().time()
            assert (await ask(store, limit)).allowed
            waits.append(asyncio.get_running_loop().time() - asked_at)
            await asyncio.sleep(0.01)
            assert waits[-1] < 0.25
            assert asyncio.get_running_loop().time() - started_at < 15
        assert 985 < (await ask(store, limit)).remaining < 990  # what the replica had, and goes on from there
        assert replica.client.role()[0] == "master"
