"""Both ends of a wire, byte by byte: a raw client connection, and an upstream that the test itself plays."""

import asyncio
import ctypes
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self, cast

WITHIN = 5.0
RESET_NOT_FIN = struct.pack("ii", 1, 0)
SO_ATTACH_FILTER = 26
# Classic BPF's "return 0": of each packet nothing is taken, not even acknowledged.
TAKE_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
DEAF = struct.pack("HP", 1, ctypes.addressof(TAKE_NOTHING))

Script = Callable[["Wire"], Awaitable[None]]


class Head:
    """A request or status line, and the fields behind it."""

    def __init__(self, data: bytes) -> None:
        self.raw = data
        self.line, *rest = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        self.fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    def values(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field == name]

    def __getitem__(self, name: str) -> str | None:
        """The only value of `name` (lower case), or None."""
        values = self.values(name)
        assert len(values) < 2, self.raw
        return values[0] if values else None

    def __repr__(self) -> str:
        return self.raw.decode("latin-1")


class Wire(asyncio.Protocol):
    """One connection. `arrivals` are the reads with their times; `ended` is "", then "fin" or "reset" by the peer."""

    transport: asyncio.Transport

    def __init__(self, made: Callable[["Wire"], None] | None = None) -> None:
        self._made = made
        self.received = bytearray()  # and not yet taken by `head` or `read`
        self.arrivals: list[tuple[float, bytes]] = []
        self.ended = ""
        self.ended_at = 0.0
        self._lost = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._changed = asyncio.Event()

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:
        self.arrivals.append((time.monotonic(), data))
        self.received += data
        self._changed.set()

    def eof_received(self) -> bool:
        self._end("fin")
        return self.transport.get_extra_info("sslcontext") is None  # this end stays open until the test closes it

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._writable.set()
        self._end("fin" if exc is None else "reset")

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended, self.ended_at = how, time.monotonic()
        self._changed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- the test's side ---

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    @property
    def stalled(self) -> bool:
        """More was sent than the peer takes."""
        return not self._writable.is_set()

    async def send_all(self, size: int, piece: bytes) -> None:
        """Send `piece` until `size` bytes have left, never more ahead than a transport buffers, or the peer leaves."""
        while size > 0 and not self.transport.is_closing():
            await asyncio.sleep(0)
            await self._writable.wait()
            self.send(piece[:size])
            size -= len(piece)

    async def until(self, condition: Callable[["Wire"], bool], within: float = WITHIN) -> None:
        """Wait for `condition`, looked at whenever something arrives or the peer ends the connection."""
        try:
            async with asyncio.timeout(within):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            seen = f"ended={self.ended!r}, received {bytes(self.received[-500:])!r}"
            raise AssertionError(f"still waiting; {seen}") from None

    async def head(self, within: float = WITHIN) -> Head:
        """The next head."""
        await self.until(lambda wire: b"\r\n\r\n" in wire.received or bool(wire.ended), within)
        return Head(self._take(self.received.index(b"\r\n\r\n") + 4))

    async def read(self, size: int, within: float = WITHIN) -> bytes:
        """Exactly the next `size` bytes."""
        await self.until(lambda wire: len(wire.received) >= size or bool(wire.ended), within)
        assert len(self.received) >= size, (self.ended, bytes(self.received))
        return self._take(size)

    async def reply(self, within: float = WITHIN) -> tuple[Head, bytes]:
        """The next head and its body of Content-Length bytes."""
        head = await self.head(within)
        return head, await self.read(int(head["content-length"] or 0), within)

    def _take(self, size: int) -> bytes:
        data = bytes(self.received[:size])
        del self.received[:size]
        return data

    async def end(self, within: float = WITHIN) -> str:
        """How the peer ended the connection, once it has."""
        await self.until(lambda wire: bool(wire.ended), within)
        return self.ended

    def fin(self) -> None:
        """Leave politely; over TLS as most do, who say so and do not wait for an answer."""
        self.transport.close()
        if self.transport.get_extra_info("sslcontext") is not None:
            self.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Close, however it stands."""
        if not self._lost:
            self.transport.abort()

    def reset(self) -> None:
        """Leave with an RST."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
        self.transport.abort()


class Clients:
    """Opens clients' connections to 127.0.0.1, and closes them when the test is over."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []

    async def __call__(
        self, port: int, tls: ssl.SSLContext | None = None, name: str | None = None, *, source: str = "127.0.0.1"
    ) -> Wire:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            Wire, "127.0.0.1", port, ssl=tls, server_hostname=name, local_addr=(source, 0)
        )
        self._wires.append(wire)
        return wire

    def close(self) -> None:
        for wire in self._wires:
            wire.drop()


class Origin:
    """An upstream on `port`: the test takes each connection with `accepted`, or a `script` plays them all."""

    def __init__(self, port: int = 0, script: Script | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.wires: list[Wire] = []
        self._script = script
        self._tls = tls
        self._tasks: list[asyncio.Task[None]] = []
        self._given = 0
        self._more = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(self._connected), "127.0.0.1", self.port, ssl=self._tls, backlog=2048
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for wire in self.wires:
            wire.drop()
        for result in results:
            if error is None and isinstance(result, Exception):
                raise result

    def _connected(self, wire: Wire) -> None:
        self.wires.append(wire)
        if self._script is not None:
            self._tasks.append(asyncio.ensure_future(self._script(wire)))
        self._more.set()

    def keeps_little(self) -> None:
        """Its kernel buffers a few KiB of each connection to come, so a peer notices early that nobody reads."""
        for sock in self._server.sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def vanish(self) -> None:
        """For its peers it is as if its machine were switched off: what they send, SYN or not, gets no answer."""
        connections = [wire.transport.get_extra_info("socket") for wire in self.wires]
        for sock in [*self._server.sockets, *connections]:
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, DEAF)

    async def accepted(self, within: float = WITHIN) -> Wire:
        """The next connection."""
        async with asyncio.timeout(within):
            while len(self.wires) <= self._given:
                self._more.clear()
                await self._more.wait()
        self._given += 1
        return self.wires[self._given - 1]


def deaf_listener(stack: ExitStack, port: int) -> None:
    """A listener that nobody can connect to any more: its backlog is full, so the kernel ignores a SYN."""
    listener = stack.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(0)
    while True:
        filler = stack.enter_context(socket.socket())
        filler.settimeout(0.2)
        try:
            filler.connect(("127.0.0.1", port))
        except TimeoutError:
            return
