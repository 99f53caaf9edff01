"""Text as the engine sees it: four bytes are a token, and equal beginnings have equal hashes.

The words of a reply depend on its prompt alone and follow it in the hashes, so a conversation that comes back with the
reply in it finds all of it in the KV memory.
"""

import random
import re
import zlib
from collections.abc import Iterable, Iterator

TOKEN = 4  # bytes
WORDS = re.findall(
    r"\w+",
    """
the cat saw how far one can see and who was not yet too old for fun but did say yes now let him run out all day try new
way two men can get any big box off its top ask why she led her dog far
""",
)
ANSWER = "assistant"


def encode(messages: Iterable[tuple[str, str]]) -> bytes:
    """Roles and contents as a prompt, all of whole tokens, and the head of the answer."""
    return b"".join(_padded(role) + _padded(content) for role, content in messages) + _padded(ANSWER)


def passage(given: str | list[int]) -> bytes:
    """What is to be embedded, of whole tokens: a text, or the numbers of tokens."""
    if isinstance(given, str):
        return _padded(given)
    return b"".join((number % (1 << 8 * TOKEN)).to_bytes(TOKEN) for number in given)


def vector(data: bytes, dimensions: int) -> list[float]:
    """A unit vector, the same for the same `data` and cheap: it is made while others wait for their tokens."""
    side = dimensions**-0.5
    return [side if byte & 1 else -side for byte in random.Random(data).randbytes(dimensions)]


def whole(prompt: bytes, text: str) -> bytes:
    """`prompt` and the reply `text` as a later prompt of the same conversation has them."""
    return prompt + _padded(text)


def count(text: bytes) -> int:
    """Tokens of `text`."""
    return -(-len(text) // TOKEN)


def hashes(text: bytes, block: int) -> tuple[int, ...]:
    """One for each full block of `block` tokens, of everything up to its end; equal within one process only."""
    size = block * TOKEN
    return tuple(_chain(text[at : at + size] for at in range(0, len(text) // size * size, size)))


def reply(prompt: bytes, tokens: int) -> list[str]:
    """`tokens` words, a token each, the same for the same prompt."""
    seed = zlib.crc32(prompt)
    return [f"{WORDS[(seed + at * (at + 7)) % len(WORDS)]} " for at in range(tokens)]


def _chain(blocks: Iterable[bytes]) -> Iterator[int]:
    before = 0
    for block in blocks:
        before = hash((before, block))
        yield before


def _padded(text: str) -> bytes:
    encoded = f"{text}\n".encode()
    return encoded + bytes(-len(encoded) % TOKEN)
