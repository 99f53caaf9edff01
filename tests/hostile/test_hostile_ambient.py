"""ED-30 to ED-36: the gateway has no life of its own: what it sends comes from a request or from its configuration."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import meant
import pytest
import yaml
from gateway_process import LOOPBACK, GatewayProcess, port_of
from play import Client, connect
from scripted_issuer import AUDIENCE, ScriptedIssuer, rsa_key, sign

WITHIN = 5.0
PACKED = gzip.compress(b"x" * 100_000)
REPLIES = {
    b"/cookie": b"HTTP/1.1 200 OK\r\nSet-Cookie: session=alice; Path=/\r\nContent-Length: 2\r\n\r\nok",
    b"/redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x\r\nContent-Length: 0\r\n\r\n",
    b"/packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
    b"/refused": b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
}
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Upstream:
    """Replies by the path, and keeps what it was sent; a trap is one that nobody may contact."""

    other: int = 0
    sent: bytes = b""
    contacts: int = 0
    paths: list[bytes] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.contacts += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.sent += head
                path = head.split(b" ")[1]
                self.paths.append(path)
                reply = REPLIES.get(path, PLAIN)
                writer.write(reply % self.other if path == b"/redirect" else reply)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


@dataclass
class Scene:
    """The gateway with everything in its environment that could lead it astray."""

    port: int
    upstream: Upstream
    checked: Upstream
    traps: Upstream
    issuer: ScriptedIssuer
    token: bytes


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        traps = Upstream()
        trap = await _listen(stack, traps)
        checked = Upstream()
        upstream = Upstream(other=trap)
        issuer = await stack.enter_async_context(ScriptedIssuer())
        config = {
            "auth": {"type": "oidc"},
            "oidc": {"issuer": issuer.url, "audience": AUDIENCE},
            "ratelimit": {"enabled": False},
            "services": {
                "svc": {"upstreams": [{"url": f"http://127.0.0.1:{await _listen(stack, upstream)}"}], "auth": "none"},
                "own": {"upstreams": [{"url": f"http://127.0.0.1:{await _listen(stack, upstream)}"}]},
                "checked": {
                    "upstreams": [{"url": f"http://127.0.0.1:{await _listen(stack, checked)}"}],
                    "health": {"path": "/healthz", "interval": 0.1},
                },
            },
        }
        gateway = await asyncio.to_thread(_start, config, tmp_path, trap)
        stack.callback(gateway.kill)
        token = sign(rsa_key(), "RS256", issuer.claims(time.time()))
        yield Scene(gateway.port, upstream, checked, traps, issuer, token)
        await asyncio.to_thread(gateway.stop)


async def _listen(stack: AsyncExitStack, upstream: Upstream) -> int:
    server = await stack.enter_async_context(await asyncio.start_server(upstream.connected, "127.0.0.1", 0))
    return int(server.sockets[0].getsockname()[1])


def _start(config: dict[str, Any], directory: Path, trap: int) -> GatewayProcess:
    """ED-32: proxies, credentials and certificates that other programs would take from the environment."""
    (directory / ".netrc").write_text("default login alice password secret\n")
    (directory / ".netrc").chmod(0o600)
    proxies = [f"{name}=http://127.0.0.1:{trap}" for scheme in ("http", "https", "all") for name in _names(scheme)]
    exports = " ".join([*proxies, f"HOME={directory}", f"NETRC={directory}/.netrc", "no_proxy=", "NO_PROXY="])
    file = directory / "gateway.yaml"
    file.write_text(yaml.safe_dump({**config, "server": dict(LOOPBACK)}))
    return GatewayProcess("serve", "--config", str(file), ready=port_of, limits=f"export {exports}")


def _names(scheme: str) -> tuple[str, str]:
    return f"{scheme}_proxy", f"{scheme.upper()}_PROXY"


async def ask(client: Client, path: bytes, *lines: bytes) -> meant.Reply:
    """The reply to a GET on a connection that lives on."""
    client.received = b""
    client.transport.write(b"\r\n".join((b"GET /v1/svc%b HTTP/1.1" % path, b"Host: gw", *lines, b"", b"")))
    async with asyncio.timeout(WITHIN):
        while True:
            found, _, _ = meant.replies(client.received, [b"GET"], closed=bool(client.end))
            if found:
                return found[0]
            await client.change(WITHIN)


async def test_ED_30_cookies_of_one_user_do_not_reach_another(scene: Scene) -> None:
    alice, bob = await connect(scene.port), await connect(scene.port)
    assert (await ask(alice, b"/cookie")).values(b"set-cookie") == [b"session=alice; Path=/"]
    assert (await ask(bob, b"/x")).values(b"set-cookie") == []
    await ask(alice, b"/x")
    assert b"\r\ncookie:" not in scene.upstream.sent.lower()


async def test_ED_31_a_redirect_is_the_client_s_affair(scene: Scene) -> None:
    reply = await ask(await connect(scene.port), b"/redirect")
    assert (reply.status, reply.values(b"location")) == (302, [b"http://127.0.0.1:%d/x" % scene.upstream.other])
    assert scene.upstream.paths == [b"/redirect"]
    assert scene.traps.contacts == 0


async def test_ED_32_no_proxy_and_no_credential_comes_from_the_environment(scene: Scene) -> None:
    client = await connect(scene.port)
    assert (await ask(client, b"/x")).status == 200
    assert (await ask(client, b"/refused")).status == 401
    assert b"authorization" not in scene.upstream.sent.lower()
    assert scene.upstream.paths == [b"/x", b"/refused"]
    client.received = b""
    client.transport.write(b"GET /v1/own/y HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer %b\r\n\r\n" % scene.token)
    async with asyncio.timeout(WITHIN):
        while b"\r\n\r\nok" not in client.received:
            assert await client.change(WITHIN), client.received
    assert scene.issuer.asked, "the keys came from the issuer itself"
    async with asyncio.timeout(WITHIN):
        while b"/healthz" not in scene.checked.paths:
            await asyncio.sleep(0.02)
    assert b"authorization" not in scene.checked.sent.lower()
    assert scene.traps.contacts == 0, scene.traps.sent


async def test_ED_35_ED_36_nothing_is_unpacked_and_nobody_is_asked_to_pack(scene: Scene) -> None:
    client = await connect(scene.port)
    reply = await ask(client, b"/packed")
    assert reply.body == PACKED
    assert reply.values(b"content-encoding") == [b"gzip"]
    await ask(client, b"/x", b"Accept-Encoding: br;q=0.5, gzip")
    first, second = scene.upstream.sent.split(b"GET /x")
    assert b"accept-encoding" not in first.lower()
    assert b"\r\nAccept-Encoding: br;q=0.5, gzip\r\n" in second


async def test_ED_36_nothing_is_invented(scene: Scene) -> None:
    await ask(await connect(scene.port), b"/x")
    names = {line.partition(b":")[0].lower() for line in scene.upstream.sent.split(b"\r\n")[1:-2]}
    ours = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id", b"traceparent", b"via"}
    assert names == {b"host"} | ours
