"""The authentication schemes by the name that `auth.type` gives them."""

from collections.abc import Callable, Mapping

from gateway.auth.base import Authenticator, Nobody
from gateway.auth.jwt import Jwt
from gateway.config.tree import Config
from gateway.runtime import Runtime


def _nobody(config: Config, runtime: Runtime) -> Authenticator:
    return Nobody()


def _jwt(config: Config, runtime: Runtime) -> Authenticator:
    secret = config.jwt.secret
    if secret is None:
        raise ValueError("jwt.secret: auth.type is jwt, which needs it; set JWT_SECRET or JWT_SECRET_FILE")
    return Jwt(
        secret.get_secret_value().encode("utf-8", "surrogateescape"),  # bytes that an environment held, as they were
        runtime,
        algorithms=config.jwt.algorithms,
        issuer=config.jwt.issuer,
        audience=config.jwt.audience,
        leeway=config.jwt.leeway,
        cache_size=config.auth.cache_size,
    )


SCHEMES: Mapping[str, Callable[[Config, Runtime], Authenticator]] = {
    "none": _nobody,
    "jwt": _jwt,
}


def build(config: Config, runtime: Runtime) -> Authenticator:
    """The scheme that `config.auth.type` names; raises ValueError, with key and remedy, if it would not be safe."""
    scheme = SCHEMES.get(config.auth.type)
    if scheme is None:
        raise ValueError(f"auth.type: {config.auth.type!r} is not one of {', '.join(SCHEMES)}")
    return scheme(config, runtime)
