"""What is wrong with a configuration: every mistake at once, each with its key, the value, and the remedy."""

import re
from collections.abc import Sequence
from typing import NamedTuple

KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_SHOWN = 80


class Mistake(NamedTuple):
    """One mistake: where, what was found there (a secret is `***`), and what to do."""

    key: str
    shown: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: got {self.shown}: {self.remedy}"


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` is all that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = list(mistakes)


def key_text(path: KeyPath) -> str:
    """A path as people write it: services.llm.upstreams[0].url."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _PLAIN_KEY.fullmatch(step) else shorten(repr(step)))
    return text


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
