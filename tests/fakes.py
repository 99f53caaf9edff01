"""Stand-ins for what the machine owns: the clock, and the connections that a socket would carry.

Everything above them is the real thing. Nothing here sleeps: time moves when a test moves it, and bytes arrive in the
pieces in which a test feeds them.
"""

import asyncio
import random
import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from gateway.runtime import Runtime

RESET_NOT_FIN = struct.pack("ii", 1, 0)
GATEWAY_PORT = 8080


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class HandRuntime(Runtime):
    """A Runtime whose time moves by `advance` only, and whose random numbers repeat."""

    def __init__(self, seed: int = 0) -> None:
        self.hand = HandClock()
        super().__init__(clock=self.hand, wall=lambda: 1_700_000_000 + self.hand.now, rng=random.Random(seed))

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and what is due by then happen."""
        self.hand.now += seconds
        timer = self.deadlines._timer
        if timer is not None:
            timer.cancel()
            self.deadlines._tick()


class MemorySocket:
    """The options that were set on a socket that is none."""

    family = socket.AF_UNIX  # so that nobody looks for TCP options

    def __init__(self) -> None:
        self.options: dict[tuple[int, int], bytes | int] = {}
        self.state = 1  # TCP_ESTABLISHED

    def setsockopt(self, level: int, option: int, value: bytes | int) -> None:
        self.options[level, option] = value

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return bytes((self.state,)) if size == 1 else bytes(size)  # TCP_INFO; everything has arrived

    @property
    def resets(self) -> bool:
        return RESET_NOT_FIN in self.options.values()


class MemoryTransport(asyncio.Transport):
    """One side of a connection, its peer being the test: `written` is what the protocol sent, `feed` what it gets.

    `ended` is how the peer sees it end: "" while it has not, "closed" (FIN) or "reset". With `slow_to_close`, `close`
    waits for a peer that never reads; `abort` does not.
    """

    def __init__(self, protocol: asyncio.Protocol, peername: tuple[str, int] = ("127.0.0.1", 40000)) -> None:
        self.socket = MemorySocket()
        super().__init__({"peername": peername, "socket": self.socket})
        self.protocol = protocol
        self.written = bytearray()
        self.writes = 0
        self.ended = ""
        self.lost = False
        self.slow_to_close = False
        self._closing = False
        self._paused = False
        self._held: deque[bytes | None] = deque()  # fed while reading was paused; None is the peer's FIN
        protocol.connection_made(self)

    # --- the peer's side: the test ---

    def feed(self, data: bytes) -> None:
        """`data` arrives in one read, at once or when reading is resumed."""
        self._held.append(data)
        self._deliver()

    def feed_eof(self) -> None:
        """The peer ends its side."""
        self.socket.state = 8  # TCP_CLOSE_WAIT
        self._held.append(None)
        self._deliver()

    def reset(self) -> None:
        """The peer is gone."""
        if not self.lost:
            self._closing = True
            self._lose(ConnectionResetError())

    def stall(self) -> None:
        """The peer reads nothing any more and the write buffer is full."""
        self.protocol.pause_writing()

    def drain(self) -> None:
        """The peer has read everything."""
        self.protocol.resume_writing()

    @property
    def reading(self) -> bool:
        return not (self._paused or self._closing)

    def _deliver(self) -> None:
        while self._held and self.reading:
            data = self._held.popleft()
            if data is not None:
                self.protocol.data_received(data)
            elif not self.protocol.eof_received():
                self.close()

    def _lose(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(error)

    # --- asyncio.Transport ---

    def write(self, data: Any) -> None:
        assert self.ended == "" or self._closing, "written after write_eof"
        if not self._closing:
            self.written += data
            self.writes += 1

    def write_eof(self) -> None:
        self.ended = self.ended or "closed"

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.ended = self.ended or "closed"
            if not self.slow_to_close:
                asyncio.get_running_loop().call_soon(self._lose, None)

    def abort(self) -> None:
        self._closing = True
        self.ended = self.ended or ("reset" if self.socket.resets else "closed")
        asyncio.get_running_loop().call_soon(self._lose, None)

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        asyncio.get_running_loop().call_soon(self._deliver)

    def is_reading(self) -> bool:
        return self.reading

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol


class MemoryServer:
    """What `create_server` returns: it listens to tests only."""

    def __init__(self, port: int) -> None:
        self.sockets = [self]
        self._port = port
        self._socket = socket.socket()

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", self._port)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()


class MemoryLoop(asyncio.SelectorEventLoop):
    """An event loop whose connections are memory: a whole gateway runs in it without a socket.

    `accept` is what `create_server` was given; `upstreams` maps host:port to a callback that gets each new connection
    to it, and what is not in there refuses.
    """

    def __init__(self) -> None:
        super().__init__(selectors.DefaultSelector())
        self.accept: Callable[[], asyncio.Protocol] | None = None
        self.upstreams: dict[str, Callable[[MemoryTransport], None]] = {}
        self.mishaps: list[dict[str, Any]] = []
        self.set_exception_handler(lambda loop, context: self.mishaps.append(context))

    async def create_server(self, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        self.accept = factory
        return MemoryServer(port or GATEWAY_PORT)

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        accepted = self.upstreams.get(f"{host}:{port}")
        if accepted is None:
            raise ConnectionRefusedError
        transport = MemoryTransport(factory(), (host, port))
        accepted(transport)
        return transport, transport.protocol

    def connect(self, address: str = "127.0.0.1") -> MemoryTransport:
        """A client connects."""
        assert self.accept is not None
        return MemoryTransport(self.accept(), (address, 40000))

    async def quiet(self) -> None:
        """Wait until nothing is left to do but for timers."""
        await asyncio.sleep(0)
        while self._ready:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
