"""What all client connections share: the options, the pipeline, the known heads, the cap, and the drain."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from gateway.errors import GatewayError
from gateway.exchange import Exchange, Request
from gateway.runtime import Runtime
from gateway.wire.downstream import Downstream
from gateway.wire.downstream_socket import DownstreamSocket
from gateway.wire.express import Express
from gateway.wire.framing import UNBOUNDED
from gateway.wire.grammar import OWN
from gateway.wire.headers import parse_request
from gateway.wire.peer import Network, Peer
from gateway.wire.socket_state import peer_has_left

# How soon a client that left is noticed on a connection that is not being read.
UNREAD_CHECK_SECONDS = 0.05

Stages = Coroutine[Any, Any, None]


class FrontOptions(Protocol):
    """Seconds, bytes and counts as in the configuration's `server` section."""

    @property
    def header_timeout(self) -> float: ...
    @property
    def body_timeout(self) -> float: ...
    @property
    def keepalive_timeout(self) -> float: ...
    @property
    def max_connections(self) -> int: ...
    @property
    def max_body_size(self) -> int: ...
    @property
    def trusted_proxies(self) -> Sequence[Network]: ...


class Front:
    """Makes client connections; `handle` and `reject` are the pipeline's two ways in.

    `operators` makes the protocol that answers the operators' paths (`/health` and the like) on this port.
    """

    def __init__(
        self,
        options: FrontOptions,
        runtime: Runtime,
        handle: Callable[[Exchange], Stages],
        reject: Callable[[Exchange, GatewayError], Stages],
        operators: Callable[[], asyncio.Protocol],
        operators_paths: frozenset[bytes],
    ) -> None:
        self.runtime = runtime
        self.handle = handle
        self.reject = reject
        self.header_timeout = options.header_timeout
        self.body_timeout = options.body_timeout
        self.keepalive_timeout = options.keepalive_timeout
        self.trusted = options.trusted_proxies
        self.max_body_size = options.max_body_size or UNBOUNDED
        self.draining = False
        self._max_connections = options.max_connections
        self._operators = operators
        self._operators_paths = operators_paths
        self._connections: set[Downstream] = set()
        self._unread: set[DownstreamSocket] = set()
        self._emptied: asyncio.Future[None] | None = None
        self._heads = Express(parse_request, OWN, Request.named)
        self._trusted_heads = Express(lambda head: parse_request(head, trusted=True), OWN, Request.named)

    def __call__(self) -> Downstream:
        return Downstream(self)

    def heads(self, peer: Peer) -> Express[Request]:
        """The heads known from peers of this kind."""
        return self._trusted_heads if peer.trusted else self._heads

    def admit(self, connection: Downstream) -> bool:
        """Count a new connection in; False beyond `max_connections`."""
        self._connections.add(connection)
        return len(self._connections) <= self._max_connections

    def forget(self, connection: Downstream) -> None:
        self._connections.discard(connection)
        self._unread.discard(connection)
        if self._emptied is not None and not self._connections and not self._emptied.done():
            self._emptied.set_result(None)

    async def empty(self) -> None:
        """Wait until there is no connection left."""
        self._emptied = asyncio.get_running_loop().create_future()
        if self._connections:
            await self._emptied

    def __len__(self) -> int:
        return len(self._connections)

    def is_operators(self, request: Request) -> bool:
        return request.target.partition(b"?")[0] in self._operators_paths

    def hand_over(self, connection: Downstream, data: bytes) -> None:
        """Let aiohttp's own server answer this request, and end the connection after it."""
        transport = connection.transport
        assert transport is not None
        connection.lost()
        connection.expires_at = float("inf")
        self.forget(connection)
        protocol = self._operators()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def malformed(self, connection: Downstream, peer: Peer) -> Exchange:
        """An exchange for what did not become a request, so that it is answered, counted and logged like all."""
        return Exchange(UNREADABLE, connection, peer.address, b"", 0)

    def new_request_id(self) -> bytes:
        return b"%032x" % self.runtime.rng.getrandbits(128)

    def watch_unread(self, connection: DownstreamSocket) -> None:
        """Notice the client leave although its connection is not being read."""
        if not self._unread:
            asyncio.get_running_loop().call_later(UNREAD_CHECK_SECONDS, self._check_unread)
        self._unread.add(connection)

    def _check_unread(self) -> None:
        for connection in list(self._unread):
            if not connection.unread or connection.transport is None:
                self._unread.discard(connection)
            elif peer_has_left(connection.transport):
                self._unread.discard(connection)
                connection.leave()
        if self._unread:
            asyncio.get_running_loop().call_later(UNREAD_CHECK_SECONDS, self._check_unread)

    def drain(self) -> None:
        """Close what is idle; what is busy closes after its reply."""
        self.draining = True
        for connection in list(self._connections):
            if connection.is_idle:
                connection.close()

    def abort(self) -> None:
        """Close everything now."""
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()


def _unreadable() -> Request:
    request = Request()
    request.method, request.target, request.service, request.rest = "other", b"", "", b""
    request.minor, request.host, request.fields, request.lines = 1, b"", (), ()
    request.authorization = request.request_id = request.traceparent = request.upgrade = None
    request.forwarded_for = request.proto = b""
    request.keep_alive = request.has_length = request.chunked = request.expect_continue = False
    request.length = 0
    return request


UNREADABLE = _unreadable()
