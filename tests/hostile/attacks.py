"""Attackers, as a program of their own, so that they cost their victim's neighbours nothing but the CPU they share.

`python -m attacks NAME PORT SECONDS`: attacks that port of 127.0.0.1, and prints how many bytes it sent.
"""

import asyncio
import itertools
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

MANY = 200
MIB = 1 << 20
HEAD = b"POST /v1/svc/hold HTTP/1.1\r\nHost: gw\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Attacker:
    """Counts what it sends; one method for each attack, run again and again until the time is up."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._until = asyncio.get_running_loop().time() + seconds
        self.sent = 0

    def going_on(self) -> bool:
        return asyncio.get_running_loop().time() < self._until

    async def _each(self, times: int, attack: Callable[[], Awaitable[None]], pause: float = 0.01) -> None:
        """So many attackers, each of whom begins again a while after it was done."""

        async def repeat() -> None:
            while self.going_on():
                with suppress(OSError):
                    await attack()
                await asyncio.sleep(pause)

        await asyncio.gather(*(repeat() for _ in range(times)))

    async def _open(self, receive: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = socket.socket()
        sock.setblocking(False)
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        return await asyncio.open_connection(sock=sock)

    async def _say(self, pieces: Iterator[bytes], pause: float, *, wait: bool = True) -> None:
        """Send one piece after the other, until there is none left, the time is up, or the gateway has had enough."""
        reader, writer = await self._open()
        ended = asyncio.ensure_future(reader.read(-1)) if wait else None
        try:
            for piece in pieces:
                if not self.going_on() or writer.is_closing() or (ended is not None and ended.done()):
                    break
                writer.write(piece)
                self.sent += len(piece)
                await asyncio.sleep(pause) if pause else await writer.drain()
            if ended is not None and self.going_on():
                await asyncio.wait([ended], timeout=0.5)
        finally:
            if ended is not None:
                ended.cancel()
            self.sent -= writer.transport.get_write_buffer_size()
            writer.transport.abort()

    async def plain(self) -> None:
        """What everybody does, and the cost of an attack is compared with: a GET on a connection that is held."""

        async def ask() -> None:
            reader, writer = await self._open()
            request = b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\r\n"
            writer.write(request)
            self.sent += len(request)
            await reader.readuntil(b"\r\n\r\nok")
            while self.going_on():
                await asyncio.sleep(0.1)
            writer.transport.abort()

        await self._each(MANY, ask)

    async def all_that_is_slow(self) -> None:
        """ED-04: heads, bodies and readers, 450 connections of them."""
        await asyncio.gather(self.slow_heads(), self.slow_bodies(), self.slow_readers())

    async def nobody(self) -> None:
        """ED-01: connections without a byte."""
        await self._each(MANY, lambda: self._say(itertools.repeat(b""), 0.1))

    async def slow_heads(self) -> None:
        """ED-02: a line now and then."""
        await self._each(MANY, lambda: self._say(itertools.chain([HEAD], itertools.repeat(b"A: 1\r\n")), 0.1))

    async def slow_bodies(self) -> None:
        """ED-03: a byte now and then, too seldom."""
        length = HEAD + b"Content-Length: 1048576\r\n\r\n"
        await self._each(MANY, lambda: self._say(itertools.chain([length], itertools.repeat(b"x")), 1.2))

    async def slow_readers(self) -> None:
        """ED-24: asks for much and never reads."""

        async def ask() -> None:
            _, writer = await self._open(receive=4096)
            request = b"GET /v1/svc/stream HTTP/1.1\r\nHost: gw\r\n\r\n"
            writer.write(request)
            self.sent += len(request)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            while self.going_on():
                await asyncio.sleep(0.1)
            writer.transport.abort()

        await self._each(50, ask)

    async def pipelines(self) -> None:
        """ED-07: 5,000 requests behind one that is never answered."""
        first = b"GET /v1/svc/hold HTTP/1.1\r\nHost: gw\r\n\r\n"
        more = b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\r\n" * 5000
        await self._each(4, lambda: self._say(itertools.chain([first, more], itertools.repeat(b"")), 0.1))

    async def answered_pipelines(self) -> None:
        """As many requests as fit, all of them answered."""
        more = b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\r\n" * 100
        await self._each(2, lambda: self._say(itertools.repeat(more), 0.02))

    async def dripping_fields(self) -> None:
        """ED-08: one header of 1 MiB, 64 bytes at a time."""
        await self._each(
            20, lambda: self._say(itertools.chain([HEAD, b"A: "], itertools.repeat(b"a" * 64, 16384)), 0.005)
        )

    async def many_fields(self) -> None:
        """ED-08: 10,000 headers."""
        fields = b"".join(b"F%d: 1\r\n" % place for place in range(10_000))
        await self._each(4, lambda: self._say(iter([HEAD, fields, b"\r\n"]), 0), pause=0.05)

    async def trailers(self) -> None:
        """ED-08: a trailer section of 1 MiB."""
        await self._each(
            4, lambda: self._say(iter([CHUNKED + b"0\r\n", b"A: aaaaaaaaaaaaaa\r\n" * 55_000]), 0), pause=0.1
        )

    async def announced(self) -> None:
        """ED-09: a length of 999 GB, and nothing behind it."""
        await self._each(50, lambda: self._say(iter([HEAD + b"Content-Length: 999999999999\r\n\r\n"]), 0), pause=0.1)

    async def tiny_chunks(self) -> None:
        """ED-11: 1 MiB in chunks of one byte, as fast as they are taken."""
        await self._each(1, lambda: self._say(iter([CHUNKED + b"1\r\nx\r\n" * MIB, b"0\r\n\r\n"]), 0))

    async def tiny_chunks_in_small_reads(self) -> None:
        """ED-11: the same, and no read is a large one."""
        pieces = itertools.chain([CHUNKED], itertools.repeat(b"1\r\nx\r\n" * 5000))
        await self._each(1, lambda: self._say(pieces, 0.002))

    async def malformed(self) -> None:
        """One bad request after the other."""
        await self._each(8, lambda: self._say(iter([b"GET /v1/svc/\0 HTTP/1.1\r\nHost: gw\r\n\r\n"]), 0))

    async def comers_and_goers(self) -> None:
        """Connections that end as soon as they begin."""

        async def come() -> None:
            _, writer = await self._open()
            writer.write(b"G")
            self.sent += 1
            writer.transport.abort()

        await self._each(8, come)


async def main(name: str, port: str, seconds: str) -> None:
    attacker = Attacker(int(port), float(seconds))
    await getattr(attacker, name)()
    print(attacker.sent)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
