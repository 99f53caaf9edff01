"""A connection as something that is written to."""

import asyncio

from gateway.outbox import Outbox


class Sender(asyncio.Protocol):
    """`transport` is None once the connection is lost."""

    __slots__ = ("_outbox", "transport")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.transport: asyncio.Transport | None = None

    def write(self, data: bytes) -> None:
        """Send `data` soon, after what was written before; nothing, once the connection is lost."""
        self._outbox.write(self.transport, data)

    def flush(self) -> None:
        """Send now what waits."""
        if self.transport is not None:
            self._outbox.send(self.transport)

    def lost(self) -> None:
        """The connection is lost, and what waits for it, for nobody."""
        self._outbox.forget(self.transport)
        self.transport = None
