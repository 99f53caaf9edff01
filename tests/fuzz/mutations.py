"""Mutants of valid messages: the same ones for the same seed, in every run."""

import random
from collections.abc import Callable, Iterator, Sequence

# Bytes and words that parsers have disagreed about.
WORDS = (
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b"\x0b",
        b"\x0c",
        b"\x85",
        b"\xa0",
        b"\xff",
        b"\x7f",
    ),
    *(
        b":",
        b",",
        b";",
        b"=",
        b'"',
        b"\\",
        b"/",
        b"#",
        b"?",
        b"%",
        b"_",
        b"+",
        b"-",
        b"0x",
        b"0",
        b"5",
        b"F",
        b"g",
        b".",
    ),
    *(
        b"chunked",
        b"gzip",
        b"identity",
        b"close",
        b"keep-alive",
        b"upgrade",
        b"websocket",
        b"100-continue",
        b"trailers",
    ),
    *(b"HTTP/1.0", b"HTTP/1.1", b"HTTP/0.9", b"GET ", b"HEAD ", b"200", b"204", b"304", b"103 ", b"101 "),
    *(
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: x\r\n",
    ),
    *(b"Host: evil\r\n", b"Connection: close\r\n", b"Connection: Content-Length\r\n", b"Expect: 100-continue\r\n"),
    *(
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"5;a=b\r\nhello\r\n",
        b"Trailer: a\r\n",
        b" folded\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ),
)
LINES = (
    *(b"Content-Length: 5", b"Content-Length: 0", b"content-length: 43", b"Content-Length: 5, 5", b"Content-Length:"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"transfer-encoding: CHUNKED", b"Transfer-Encoding:"),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: Content-Length, Host", b"Connection: upgrade"),
    *(
        b"Upgrade: websocket",
        b"Expect: 100-continue",
        b"Host: evil",
        b"X_Auth_Subject: root",
        b"Via: 1.1 x",
        b"0",
        b"5",
    ),
    *(b"Trailer: a", b" folded", b"nonsense", b": empty", b"A : 1", b"Keep-Alive: timeout=5", b"X-Smuggled: 1"),
)
MOST = 4

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _span(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + 1 + int(rng.expovariate(0.2)))


def insert(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(WORDS) + data[place:]


def delete(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def replace(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + rng.choice(WORDS) + data[end:]


def double(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:end] + data[end:]


def flip(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def change_case(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[start:end].swapcase() + data[end:]


def move_line(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"\r\n".join(lines)


def double_line(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"\r\n".join(lines)


def add_line(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(rng.randint(1, len(lines)), rng.choice(LINES))
    return b"\r\n".join(lines)


def count(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Another number in place of one that is there."""
    places = [place for place, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    if not places:
        return data
    place = rng.choice(places)
    return data[:place] + b"%d" % rng.choice((0, 1, 3, 5, 7, 10, 16, 43, 999)) + data[place + 1 :]


def cut(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def splice(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """The beginning of one message and the end of another."""
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


MUTATIONS: tuple[Mutation, ...] = (
    *(add_line, add_line, add_line),
    *(insert, insert, insert, replace, replace, delete, double, flip, change_case, move_line, double_line, count, cut),
    splice,
)


def mutants(seeds: Sequence[bytes], times: int, seed: int) -> Iterator[bytes]:
    """`times` mutants of `seeds`, each by one to four mutations."""
    rng = random.Random(seed)
    for _ in range(times):
        data = rng.choice(seeds)
        for _ in range(rng.randint(1, MOST)):
            data = rng.choice(MUTATIONS)(rng, data, seeds)
        yield data
