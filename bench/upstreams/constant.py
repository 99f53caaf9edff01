"""nginx that answers everything with the same JSON, at almost no cost."""

from collections.abc import Mapping
from typing import Any

from bench.nginx import CONSTANT, READER, constant_upstream
from bench.stage import Stage

NUMBER = "-0.01234567,"
LONGEST = 4000  # bytes of a word in nginx's configuration


def start(stage: Stage, count: int, options: Mapping[str, Any]) -> list[int]:
    """On `count` ports; `reply_bytes` in the options gives an embeddings reply of about that size."""
    return constant_upstream(stage, count, http=CONSTANT, **_reply(options))


def start_reader(stage: Stage, count: int, options: Mapping[str, Any]) -> list[int]:
    """The same, but a request is answered when all of its body is there."""
    return constant_upstream(stage, count, http=READER, **_reply(options))


def _reply(options: Mapping[str, Any]) -> dict[str, str]:
    return {"reply": embedding(int(options["reply_bytes"]))} if "reply_bytes" in options else {}


def embedding(size: int) -> str:
    """nginx's words for it: a longer one than its configuration may hold is made of a variable, many times over."""
    words = NUMBER * (LONGEST // len(NUMBER))
    before, after = '{"object":"list","data":[{"embedding":[', '0],"index":0}],"model":"constant"}'
    times = max((size - len(before) - len(after)) // len(words), 1)
    return f"set $words '{words}'; return 200 '{before}{'${words}' * times}{after}';"
