"""The Lua script that decides in Redis, put together from the files beside this one."""

from functools import cache
from hashlib import sha1
from importlib.resources import files

PARTS = ("prelude", "token_bucket", "leaky_bucket", "sliding_window", "approximate_window", "concurrency", "batch")


@cache
def source() -> str:
    """The whole script."""
    folder = files("gateway.limit")
    return "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in PARTS)


@cache
def digest() -> str:
    """What Redis knows the script by."""
    return sha1(source().encode(), usedforsecurity=False).hexdigest()
