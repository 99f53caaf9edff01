"""The listening sockets: they rest while descriptors are short, and new connections wait in the kernel's queue.

Without that, the event loop accepts what it cannot serve and drops it without a word.
"""

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable

from gateway.runtime import Runtime
from gateway.wire.tls import Tls, TlsServer

log = logging.getLogger(__name__)

# Every fourth descriptor is kept for the upstreams' side.
RESERVED = 4
LOOK_SECONDS = 0.1
LOG_SECONDS = 10.0


def allowed() -> int:
    """How many descriptors this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Listener:
    """Accepts connections while fewer than three quarters of the `limit` of descriptors are in use.

    `connected` makes the protocol of each connection; up to `backlog` of them wait in the kernel's queue.
    """

    def __init__(
        self,
        connected: Callable[[], asyncio.Protocol],
        runtime: Runtime,
        *,
        backlog: int,
        tls: Tls | None = None,
        limit: Callable[[], int] = allowed,
    ) -> None:
        self._connected = connected
        self._runtime = runtime
        self._limit = limit
        self._backlog = backlog
        self._tls = tls
        self._servers: list[asyncio.Server | TlsServer] = []
        self._resting: list[socket.socket] = []
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._said_at = float("-inf")

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        loop, plain = asyncio.get_running_loop(), self._tls is None
        server = await loop.create_server(self._accept, host, port, backlog=self._backlog, start_serving=plain)
        self._servers = [server]
        if not plain:  # it has bound the addresses, which is all that is wanted of it
            self._stop()
            await self._go_on()

    @property
    def port(self) -> int:
        return int(self._servers[0].sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listen no more; what was accepted goes on. May be called again."""
        for server in self._servers:
            server.close()
        for listening in self._resting:
            listening.close()
        self._servers, self._resting = [], []
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def _accept(self) -> asyncio.Protocol:
        # measured: 0.6 us a connection
        if self._short() and not self._resting:
            # uvloop accepts one connection a turn, so the rest begins before the next one.
            asyncio.get_running_loop().call_soon(self._rest)
        return self._connected()

    def _short(self) -> bool:
        """The kernel gives the lowest number that is free."""
        try:
            lowest = os.dup(self._spare)
        except OSError:
            return True
        os.close(lowest)
        limit = self._limit()
        return lowest >= limit - limit // RESERVED

    def _rest(self) -> None:
        if self._resting or not self._servers:
            return
        self._stop()
        now = self._runtime.clock()
        if now - self._said_at >= LOG_SECONDS:
            self._said_at = now
            log.warning("descriptors run short (ulimit -n %d): new connections have to wait", self._limit())
        self._look_later()

    def _stop(self) -> None:
        for server in self._servers:
            self._resting += [socket.socket(fileno=os.dup(one.fileno())) for one in server.sockets]
            server.close()
        self._servers = []

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if not self._resting:
            return
        if self._short():
            self._look_later()
        else:
            self._runtime.spawn(self._go_on(), "listen again")

    async def _go_on(self) -> None:
        while self._resting:
            self._servers.append(await self._serve(self._resting.pop(0)))
            if self._spare < 0:
                self.close()

    async def _serve(self, bound: socket.socket) -> asyncio.Server | TlsServer:
        if self._tls is not None:
            return TlsServer(self._accept, self._tls, self._runtime, bound, self._backlog)
        return await asyncio.get_running_loop().create_server(self._accept, sock=bound, backlog=self._backlog)
