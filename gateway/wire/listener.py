"""The listening sockets: they rest while descriptors are short, and new connections wait in the kernel's queue.

Without that, the event loop accepts what it cannot serve and drops it without a word.
"""

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

from gateway.runtime import Runtime
from gateway.wire.tls import Tls

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
        self._options: dict[str, Any] = {"backlog": backlog, **(tls.options if tls else {})}
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._again: list[int] = []  # the listening sockets once more, as to rest must not take a free one
        self._resting = False
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._said_at = float("-inf")
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        server = await asyncio.get_running_loop().create_server(self._accept, host, port, **self._options)
        self._servers = [server]
        self._again = [os.dup(one.fileno()) for one in server.sockets]
        self.port = int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listen no more; what was accepted goes on. May be called again."""
        self._stop()
        for descriptor in {*self._again, self._spare} - {-1}:
            os.close(descriptor)
        self._again, self._spare = [], -1

    def _stop(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []

    def _accept(self) -> asyncio.BaseProtocol:
        # measured: 0.6 us a connection
        if self._short() and not self._resting:
            # uvloop accepts one connection a turn, so the rest begins before the next one.
            asyncio.get_running_loop().call_soon(self._rest)
        return self._connected() if self._tls is None else self._tls.around(self._connected())

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
        self._resting = True
        now = self._runtime.clock()
        if now - self._said_at >= LOG_SECONDS:
            self._said_at = now
            log.warning("descriptors run short (ulimit -n %d): new connections have to wait", self._limit())
        self._look_later()

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self._spare < 0:
            return
        if self._short():
            self._look_later()
        else:
            self._runtime.spawn(self._go_on(), "listen again")

    async def _go_on(self) -> None:
        try:
            for descriptor in self._again:
                self._servers.append(await self._serve(descriptor))
                if self._spare < 0:  # closed meanwhile, and so are the others
                    self._stop()
                    return
        except OSError:
            self._stop()
            self._look_later()
            return
        self._resting = False

    async def _serve(self, descriptor: int) -> asyncio.Server:
        bound = socket.socket(fileno=os.dup(descriptor))
        try:
            return await asyncio.get_running_loop().create_server(self._accept, sock=bound, **self._options)
        except BaseException:
            bound.close()
            raise
