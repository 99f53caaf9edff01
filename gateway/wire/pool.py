"""The connections to one upstream: the idle ones are reused, last in first out, and never for longer than is safe."""

import asyncio
import ssl
from collections.abc import Callable
from math import inf
from typing import Protocol

from gateway.errors import NoUpstream, UpstreamError, UpstreamTimeout, lacks_descriptors
from gateway.runtime import Runtime
from gateway.wire.express import Express
from gateway.wire.reply_head import ReplyHead
from gateway.wire.socket_state import keep_alive, silent_for
from gateway.wire.upstream import UpstreamConnection
from gateway.wire.upstream_socket import UpstreamSocket

# A sign of life is asked for so many times later than it should be, as the kernel's timers are, and takes so many
# seconds, at most.
LATE, ANSWER_SECONDS = 1.125, 1.0


class Address(Protocol):
    """Where to connect."""

    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def server_name(self) -> str: ...


class Timeouts(Protocol):
    """Seconds; 0 = none."""

    @property
    def connect(self) -> float: ...
    @property
    def first_byte(self) -> float: ...
    @property
    def idle(self) -> float: ...
    @property
    def total(self) -> float: ...


class Pool:
    """At most `limit` connections to `upstream`; over TLS when `tls` is given (verified, with SNI).

    An idle one is kept for `keepalive` seconds, or a second less than the upstream says that it keeps it. On new ones
    the upstream's machine is asked for a sign of life after `tcp_keepalive` seconds of silence; 0 = never.
    """

    __slots__ = (
        *("_closed", "_connecting", "_heads", "_idle", "_keepalive", "_limit", "_open", "_runtime", "_tls"),
        *("clock", "tcp_keepalive", "timeouts", "upstream"),
    )

    def __init__(
        self,
        upstream: Address,
        runtime: Runtime,
        heads: Express[ReplyHead],
        timeouts: Timeouts,
        *,
        limit: int,
        keepalive: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.upstream = upstream
        self.timeouts = timeouts
        self.tcp_keepalive = 0
        self.clock: Callable[[], float] = runtime.clock
        self._runtime = runtime
        self._heads = heads
        self._limit = limit
        self._keepalive = keepalive
        self._tls = tls
        self._idle: dict[UpstreamConnection, None] = {}  # in the order in which they came back
        self._open: set[UpstreamConnection] = set()
        self._connecting = 0
        self._closed = False

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def active(self) -> int:
        return len(self._open) - len(self._idle)

    def __repr__(self) -> str:
        return f"<Pool {self.upstream.name} active={self.active} idle={self.idle} limit={self._limit}>"

    def shows_life(self) -> bool:
        """Whether the upstream's machine gave its last sign of life in time, on the idle connection that came last."""
        newest = next(reversed(self._idle), None)
        if not self.tcp_keepalive or newest is None or newest.transport is None:
            return False
        return silent_for(newest.transport) <= self.tcp_keepalive * LATE + ANSWER_SECONDS

    def take(self) -> UpstreamConnection | None:
        """An idle connection, or None."""
        while self._idle:
            connection, _ = self._idle.popitem()
            transport = connection.transport
            if transport is not None and connection.expires_at > self.clock() and not transport.is_closing():
                return connection
            connection.abort()
        return None

    async def open(self) -> UpstreamConnection:
        """A new connection. Raises UpstreamError, UpstreamTimeout (both unsent), NoUpstream at the limit."""
        if len(self._open) + self._connecting >= self._limit:
            if not self._idle:
                raise NoUpstream("max_connections")
            next(iter(self._idle)).abort()
        self._connecting += 1
        task = self._runtime.spawn(self._connect(), f"connect to {self.upstream.name}")
        try:
            return await task
        except BaseException:
            # Whoever waited has gone; the connection may still serve the next one.
            task.add_done_callback(self._keep)
            raise

    async def _connect(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        host, port = self.upstream.host, self.upstream.port
        name = self.upstream.server_name if self._tls else None
        try:
            async with asyncio.timeout(self.timeouts.connect or None):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self, self._heads, self._runtime),
                    host,
                    port,
                    ssl=self._tls,
                    server_hostname=name,
                )
        except TimeoutError:
            raise UpstreamTimeout("connect", unsent=True) from None
        except OSError as error:
            if lacks_descriptors(error):
                raise NoUpstream("out of descriptors") from error
            raise UpstreamError(f"connect: {type(error).__name__}", unsent=True) from error
        finally:
            self._connecting -= 1
        if not connection.is_open:
            connection.abort()
            raise UpstreamError("connect: closed at once", unsent=True)
        if self.tcp_keepalive and connection.transport is not None:
            keep_alive(connection.transport, self.tcp_keepalive)
        self._open.add(connection)
        return connection

    def _keep(self, task: "asyncio.Task[UpstreamConnection]") -> None:
        if not task.cancelled() and task.exception() is None:
            self.put(task.result(), inf)

    def put(self, connection: UpstreamConnection, keep_alive_timeout: float) -> None:
        """Take back a connection whose exchange is over; the upstream said it keeps it for `keep_alive_timeout` s."""
        seconds, safe = self._keepalive, keep_alive_timeout - 1
        seconds = seconds if seconds < safe else safe  # min() takes 0.1 us more, by timeit
        if self._closed or seconds <= 0:
            connection.abort()
            return
        connection.reused = True
        connection.expires_at = due = self.clock() + seconds
        if due < connection.watched_until:
            self._runtime.deadlines.watch(connection, due)
        self._idle[connection] = None

    def lost(self, connection: UpstreamSocket) -> None:
        """The connection is gone."""
        self._open.discard(connection)
        connection.expires_at = inf
        if isinstance(connection, UpstreamConnection):
            self._idle.pop(connection, None)

    def close(self) -> None:
        """Close what is idle now, and what is busy once its exchange is over; nothing is kept any more."""
        self._closed = True
        for connection in list(self._idle):
            connection.abort()
