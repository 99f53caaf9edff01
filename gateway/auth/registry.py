"""The authentication schemes, in the order in which the gate asks them: one that takes every token comes last."""

from collections.abc import Callable, Mapping

from gateway.auth import api_keys, jwt, oidc
from gateway.auth.base import Scheme
from gateway.auth.gate import Gate
from gateway.auth.scheme_tools import Tools
from gateway.config.tree import Config

# Each gives the scheme if the configuration asks for it, and raises ValueError, with key and remedy, if it is not safe.
SCHEMES: Mapping[str, Callable[[Config, Tools], Scheme | None]] = {
    "api_keys": api_keys.build,
    "oidc": oidc.build,
    "jwt": jwt.build,
}


def build(config: Config, tools: Tools) -> Gate:
    """The gate with all schemes that `config` asks for."""
    schemes = [scheme for make in SCHEMES.values() if (scheme := make(config, tools)) is not None]
    return Gate(schemes, tools.runtime, cache_size=config.auth.cache_size, hidden=list(config.auth.claim_headers))
