"""The upstream of the arena, as a program of its own, so that what an attack asks of it holds up no witness.

`python -m arena_upstream`: prints its port, and serves until it is killed.
"""

import asyncio
import socket
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"\r\n0\r\n\r\n"
PIECE = b"10000\r\n" + bytes(65536) + b"\r\n"


class Upstream(asyncio.Protocol):
    """Answers at once, but never to /hold, to /take when it has the last chunk, and to /stream for ever."""

    transport: Any

    def __init__(self) -> None:
        self._holding = False
        self._taking = b""
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b" /stream " in data:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            self.transport.write(STREAM)
            self._more()
        elif b" /hold " in data:
            self._holding = True
        elif b" /take " in data or self._taking:
            self._taking = (self._taking + data)[-len(LAST) :]
            if self._taking == LAST:
                self._taking = b""
                self.transport.write(OK)
        elif not self._holding:
            self.transport.write(OK * data.count(b" HTTP/1.1\r\n"))

    def _more(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self.transport.write(PIECE)
            asyncio.get_running_loop().call_soon(self._more)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._more()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
