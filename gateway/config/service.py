"""The options of one service: its upstreams, and how they are called."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from gateway.config.claims import ClaimName, Scope
from gateway.config.http import LOOKED_UP, HashKey, HeaderName, HeaderValue, RetryableStatus, UpstreamUrl, UrlPath
from gateway.config.kinds import Flag, Path, Text, whole
from gateway.config.section import Section
from gateway.config.telemetry import Ratio
from gateway.config.units import Duration, PositiveDuration


class UpstreamEntry(Section):
    """One address behind a service."""

    url: UpstreamUrl = Field(
        description="where requests go; what follows `/v1/{service}` is appended to its path. With `dns+` before it,"
        " every address behind the name is an upstream, with `srv+` every SRV record; looked up again and again"
    )
    weight: Annotated[int, whole(1, 1000)] = Field(1, description="its share beside the other upstreams")
    priority: Annotated[int, whole(0, 100)] = Field(
        0, description="the lowest number gets all requests while enough of its upstreams are available"
    )

    @property
    def is_name(self) -> bool:
        """Its addresses are looked up again and again."""
        return self.url.startswith(LOOKED_UP)

    @property
    def is_secure(self) -> bool:
        return urlsplit(self.url).scheme.endswith("https")


class RequestHeaders(Section):
    """What the upstream gets beside the client's own headers."""

    set: Mapping[HeaderName, HeaderValue] = Field(
        default_factory=dict, description="headers sent to the upstream instead of the client's of that name"
    )
    remove: tuple[HeaderName, ...] = Field((), description="headers of the client that the upstream does not get")


class Timeouts(Section):
    """How long an upstream may take; 0 = no limit."""

    connect: Duration = Field(2.0, description="until a connection, and its TLS, is made; 0 = no limit")
    first_byte: Duration = Field(60.0, description="from the request sent to the reply's first byte; 0 = no limit")
    idle: Duration = Field(60.0, description="longest silence within the reply; 0 = no limit")
    total: Duration = Field(0.0, description="the whole exchange; 0 = no limit")


class Retries(Section):
    """When another upstream gets a chance."""

    attempts: Annotated[int, whole(1, 10)] = Field(
        2, description="upstreams tried for one request, the first included; 1 = no retry"
    )
    budget: Ratio = Field(0.2, description="retries as a share of the requests of the last ten seconds, at most")
    statuses: tuple[RetryableStatus, ...] = Field(
        (502, 503, 504), description="replies of an upstream that let another one answer a repeatable request"
    )


class Hedging(Section):
    """When a repeatable request is sent to a second upstream although the first has not failed."""

    budget: Ratio = Field(
        0.0,
        description="second copies as a share of the requests of the last ten seconds, at most; 0 = none. One is sent"
        " when the first byte is later than 95 % of the others were; the slower attempt is aborted",
    )


class Health(Section):
    """Active checks of every upstream."""

    path: UrlPath | None = Field(
        None,
        description="what is asked for, on the upstream's host, with the headers of `request_headers.set`; choose one"
        " that costs no tokens. Without it a check is a connection that is made; docs/balancing.md says when none is",
    )
    interval: Duration = Field(5.0, description="between two checks of an upstream; 0 = no checks")
    timeout: PositiveDuration = Field(2.0, description="longest wait for the status of `path`, or for the connection")
    healthy_after: Annotated[int, whole(1, 100)] = Field(2, description="good checks in a row that make it healthy")
    unhealthy_after: Annotated[int, whole(1, 100)] = Field(3, description="bad checks in a row that take it out")


class Outlier(Section):
    """When an upstream that fails is left alone for a while."""

    consecutive_failures: Annotated[int, whole(0, 1000)] = Field(
        5, description="failures in a row that eject an upstream; 0 = never"
    )
    ejection: PositiveDuration = Field(
        30.0, description="how long the first time; twice as long the second time in a row, up to ten times"
    )
    max_ejected: Ratio = Field(0.5, description="the share of a service's upstreams ejected at once, but at least one")


class Queue(Section):
    """Where requests wait while all upstreams are at `max_connections`."""

    size: Annotated[int, whole(0, 100_000)] = Field(100, description="requests waiting, more are answered with 503")
    timeout: Duration = Field(1.0, description="longest wait, then 503")


class Service(Section):
    """A named group of upstreams, reached at `/v1/{service}/`."""

    upstreams: tuple[UpstreamEntry, ...] = Field(min_length=1)
    strategy: Literal["adaptive", "consistent_hash", "least_connections", "p2c_ewma", "round_robin", "weighted"] = (
        Field("adaptive", description="which upstream is next; docs/balancing.md says what each does")
    )
    hash_key: HashKey = Field(
        "client",
        description="with `consistent_hash`, whose requests stay together: `client` is the subject, or the address of"
        " who has none; `subject`, `address` or `header:NAME`",
    )
    auth: Literal["required", "none"] = Field("required", description="`none` lets anyone call this service")
    scopes: tuple[Scope, ...] = Field((), description="scopes a caller needs, all of them, else 403")
    claims: Mapping[ClaimName, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default_factory=dict, description="claims a caller needs, each with one of the values listed, else 403"
    )
    forward_authorization: Flag = Field(False, description="whether the upstream sees the client's `Authorization`")
    request_headers: RequestHeaders = Field(default_factory=RequestHeaders)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    retries: Retries = Field(default_factory=Retries)
    hedging: Hedging = Field(default_factory=Hedging)
    health: Health = Field(default_factory=Health)
    outlier: Outlier = Field(default_factory=Outlier)
    queue: Queue = Field(default_factory=Queue)
    max_connections: Annotated[int, whole(1, 10**6)] = Field(1000, description="connections to one upstream")
    keepalive_timeout: PositiveDuration = Field(
        4.0,
        description="how long an idle connection to an upstream is kept, or a second less than the upstream says. Stay"
        " below its own time (5 s with uvicorn, so vLLM) and that of anything between, or one is gone when it is used",
    )
    upstream_ca: Path | None = Field(
        None, description="PEM file of the authorities for `https` upstreams, instead of the system's"
    )
