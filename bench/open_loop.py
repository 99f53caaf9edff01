"""A client that asks at a steady rate, whether or not those before were answered, as the many in the world do."""

import asyncio
import re
import time
from collections import deque
from typing import cast

from bench.contenders import TOKEN

CONNECTIONS = 64
BODY = b'{"model":"constant","messages":[{"role":"user","content":"' + b"w" * 960 + b'"}]}'
REQUEST = (
    b"POST /v1/llm/chat/completions HTTP/1.1\r\nHost: gateway\r\nauthorization: Bearer %b\r\n"
    b"content-type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (TOKEN.encode(), len(BODY), BODY)
)


class Client(asyncio.Protocol):
    """A connection with at most one request under way; returns to `pool` when that is answered."""

    def __init__(self, pool: "deque[Client]", took: list[float]) -> None:
        self._pool, self._took = pool, took
        self._received, self._asked_at = b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        self._asked_at = time.perf_counter()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= length_of(head):
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"a request failed, so there is nothing to measure: {head[:80]!r}")
            self._took.append(time.perf_counter() - self._asked_at)
            self._received = b""
            self._pool.append(self)


def length_of(head: bytes) -> int:
    match = re.search(rb"(?i)content-length: (\d+)", head)
    return int(match[1]) if match else 0


async def ask(port: int, rate: float, seconds: float) -> list[float]:
    """How many seconds each request took, sent at a steady rate whether or not those before were answered."""
    pool: deque[Client] = deque()
    took: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        _, client = await loop.create_connection(lambda: Client(pool, took), "127.0.0.1", port)
        pool.append(client)
    clients, asked, due = list(pool), 0, loop.time()
    while asked < rate * seconds:
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        if pool:  # else all wait for an answer, which the percentile shows
            pool.popleft().ask()
            asked += 1
    async with asyncio.timeout(30):
        while len(took) < asked:
            await asyncio.sleep(0.01)
    for client in clients:
        client.transport.close()
    return took
