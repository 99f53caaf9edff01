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

    `connected` makes the protocol of each connection; `options` are those of `loop.create_server`.
    """

    def __init__(
        self,
        connected: Callable[[], asyncio.Protocol],
        runtime: Runtime,
        *,
        limit: Callable[[], int] = allowed,
        **options: Any,
    ) -> None:
        self._connected = connected
        self._runtime = runtime
        self._limit = limit
        self._options = options
        self._servers: list[asyncio.Server] = []
        self._resting: list[socket.socket] = []
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._said_at = float("-inf")

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        self._servers = [await asyncio.get_running_loop().create_server(self._accept, host, port, **self._options)]

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
        for server in self._servers:
            self._resting += [socket.socket(fileno=os.dup(one.fileno())) for one in server.sockets]
            server.close()
        self._servers = []
        now = self._runtime.clock()
        if now - self._said_at >= LOG_SECONDS:
            self._said_at = now
            log.warning("descriptors run short (ulimit -n %d): new connections have to wait", self._limit())
        self._look_later()

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
        loop = asyncio.get_running_loop()
        while self._resting:
            server = await loop.create_server(self._accept, sock=self._resting.pop(), **self._options)
            self._servers.append(server)
            if self._spare < 0:
                self.close()
