"""A request as the openai Python client sends it, as bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.token import TOKEN

# The head of the openai client, in its order and spelling (tests/bench compares the names).
HEAD = (
    ("Host", "127.0.0.1:{port}"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("authorization", "Bearer {token}"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("user-agent", "AsyncOpenAI/Python 3.57.0"),
    ("x-stainless-lang", "python"),
    ("x-stainless-package-version", "3.57.0"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.11.7"),
    ("x-stainless-async", "async:asyncio"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
)
# wrk's script fills in: a number that starts again, one that never comes again, the next line of a file.
TURN, ONCE, LINE = "@" * 16, "#" * 16, "~" * 16
BEFORE, AFTER = '{"model":"constant",%s"messages":[{"role":"user","content":"', '"}]}'


class Address(Protocol):
    """Where a request goes; a `bench.contenders.base.Running`."""

    @property
    def port(self) -> int: ...
    @property
    def base(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Shape:
    """What a request looks like: the path after the base, the body's size in bytes, and fields besides the client's."""

    path: str = "/chat/completions"
    body: int = 1024
    token: str = TOKEN
    close: bool = False
    stream: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


def request(to: Address, shape: Shape) -> bytes:
    """The whole request: head and JSON body."""
    lines = [f"POST {to.base}{shape.path} HTTP/1.1"]
    lines += [f"{name}: {value.format(port=to.port, token=shape.token)}" for name, value in HEAD]
    if shape.close:
        lines[lines.index("Connection: keep-alive")] = "Connection: close"
    lines += [f"{name}: {value}" for name, value in _all((to.headers, shape.fields))]
    before = BEFORE % ('"stream":true,' if shape.stream else "")
    body = before + "w" * (shape.body - len(before) - len(AFTER)) + AFTER
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode()


def _all(fields: Iterable[Mapping[str, str]]) -> list[tuple[str, str]]:
    return [item for each in fields for item in each.items()]
