"""Where Redis is: the URL's forms, read and checked without connecting."""

import re
from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from gateway.config.kinds import is_host
from gateway.config.secret import secret

URL = (
    "redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, redis+sentinel://[..@]HOST[:PORT],HOST../NAME[/DB], "
    "or redis+cluster://[..@]HOST[:PORT],HOST..; percent-encode what is special in a password"
)
SENTINEL_PORT = 26379
PORT = 6379

_SCHEME = re.compile(r"(redis|rediss)(\+sentinel|\+cluster)?")


class Place(NamedTuple):
    """What a URL says. `kind` is "single", "sentinel" or "cluster"; `primary` is the name that Sentinels know."""

    kind: str
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    primary: str
    database: int

    def __str__(self) -> str:
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)


def parse_redis_url(url: str) -> Place:
    """ValueError says what is allowed, without repeating the URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(URL) from None
    scheme = _SCHEME.fullmatch(parts.scheme)
    if not scheme or not url.isascii() or not url.isprintable() or parts.query or parts.fragment:
        raise ValueError(URL)
    kind = scheme[2][1:] if scheme[2] else "single"
    user_info, _, where = parts.netloc.rpartition("@")
    username, _, password = user_info.partition(":")
    hosts = tuple(_host(text, SENTINEL_PORT if kind == "sentinel" else PORT) for text in where.split(","))
    if (kind == "single" and len(hosts) > 1) or (username and not password):
        raise ValueError(URL)
    primary, database = _path(parts.path, kind)
    return Place(
        kind, scheme[1] == "rediss", hosts, unquote(username) or None, unquote(password) or None, primary, database
    )


def _host(text: str, port: int) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?", text)
    if not match or not is_host(match[1] or match[2]) or (match[3] and not 1 <= int(match[3]) <= 65535):
        raise ValueError(URL)
    return match[1] or match[2], int(match[3] or port)


def _path(path: str, kind: str) -> tuple[str, int]:
    steps = path.strip("/").split("/") if path.strip("/") else []
    primary = unquote(steps.pop(0)) if kind == "sentinel" and steps else ""
    if (kind == "sentinel") != bool(primary) or (kind == "cluster" and steps) or len(steps) > 1:
        raise ValueError(URL)
    if steps and not re.fullmatch(r"[0-9]{1,4}", steps[0]):
        raise ValueError(URL)
    return primary, int(steps[0]) if steps else 0


def _check(url: str) -> None:
    parse_redis_url(url)


RedisUrl = Annotated[SecretStr, secret(_check)]
