"""What a chat completion says, whole or in chunks."""

import secrets
import time
from typing import Any

import orjson

from bench.model.engine import Sequence


class Reply:
    """What is said for one sequence; `written` tokens of it have been."""

    def __init__(
        self, model: str, sequence: Sequence, words: list[str], finish: str, *, streamed: bool, with_usage: bool
    ) -> None:
        kind = "chat.completion.chunk" if streamed else "chat.completion"
        created = int(time.time())
        self.head: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": kind,
            "created": created,
            "model": model,
        }
        self.sequence = sequence
        self.words = words
        self.finish = finish
        self.with_usage = with_usage
        self.written = 0

    def event(self, number: int) -> bytes:
        """The chunk of token `number`."""
        delta = {"content": self.words[number - 1]}
        if number == 1:
            delta = {"role": "assistant", **delta}
        finish = self.finish if number == self.sequence.output else None
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + orjson.dumps({**self.head, "choices": [choice]}) + b"\n\n"

    def usage(self) -> dict[str, Any]:
        prompt, completion = self.sequence.prompt, self.sequence.output
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self.sequence.cached},
        }
