"""What a scheme is built with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import ClientSession

from gateway.auth.base import Scheme
from gateway.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Tools:
    """The runtime; the client to ask issuers with; and, by name, the schemes that these ones will replace."""

    runtime: Runtime
    client: ClientSession | None = None
    previous: Mapping[str, Scheme] = field(default_factory=dict)
