"""The tree of options. A field's description is its line in docs/configuration.md."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from gateway.config.http import ServiceName
from gateway.config.identity import Auth, Jwt, Oidc
from gateway.config.kinds import Flag, Host, Network, Path, Port, whole
from gateway.config.ratelimit import RateLimit
from gateway.config.redis import RedisUrl
from gateway.config.section import Section
from gateway.config.service import Service
from gateway.config.telemetry import Tracing
from gateway.config.units import Duration, PositiveDuration, Size

__all__ = ["Admin", "Auth", "Config", "Jwt", "Log", "Oidc", "RateLimit", "Redis", "Server", "Service", "Tracing"]


class Server(Section):
    """The public listener."""

    host: Host = Field("0.0.0.0", description="address to listen on")  # noqa: S104
    port: Port = Field(8080, description="port to listen on; 0 takes any free one")
    tls_cert: Path | None = Field(None, description="PEM file of the certificate and its chain; with `tls_key`, TLS")
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key, not encrypted")
    tls_client_ca: Path | None = Field(
        None, description="PEM file of the authorities that client certificates must come from (mutual TLS)"
    )
    max_connections: Annotated[int, whole(1, 10**6)] = Field(
        10_000, description="clients connected at once; more are turned away"
    )
    max_body_size: Size = Field(100 << 20, description="largest request body, more is 413; 0 = unlimited")
    header_timeout: PositiveDuration = Field(
        10.0, description="from accept, or from the first byte of a later request, to the end of the head"
    )
    body_timeout: PositiveDuration = Field(30.0, description="longest silence while a request body is arriving")
    keepalive_timeout: PositiveDuration = Field(75.0, description="how long an idle connection stays open")
    drain_delay: Duration = Field(
        0.0, description="after SIGTERM: keep accepting this long, with `/ready` already saying no"
    )
    drain_timeout: Duration = Field(30.0, description="after that: finish what is in flight, at most this long")
    trusted_proxies: tuple[Network, ...] = Field((), description="peers whose `X-Forwarded-*` are believed")


class Admin(Section):
    """Where operators look."""

    host: Host = Field("127.0.0.1", description="address to listen on when `admin.port` is set")
    port: Port | None = Field(None, description="when set, `/metrics` moves to this port and leaves the public one")


class Redis(Section):
    """Where gateways share their limits."""

    url: RedisUrl | None = Field(
        None,
        description="`redis://`, `rediss://` (TLS), `redis+sentinel://` or `redis+cluster://`; "
        "without it every gateway process counts by itself, in memory",
    )
    timeout: PositiveDuration = Field(0.025, description="longest wait of a request for Redis, queueing included")
    tls_ca: Path | None = Field(
        None, description="PEM file of the authorities for Redis' certificate, instead of the system's"
    )


class Log(Section):
    """What is logged, on stdout."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least grave level written")
    format: Literal["json", "text"] = Field("json", description="one JSON object a line, or text for people")
    access: Flag = Field(True, description="whether each request is logged")


class Config(Section):
    """Everything the gateway is told."""

    server: Server = Field(default_factory=Server)
    admin: Admin = Field(default_factory=Admin)
    auth: Auth = Field(default_factory=Auth)
    jwt: Jwt = Field(default_factory=Jwt)
    oidc: Oidc = Field(default_factory=Oidc)
    redis: Redis = Field(default_factory=Redis)
    ratelimit: RateLimit = Field(default_factory=RateLimit)
    log: Log = Field(default_factory=Log)
    tracing: Tracing = Field(default_factory=Tracing)
    services: Mapping[ServiceName, Service] = Field(
        default_factory=dict, description="what is proxied, by the name in `/v1/{service}/`"
    )
