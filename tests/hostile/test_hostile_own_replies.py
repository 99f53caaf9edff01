"""ED-13: every reply that the gateway makes itself ends by itself, is JSON, and tells nothing."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import meant
import pytest
from gateway_process import GatewayProcess
from harness import configuration
from harness import running as in_process
from play import Client, connect

from gateway.auth.jwt import mint
from gateway.errors import ANSWERS
from gateway.routes import Routes

SECRET = "a secret of at least thirty-two bytes"
MARK = b"reflectme"
BEARER = b"Authorization: Bearer " + mint(SECRET.encode(), "alice", now=time.time()).encode()
FIELDS = {
    *(b"content-type", b"content-length", b"date", b"x-request-id", b"connection", b"allow", b"retry-after"),
    *(b"www-authenticate", b"ratelimit", b"ratelimit-policy"),
    *(b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"),
}
TELLTALE = re.compile(
    rb"(?i:reflectme|127\.0\.0\.1|localhost|aiohttp|llhttp|python|uvloop)|Traceback|File \"|gateway/|[A-Z]\w+Error\b|b'"
)
WITHIN = 5.0


def asks(service: bytes = b"free", *lines: bytes, line: bytes = b"", body: bytes = b"") -> bytes:
    """A request with the mark wherever one can be."""
    line = line or b"POST /v1/%b/%b?%b=%b HTTP/1.1" % (service, MARK, MARK, MARK)
    marked = (b"Host: " + MARK, b"X-Mark: " + MARK, b"Cookie: %b=%b" % (MARK, MARK), b"Content-Type: " + MARK)
    return b"\r\n".join((line, *marked, *lines, b"Content-Length: %d" % len(body), b"", body))


@dataclass(frozen=True)
class Way:
    """A way to one status: what is sent."""

    status: int
    name: str
    sends: bytes


WAYS = [
    Way(400, "a line that is no field", asks(b"free", MARK)),
    Way(400, "control bytes", asks(b"free", b"A: \x01" + MARK)),
    Way(400, "a target that could mean two things", asks(line=b"GET /v1/free/../%b HTTP/1.1" % MARK)),
    Way(
        400,
        "a bad chunk",
        b"POST /v1/free/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + MARK + b"\r\n",
    ),
    Way(400, "no HTTP at all", MARK + b"\x00\x01\r\n\r\n"),
    Way(401, "no token", asks(b"locked")),
    Way(401, "a token that is none", asks(b"locked", b"Authorization: Bearer " + MARK)),
    Way(401, "another scheme", asks(b"locked", b"Authorization: Basic " + MARK)),
    Way(403, "a scope is missing", asks(b"scoped", BEARER)),
    Way(404, "no such service", asks(MARK)),
    Way(404, "no such path", asks(line=b"GET /%b HTTP/1.1" % MARK)),
    Way(404, "a path of an operator elsewhere", asks(line=b"GET /debug/pprof/%b HTTP/1.1" % MARK)),
    Way(405, "a method nobody knows", asks(line=b"REFLECTME /v1/free/x HTTP/1.1")),
    Way(408, "half a head", asks()[:-4]),
    Way(408, "half a body", asks(b"silent", body=MARK)[:-2]),
    Way(413, "a body above the limit", asks(b"free", body=MARK * 200)),
    Way(414, "a long target", asks(line=b"GET /v1/free/%b HTTP/1.1" % (MARK * 3000))),
    Way(417, "another expectation", asks(b"free", b"Expect: " + MARK)),
    Way(429, "a rule says no", asks(b"rare")),
    Way(431, "many fields", asks(b"free", *[b"%b: 1" % MARK] * 200)),
    Way(431, "a large field", asks(b"free", b"A: " + MARK * 5000)),
    Way(502, "an upstream that talks nonsense", asks(b"odd")),
    Way(502, "an upstream that is not there", asks(b"gone")),
    Way(502, "an upstream whose name is none", asks(b"nameless")),
    Way(503, "no connection is free", asks(b"full")),
    Way(504, "an upstream that is silent", asks(b"silent")),
    Way(508, "a loop", asks(b"free", b"Via: 1.1 %b, 1.1 ai-api-gateway" % MARK)),
]


def services(odd: int, silent: int) -> dict[str, Any]:
    free = {"upstreams": [{"url": f"http://127.0.0.1:{odd}"}], "auth": "none"}
    return {
        "free": free,
        "locked": {**free, "auth": "required"},
        "scoped": {**free, "auth": "required", "scopes": ["admin"]},
        "rare": free,
        "odd": free,
        "gone": {"upstreams": [{"url": "http://127.0.0.1:1"}], "auth": "none"},
        "nameless": {"upstreams": [{"url": "http://reflectme.invalid:80"}], "auth": "none"},
        "full": {"upstreams": [{"url": f"http://127.0.0.1:{silent}"}], "auth": "none", "max_connections": 1},
        "silent": {
            "upstreams": [{"url": f"http://127.0.0.1:{silent}"}],
            "auth": "none",
            "timeouts": {"first_byte": 0.2},
        },
    }


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    writer.write(b"HTTP/1.1 200 \0reflectme\r\nServer: reflectme\r\n\r\nreflectme")
    writer.close()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass
    writer.close()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with AsyncExitStack() as stack:
        odd = await stack.enter_async_context(await asyncio.start_server(nonsense, "127.0.0.1", 0))
        silent = await stack.enter_async_context(await asyncio.start_server(silence, "127.0.0.1", 0))
        ports = (one.sockets[0].getsockname()[1] for one in (odd, silent))
        config = {
            "server": {"header_timeout": 0.3, "body_timeout": 0.3, "max_body_size": 1000},
            "auth": {"type": "jwt"},
            "jwt": {"secret": SECRET},
            "ratelimit": {
                "rules": [
                    {"name": "rare", "services": ["rare"], "bucket_size": 1, "refill_rate": "1/h", "key": "service"}
                ]
            },
            "services": services(*ports),
        }
        gateway = await asyncio.to_thread(GatewayProcess.serving, config, tmp_path)
        stack.callback(gateway.kill)
        yield gateway.port
        await asyncio.to_thread(gateway.stop)


async def reply_to(port: int, data: bytes) -> tuple[meant.Reply, bytes]:
    """The reply, and all the bytes that came."""
    client = await connect(port)
    client.transport.write(data)
    try:
        return await only(client), client.received
    finally:
        client.transport.abort()


async def only(client: Client) -> meant.Reply:
    async with asyncio.timeout(WITHIN):
        while True:
            found, _, rest = meant.replies(client.received, [b"POST"], closed=False)
            if found:
                assert not rest
                return found[0]
            assert not client.end, client.received
            await client.change(WITHIN)


def check(reply: meant.Reply, received: bytes, status: int) -> None:
    assert reply.status == status, received
    assert not reply.ended, "its end is that of the connection"
    names = [name for name, _ in reply.fields]
    assert set(names) <= FIELDS, names
    assert len(set(names)) == len(names), names
    assert dict(reply.fields)[b"content-type"] == b"application/json"
    error = json.loads(reply.body)
    assert list(error) == ["error"]
    told = error["error"]
    answer = next(one for one in ANSWERS.values() if one.status == status)
    assert (told["code"], told["type"], told["message"]) == (status, answer.type, answer.message)
    assert set(told) - {"rule"} == {"code", "type", "message", "request_id"}
    assert re.fullmatch("[0-9a-f]{32}", told["request_id"])
    assert TELLTALE.search(received) is None, received


async def test_ED_13_every_way_to_every_status(port: int) -> None:
    """One gateway for all: what one reply keeps to itself, the next does too."""
    held = [await connect(port) for _ in range(2)]
    try:
        for client, service in zip(held, (b"full", b"rare"), strict=True):
            client.transport.write(asks(service))
        await only(held[1])
        replies = await asyncio.gather(*(reply_to(port, way.sends) for way in WAYS))
    finally:
        for client in held:
            client.transport.abort()
    for way, (reply, received) in zip(WAYS, replies, strict=True):
        check(reply, received, way.status)
        assert (b"retry-after" in dict(reply.fields)) == (way.status in (429, 503)), way


async def test_ED_13_a_bug_of_ours_is_500_and_keeps_it_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("reflectme")

    monkeypatch.setattr(Routes, "match", broken)
    async with in_process(configuration("127.0.0.1:1", {})) as gateway:
        reply, received = await reply_to(gateway.port, asks(b"llm"))
        check(reply, received, 500)


def test_ED_13_no_status_is_left_out() -> None:
    assert {way.status for way in WAYS} | {500} == {answer.status for answer in ANSWERS.values()}
