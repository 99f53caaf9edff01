"""Connections to the Redis that may be written to: one server, the primary that Sentinels name, a node of a Cluster.

Every new connection asks anew where that is. Nothing here retries: whoever uses a connection decides what a failure
means.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

from redis.asyncio import Connection, RedisCluster, Sentinel, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004
    NoPermissionError,
    RedisClusterException,
    ResponseError,
)

from gateway.config.redis import Place
from gateway.limit.base import SPACE

CONNECT = 2.0
"""Seconds that the TCP connection, its TLS and each handshake reply may take."""

Open: TypeAlias = Callable[[], Awaitable[Connection]]


def opener(place: Place, tls_ca: str | None) -> Open:
    """What opens an authenticated connection to the primary of `place`; redis.RedisError or OSError when it cannot."""
    options = _options(place, tls_ca)
    find = {"single": _named, "sentinel": _ask_sentinels, "cluster": _ask_cluster}[place.kind]

    async def open_one() -> Connection:
        host, port = await find(place, options)
        kind = SSLConnection if place.tls else Connection
        connection = kind(host=host, port=port, db=place.database, protocol=2, **options)
        await connection.connect()  # type: ignore[no-untyped-call]
        return connection

    return open_one


def _options(place: Place, tls_ca: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "username": place.username,
        "password": place.password,
        "socket_connect_timeout": CONNECT,
        "socket_timeout": CONNECT,
        "retry": Retry(NoBackoff(), 0),
    }
    if place.tls and tls_ca is not None:
        options["ssl_ca_certs"] = tls_ca
    return options


async def _named(place: Place, options: dict[str, Any]) -> tuple[str, int]:
    return place.hosts[0]


async def _ask_sentinels(place: Place, options: dict[str, Any]) -> tuple[str, int]:
    # A Sentinel has credentials of its own, if any; those of the URL are for the servers.
    kwargs = {name: value for name, value in options.items() if name not in {"username", "password"}}
    sentinel = Sentinel(place.hosts, sentinel_kwargs={**kwargs, "ssl": place.tls})  # type: ignore[no-untyped-call]
    try:
        host, port = await sentinel.discover_master(place.primary)
    finally:
        for client in sentinel.sentinels:
            await client.aclose()
    return str(host), int(port)


async def _ask_cluster(place: Place, options: dict[str, Any]) -> tuple[str, int]:
    nodes = [ClusterNode(host, port) for host, port in place.hosts]
    cluster = RedisCluster(startup_nodes=nodes, ssl=place.tls, **options)
    try:
        await cluster.initialize()
        node = cluster.get_node_from_key(SPACE)  # all names have their slot from what is in its braces
    except RedisClusterException as error:
        raise ConnectionError(str(error)) from error
    finally:
        await cluster.aclose()
    if node is None:
        raise ClusterDownError("no node serves the limiter's slot")
    return node.host, int(node.port)


def remedy(error: BaseException) -> str | None:
    """What an operator has to do about `error`, when waiting will not help; None when it may."""
    if isinstance(error, AuthenticationError):
        return "a user and password that Redis accepts"
    if isinstance(error, NoPermissionError):
        return "a user that may run EVALSHA and EVAL and use the keys {ai-api-gateway}:*, see docs/rate-limits.md"
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return (
            "TLS on both sides or on none; with it, a certificate for this host from redis.tls_ca or a known authority"
        )
    if isinstance(error, ResponseError) and ("DB index" in str(error) or "unknown command" in str(error)):
        return "a database that exists, on a server that has EVALSHA"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
