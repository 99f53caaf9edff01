"""`python upstream_process.py PORT`: answers every request with 200, and its X-Number as the body."""

import asyncio
import re
import sys
from typing import cast


class Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
            end += 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < end:
                return
            self._buffer = self._buffer[end:]
            number = re.search(rb"\r\nx-number: (\d+)", head, re.IGNORECASE)
            wait = re.search(rb"\?ms=(\d+)", head)
            asyncio.get_running_loop().call_later(
                int(wait[1]) / 1000 if wait else 0.0, self._answer, number[1] if number else b"-"
            )

    def _answer(self, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
