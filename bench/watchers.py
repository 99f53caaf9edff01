"""Who watches a gateway while `bench.seen` asks it: a reader of its metrics, and collectors of its traces.

`python -m bench.watchers scrape PORT` or `python -m bench.watchers collect KIND PORT`, a process each.
"""

import asyncio
import contextlib
import socket
import sys
import time

EMPTY = b" \r\nContent-Length: 0\r\n\r\n"
REPLIES = {"takes them": b"HTTP/1.1 200" + EMPTY, "hangs": b"", "is no collector": b"HTTP/1.1 404" + EMPTY}


async def collect(kind: str, port: int) -> None:
    """A collector: answers each POST with what `REPLIES` has for `kind`, or never when that is empty."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readexactly(length_of(await reader.readuntil(b"\r\n\r\n")))
                writer.write(REPLIES[kind])

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


def length_of(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])


def scrape(port: int) -> None:
    """Read the page as cheaply as can be: on a small machine the reader works on the core of the load."""
    print("begins", flush=True)
    while True:
        with socket.create_connection(("127.0.0.1", port)) as reader:
            reader.sendall(b"GET /metrics HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            while reader.recv(1 << 20):
                pass
        time.sleep(1)


def main() -> None:
    what, *arguments, port = sys.argv[1:]
    if what == "collect":
        asyncio.run(collect(arguments[0], int(port)))
    scrape(int(port))


if __name__ == "__main__":
    main()
