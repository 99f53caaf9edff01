"""Series are bounded whatever clients send: labels come from the configuration or from closed sets."""

import asyncio
import re
import time
from pathlib import Path

import aiohttp
from gateway_process import GatewayProcess

from gateway.auth.jwt import mint

SECRET = "a7Qp0Zx-" * 6
MOST_NEW = 60


async def series(port: int) -> set[str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as reply:
        return {line.rpartition(" ")[0] for line in (await reply.text()).splitlines() if not line.startswith("#")}


async def answered(port: int, requests: list[bytes]) -> int:
    """How many of `requests` were answered, each on its connection or, when that ends, on the next."""
    number = 0
    while number < len(requests):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while number < len(requests):
                writer.write(requests[number])
                head = await reader.readuntil(b"\r\n\r\n")
                number += 1
                await reader.readexactly(int(re.search(rb"(?i)content-length: ([0-9]+)", head)[1]))  # type: ignore[index]
                if b"close" in head.lower():
                    break
        finally:
            writer.close()
    return number


def request(line: str, host: str = "gateway", fields: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode()


def hostile() -> list[bytes]:
    """5,000 paths, half of them of no service, 300 methods, 1,000 hosts with as many subjects."""
    paths = [request(f"GET /v1/{'llm' if number % 2 else 's'}{number}/{number}?q={number}") for number in range(5000)]
    methods = [request(f"M{number} /v1/llm/x") for number in range(300)]
    callers = [
        request("GET /v1/llm/x", f"host{number}.example", f"Authorization: Bearer {token(number)}\r\n")
        for number in range(1000)
    ]
    return paths + methods + callers


def token(number: int) -> str:
    return mint(SECRET.encode(), f"subject-{number}", now=time.time(), ttl=3600)


async def test_hostile_labels_make_few_series(tmp_path: Path) -> None:
    config = {
        "jwt": {"secret": SECRET},
        "log": {"access": False},
        "services": {"llm": {"upstreams": [{"url": "http://127.0.0.1:1"}]}},
    }
    requests = hostile()
    with GatewayProcess.serving(config, tmp_path) as gateway:
        await answered(gateway.port, [request("GET /none"), requests[-1]])
        before = await series(gateway.port)
        parts = [requests[start::4] for start in range(4)]
        assert sum(await asyncio.gather(*(answered(gateway.port, part) for part in parts))) == len(requests)
        after = await series(gateway.port)
    assert 'http_requests_total{method="GET",service="llm",status="502"}' in before
    assert 'http_requests_total{method="other",service="none",status="405"}' in after
    assert len(after - before) <= MOST_NEW, after - before
    assert not re.search(r"subject-|host[0-9]|M[0-9]|s[0-9]", " ".join(after))
