"""Where traces go, and how many of them there are."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from gateway.config.http import Url
from gateway.config.kind import Kind
from gateway.config.kinds import Flag, Text
from gateway.config.section import Section

OTLP = "http://{host}:4318/v1/traces"
# Where Jaeger took Thrift over HTTP; since version 2 it speaks OTLP only.
THRIFT_PORT, THRIFT_PATH = 14268, "/api/traces"


def read_ratio(value: object) -> float:
    """A part of the whole; ValueError unless it is from 0 to 1."""
    try:
        ratio = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise ValueError("a number from 0 to 1, such as 0.01 for one in a hundred")
    return ratio


def otlp_endpoint(jaeger: str) -> str | None:
    """The OTLP address of the host whose Thrift address `jaeger` is; None when it is not a Thrift address."""
    try:
        parts = urlsplit(jaeger)
        thrift = parts.port == THRIFT_PORT or parts.path.rstrip("/") == THRIFT_PATH
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return OTLP.format(host=host) if thrift and host else None


Ratio = Annotated[float, Kind(read_ratio, {"type": "number", "minimum": 0, "maximum": 1, "x-type": "0 to 1"}, float)]


class Tracing(Section):
    """OpenTelemetry traces, over OTLP/HTTP."""

    enabled: Flag = Field(False, description="whether traces are made at all; `traceparent` is passed on in any case")
    endpoint: Url = Field(
        OTLP.format(host="localhost"),
        description="the collector, with its path; a Jaeger is one. `JAEGER_ENDPOINT` is another name of the variable",
    )
    sample_ratio: Ratio = Field(
        1.0, description="how many of the traces that begin here are kept; a caller's decision is followed"
    )
    service_name: Text = Field("ai-api-gateway", description="how the gateway is called in traces")
