"""A listener that speaks TLS; who does not get through the handshake leaves nothing and no word."""

import asyncio
import logging
import os
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import trustme
import uvloop

from gateway.runtime import Runtime
from gateway.wire.listener import Listener
from gateway.wire.tls import SHARED_OPENSSL, Tls, expect_leavers

WITHIN = 5.0
HANDSHAKE_SECONDS = 0.5
SOONER = 0.3
RESET_NOT_FIN = struct.pack("ii", 1, 0)
PLENTY = 1 << 20


class Greeter(asyncio.Protocol):
    """Says hello to whoever got through, and notes it."""

    def __init__(self, met: list["Greeter"]) -> None:
        self._met = met
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._met.append(self)
        transport.write(b"hello")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


class Scene:
    """A listener, those it has met, and how clients call it; `limit` is that of its descriptors."""

    def __init__(self, authority: trustme.CA, runtime: Runtime, *, layered: bool) -> None:
        self.met: list[Greeter] = []
        self.limit = PLENTY
        self._trusting = ssl.create_default_context()
        authority.configure_trust(self._trusting)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("gateway.example").configure_cert(context)
        tls = Tls(context, HANDSHAKE_SECONDS, layered)
        self.listener = Listener(self._greeter, runtime, backlog=128, tls=tls, limit=lambda: self.limit)

    def _greeter(self) -> Greeter:
        return Greeter(self.met)

    async def hello(self) -> bytes:
        """What a client hears first."""
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.listener.port, ssl=self._trusting, server_hostname="gateway.example"
            )
            data = await reader.read(5)
            writer.transport.abort()
        return data

    async def plain(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client that speaks no TLS."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        writer.write(data)
        return reader, writer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


Play = Callable[[Callable[[Scene], Coroutine[Any, Any, None]]], None]


by_aiofastnet = pytest.mark.skipif(not SHARED_OPENSSL, reason="OpenSSL is linked into this interpreter")


@pytest.fixture(params=[pytest.param(True, marks=by_aiofastnet), False], ids=["aiofastnet", "uvloop"])
def play(authority: trustme.CA, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Play:
    """Plays a scene in uvloop, which is the gateway's, by either TLS; nothing is left open, and nothing was said."""

    def played(story: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
        async def run() -> None:
            expect_leavers(asyncio.get_running_loop())
            runtime = Runtime()
            scene = Scene(authority, runtime, layered=request.param)
            await scene.listener.open("127.0.0.1", 0)
            await scene.hello()  # whatever opens something once has done so
            await scene.met.pop().lost
            before = len(os.listdir("/proc/self/fd"))
            try:
                await story(scene)
                async with asyncio.timeout(SOONER):
                    while len(os.listdir("/proc/self/fd")) > before:
                        await asyncio.sleep(0.005)
            finally:
                scene.listener.close()
                await runtime.close()

        with caplog.at_level(logging.WARNING):
            uvloop.run(run())
        assert not caplog.records

    return played


def test_it_speaks_tls(play: Play) -> None:
    async def story(scene: Scene) -> None:
        assert [await scene.hello() for _ in range(3)] == [b"hello"] * 3
        assert len(scene.met) == 3

    play(story)


@pytest.mark.parametrize("end", ["fin", "rst"])
@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00", bytes(1000)])
def test_who_leaves_before_the_handshake_is_over_leaves_nothing(play: Play, first: bytes, end: str) -> None:
    async def story(scene: Scene) -> None:
        for _ in range(20):  # without the event loop's turn between, so that all of it is there when it is looked at
            with socket.create_connection(("127.0.0.1", scene.listener.port)) as client:
                client.sendall(first)
                if end == "rst":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
        assert await scene.hello() == b"hello"
        assert len(scene.met) == 1

    play(story)


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x00"])
def test_who_does_not_shake_hands_in_time_is_let_go(play: Play, first: bytes) -> None:
    async def story(scene: Scene) -> None:
        started = asyncio.get_running_loop().time()
        reader, writer = await scene.plain(first)
        async with asyncio.timeout(WITHIN):
            await reader.read()
        assert asyncio.get_running_loop().time() - started >= HANDSHAKE_SECONDS * 0.9
        assert not scene.met
        writer.close()

    play(story)


def test_it_rests_while_descriptors_are_short(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def story(scene: Scene) -> None:
        scene.limit = 1
        assert await scene.hello() == b"hello"  # it is this one that shows how short they are
        waiting = asyncio.ensure_future(scene.hello())
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        scene.limit = PLENTY
        assert await waiting == b"hello"
        assert [record.message.partition(" (")[0] for record in caplog.records] == ["descriptors run short"]
        caplog.clear()

    play(story)


def test_what_else_goes_wrong_is_still_told(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def story(scene: Scene) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "other", "exception": ConnectionResetError()})
        assert [record.message for record in caplog.records] == ["other"]
        caplog.clear()

    play(story)
