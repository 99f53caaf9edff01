"""H1-06: what the gateway passes on, real servers read as the strict checker does."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

import meant
import pytest
import strict
from corpus import CORPUS
from corpus.cases import Clean
from gateway_process import GatewayProcess
from mutations import mutants
from origins import running
from play import Client, connect
from seeds import REQUESTS

# Requests that are odd and good: one at a time, and nobody scripts the reply.
ODD = [
    case
    for case in CORPUS
    if isinstance(case.wanted, Clean)
    and (case.wanted.replies, len(case.sends), len(case.turns)) == (1, 1, 0)
    and case.instead is None
    and b"\r\nUpgrade: websocket\r\n" not in case.sends[0]
    and len(case.sends[0]) < 20_000
]
MUTANTS = [
    data
    for data in mutants(REQUESTS, 2000, seed=6)
    if b"/v1/svc/" in data[:20]
    and (reading := meant.requests(data)).state == "end"
    and len(reading.messages) == 1
    and b"websocket" not in data
]
SERVICES = {
    "uvicorn-h11": "uvh",
    "uvicorn-httptools": "uvt",
    "hypercorn": "hyp",
    "gunicorn": "gun",
    "waitress": "wai",
    "aiohttp": "aio",
    "nginx": "ngx",
}
WITHIN = 5.0
# What a server refuses, nobody can misread.
REFUSED = {("nginx", "ED-33 '/%zz' is kept"): "a percent sign without two digits"}
# What a server adds, joins or keeps to itself.
ITS_OWN = {"connection", "content-length", "content-type", "transfer-encoding", "content-encoding", "host"}


class Tap:
    """Passes bytes on to an origin, and keeps what the gateway sent."""

    def __init__(self, origin: int) -> None:
        self._origin = origin
        self.sent = b""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._origin)
        await asyncio.gather(self._copy(reader, forth, keep=True), self._copy(back, writer, keep=False))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        try:
            while data := await reader.read(65536):
                if keep:
                    self.sent += data
                writer.write(data)
        except OSError:
            pass
        writer.close()


async def ask(port: int, tap: Tap, data: bytes, service: str) -> tuple[strict.StrictRequest | None, meant.Reply]:
    """What the checker sees of the request, None when it was not passed on; and the reply."""
    tap.sent = b""
    data = data.replace(b"/v1/svc", b"/v1/" + service.encode())
    method = meant.requests(data).messages[0].method
    client = await connect(port)
    client.transport.write(data)
    reply = await _reply(client, method)
    client.transport.abort()
    requests, left = strict.read_requests(tap.sent)
    assert len(requests) <= 1, tap.sent
    assert not left
    return (requests[0] if requests else None), reply


async def _reply(client: Client, method: bytes) -> meant.Reply:
    async with asyncio.timeout(WITHIN):
        while True:
            found, _, _ = meant.replies(client.received, [method], closed=client.end == "fin")
            if found:
                return found[0]
            assert not client.end, client.received
            await client.change(WITHIN)


def disagreement(sent: strict.StrictRequest, reply: meant.Reply) -> str:
    """What the origin saw otherwise than the checker, or nothing."""
    echo = json.loads(base64.b64decode(reply.values(b"x-echo")[0]))
    if echo["method"] != sent.method:
        return f"method {echo['method']}"
    target = sent.target
    if echo.get("decoded"):
        path, mark, query = target.partition(b"?")
        target = b"/" + unquote_to_bytes(path).lstrip(b"/") + (mark + query if query else b"")
    if echo["target"].encode("latin-1").rstrip(b"?") != target.rstrip(b"?"):
        return f"target {echo['target']!r}, not {target!r}"
    if echo["body"] != hashlib.sha256(sent.body).hexdigest():
        return "body"
    theirs, ours = _by_name(echo["fields"]), _by_name((name, value.decode("latin-1")) for name, value in sent.fields)
    return "" if theirs == ours else f"fields {theirs}, not {ours}"


def _by_name(fields: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each name; WSGI joins them with commas."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        if name.lower() not in ITS_OWN:
            found.setdefault(name.lower(), []).extend(part.strip(" \t") for part in value.split(","))
    return found


async def disagreements(directory: Path) -> dict[str, list[str]]:
    """For each origin, the rows that it saw otherwise."""
    async with AsyncExitStack() as stack:
        origins = stack.enter_context(running(directory))
        taps = {name: Tap(port) for name, port in origins.items()}
        services = {}
        for name, tap in taps.items():
            port = await stack.enter_async_context(tap.listening())
            services[SERVICES[name]] = {"upstreams": [{"url": f"http://127.0.0.1:{port}"}]}
        config = {"auth": {"type": "none"}, "ratelimit": {"enabled": False}, "log": {"access": False}}
        gateway = await asyncio.to_thread(GatewayProcess.serving, {**config, "services": services}, directory)
        stack.callback(gateway.kill)
        found = await asyncio.gather(*(all_rows(gateway.port, taps[name], name) for name in origins))
        await asyncio.to_thread(gateway.stop)
        return dict(zip(origins, found, strict=True))


async def all_rows(port: int, tap: Tap, name: str) -> list[str]:
    found = []
    for case in ODD:
        sent, reply = await ask(port, tap, case.sends[0], SERVICES[name])
        assert sent is not None, case
        what = disagreement(sent, reply) if reply.status == 200 else f"status {reply.status}"
        if what and (name, case.name) not in REFUSED:
            found.append(f"{case}: {what}")
    for data in MUTANTS:
        sent, reply = await ask(port, tap, data, SERVICES[name])
        if sent is not None and reply.status == 200 and (what := disagreement(sent, reply)):
            found.append(f"{data!r}: {what}")
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return asyncio.run(disagreements(tmp_path_factory.mktemp("origins")))


@pytest.mark.parametrize("name", SERVICES)
def test_H1_06_it_sees_what_the_checker_sees(name: str, found: dict[str, list[str]]) -> None:
    if name not in found:
        pytest.skip(f"{name} is not installed here")
    assert found[name] == []


def test_the_sample_is_large() -> None:
    assert len(ODD) >= 100
    assert len(MUTANTS) >= 100
