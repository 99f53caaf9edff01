"""The composition root in this process: what it opens, and that all of it is closed again."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import uvloop

from gateway.app import Gateway
from gateway.config.tree import Config
from gateway.observe.sink import Sink

FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"GET /v1/s/x HTTP/1.1\r\nHost: a\r\n\r\n"

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on either kind of event loop."""

    def on_loop(work: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(work)

    return on_loop


def configured(port: int, **server: object) -> Config:
    return Config.model_validate(
        {
            "server": {"host": "127.0.0.1", "port": 0, **server},
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "services": {"s": {"upstreams": [{"url": f"http://127.0.0.1:{port}"}]}},
        }
    )


@contextmanager
def sink_to_nowhere() -> Iterator[Sink]:
    with open(os.devnull, "wb") as nowhere:
        sink = Sink(nowhere.fileno())
        yield sink
        sink.close()


@asynccontextmanager
async def answering() -> AsyncIterator[int]:
    """An upstream that says ok to whatever it is sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(FULL)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    yield server.sockets[0].getsockname()[1]
    server.close()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Gateway, int]]:
    """A gateway before that upstream, and the upstream's port."""
    with sink_to_nowhere() as sink:
        async with answering() as port:
            gateway = Gateway(configured(port), sink)
            await gateway.start()
            try:
                yield gateway, port
            finally:
                await gateway.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return await reader.readexactly(2)


def sockets_of_this_process() -> Iterator[socket.socket]:
    """A duplicate of every TCP socket that this process has open."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.stat(f"/proc/self/fd/{name}").st_mode):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    if sock.family == socket.AF_INET and sock.type == socket.SOCK_STREAM:
                        yield sock
        except OSError:
            continue


def has_no_delay(local: int | None, remote: int | None) -> list[bool]:
    """TCP_NODELAY of the connected sockets between these ports."""
    found = []
    for sock in sockets_of_this_process():
        try:
            ports = sock.getsockname()[1], sock.getpeername()[1]
        except OSError:
            continue
        if local in (None, ports[0]) and remote in (None, ports[1]):
            found.append(bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
    return found


def test_small_writes_leave_at_once_on_both_legs(run: Run) -> None:
    async def work() -> None:
        async with running() as (gateway, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            assert await ask(reader, writer) == b"ok"
            assert has_no_delay(gateway.port, writer.get_extra_info("sockname")[1]) == [True]
            assert has_no_delay(None, port) == [True]
            writer.close()

    run(work())


def test_drain_and_close_leave_no_task_and_no_descriptor(run: Run) -> None:
    async def work() -> None:
        with sink_to_nowhere() as sink:
            async with answering() as port:
                tasks, files = asyncio.all_tasks(), len(os.listdir("/proc/self/fd"))
                gateway = Gateway(configured(port), sink)
                await gateway.start()
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                await ask(reader, writer)
                await gateway.drain()
                assert await reader.read() == b""
                await gateway.close()
                writer.close()
                await writer.wait_closed()
                async with asyncio.timeout(2):
                    while asyncio.all_tasks() > tasks or len(os.listdir("/proc/self/fd")) > files:
                        await asyncio.sleep(0.001)

    run(work())


def test_a_gateway_that_is_closed_without_draining_cuts_its_connections(run: Run) -> None:
    async def work() -> None:
        async with running() as (gateway, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            await ask(reader, writer)
        assert await reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.close()

    run(work())


def test_an_address_that_is_not_ours_fails_the_start_and_can_be_closed(run: Run) -> None:
    async def work() -> None:
        with sink_to_nowhere() as sink:
            gateway = Gateway(configured(9, host="192.0.2.1"), sink)
            with pytest.raises(OSError, match=r"192\.0\.2\.1"):
                await gateway.start()
            await gateway.close()

    run(work())
