"""TLS to clients: aiofastnet's, between the event loop's transport and the protocol of the connection.

measured, uvloop's own and this: 231 and 220 thousand instructions of user space for a JSON request; 1.4 and 0.24 MiB
for a client that does not read what it asked for.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

from aiofastnet.ssl_transport import SSLTransport_Transport

# Bytes of ciphertext that one read or write of a socket moves; each connection has both buffers.
BUFFER = 32768
# Given to a client to confirm that the connection ends.
SHUTDOWN_SECONDS = 30.0


@dataclass(frozen=True)
class Tls:
    """How clients are spoken to: with the certificates of `context`, and `handshake_timeout` seconds to agree."""

    context: ssl.SSLContext
    handshake_timeout: float

    def around(self, protocol: asyncio.Protocol) -> asyncio.BaseProtocol:
        """The protocol of a connection whose plaintext `protocol` sees, once the handshake is over."""
        loop = asyncio.get_running_loop()
        secure = SSLTransport_Transport(
            loop, protocol, self.context, True, self.handshake_timeout, SHUTDOWN_SECONDS, BUFFER, BUFFER
        )
        inner: asyncio.BaseProtocol = secure.get_tls_protocol()
        return inner


def expect_leavers(loop: asyncio.AbstractEventLoop) -> None:
    """Log no error for clients that leave in the middle of a handshake, as health checks do; all else as before.

    aiofastnet reports them by an exception's class instead of an exception.
    """

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("exception") is not ConnectionResetError:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
