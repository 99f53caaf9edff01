"""One place to send requests to, and what the balancer knows about it."""

from urllib.parse import urlsplit


class Upstream:
    """An address behind a service: plain state that strategies read and `forward` keeps true.

    `name` is the host:port shown in metrics and logs, `base` the path of its URL without a trailing slash,
    `in_flight` the number of exchanges it is working on.
    """

    __slots__ = ("base", "host", "in_flight", "name", "port", "tls", "url", "weight")

    def __init__(self, url: str, weight: int = 1) -> None:
        parts = urlsplit(url)
        self.url = url
        self.tls = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if self.tls else 80)
        self.base = parts.path.rstrip("/").encode("ascii")
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.name = f"{host}:{self.port}"
        self.weight = weight
        self.in_flight = 0

    @property
    def authority(self) -> bytes:
        """The Host header it is sent: the port is left out when it is the scheme's own."""
        default = 443 if self.tls else 80
        return (self.name.removesuffix(f":{default}") if self.port == default else self.name).encode("ascii")

    def __repr__(self) -> str:
        return f"<Upstream {self.url} in_flight={self.in_flight}>"
