"""Text, tokens and vectors of the demo model: a word chain seeded by the prompt, so equal prompts get equal replies."""

import math
import random
import re
from collections.abc import Iterable, Iterator

GRAMMAR = """
The gateway reads the request and asks who is calling. A token that was verified once is remembered until it expires.
The bucket fills slowly and empties quickly, so a patient caller is never refused. The shortest queue is the best guess
of two, and a guess that fails is not asked again today. A stream of words runs between two sockets without a stop on
the way. The slow reader holds back the fast writer, and memory stays where it was. When the caller leaves, the model
falls silent. The upstream answers in its own time and the gateway passes every word on as it comes.
"""
MARKS = frozenset(".,?!")
SHORTEST, LONGEST = 24, 96  # tokens before the text may end, and before it has to
_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])")


def tokens(text: str) -> list[str]:
    """Cut `text` into tokens: each a word or a mark with the blanks before it."""
    return _TOKEN.findall(text)


def reply(prompt: str) -> Iterator[str]:
    """The tokens of the answer to `prompt`: a walk through the words of the prompt and of `GRAMMAR`."""
    rng = random.Random(prompt)
    words = _words(prompt)
    stop = [] if words and words[-1] in MARKS else ["."]
    chain = _chain([*words, *stop, *_words(GRAMMAR)])
    word = rng.choice([word for word in words if word not in MARKS] or ["The"])
    end = rng.randint(SHORTEST, LONGEST - SHORTEST)
    yield word[:1].upper() + word[1:]
    for count in range(2, LONGEST):
        word = rng.choice(chain[word])
        yield word if word in MARKS else f" {word}"
        if count >= end and word in MARKS and word != ",":
            return
    yield "."


def _words(text: str) -> list[str]:
    return re.findall(r"[\w'-]*\w|[.,?!]", text)


def _chain(words: list[str]) -> dict[str, list[str]]:
    """Which words follow each word; the last one leads back to the first."""
    chain: dict[str, list[str]] = {}
    for word, following in zip(words, [*words[1:], words[0]], strict=True):
        chain.setdefault(word, []).append(following)
    return chain


def embedding(parts: Iterable[str | int], dimensions: int) -> list[float]:
    """A unit vector: the sum of one random direction a token, so texts that share words point the same way."""
    vector = [0.0] * dimensions
    for part in parts:
        rng = random.Random(str(part).strip().lower())
        vector = [value + rng.gauss(0.0, 1.0) for value in vector]
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
