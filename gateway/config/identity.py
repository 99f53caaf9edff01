"""The sections that say who may call: auth, jwt, oidc."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from gateway.config.claims import ClaimHeader, ClaimName
from gateway.config.http import SecureUrl
from gateway.config.kinds import Path, Text, whole
from gateway.config.secret import HmacSecret
from gateway.config.section import Section
from gateway.config.units import Duration, PositiveDuration

Hmac = Literal["HS256", "HS384", "HS512"]
# RFC 7518, section 3.1 and RFC 8037, without what is weak (none, RSA1_5) or rarely sound (ES256K).
PublicKeyed = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
Algorithm = Literal[Hmac, PublicKeyed]
HMACS: tuple[str, ...] = get_args(Hmac)


class Auth(Section):
    """Who may call."""

    type: Literal["none", "jwt", "oidc", "both"] = Field(
        "jwt",
        description="how callers prove who they are; with `both`, a token's issuer decides; `none` asks nobody, "
        "or for an API key where `auth.api_keys_file` is set",
    )
    cache_size: Annotated[int, whole(1, 10**7)] = Field(10_000, description="verified tokens remembered")
    api_keys_file: Path | None = Field(
        None, description="YAML list of API keys, accepted beside what `auth.type` says; read again when it changes"
    )
    claim_headers: Mapping[ClaimHeader, ClaimName] = Field(
        default_factory=dict, description="claims that upstreams get, by the header's name; the client's never pass"
    )


class Jwt(Section):
    """Tokens signed with a shared secret, or by whoever has the private key of a public one."""

    secret: HmacSecret | None = Field(
        None, description="the shared secret, at least 32 bytes; this or `jwt.public_key` when `auth.type` is `jwt`"
    )
    previous_secret: HmacSecret | None = Field(None, description="still accepted while secrets rotate")
    public_key: Path | None = Field(
        None, description="PEM file of the public key, or of two while they rotate, instead of a secret"
    )
    algorithms: tuple[Algorithm, ...] = Field(("HS256",), min_length=1, description="signature algorithms accepted")
    issuer: Text | None = Field(None, description="when set, the `iss` a token must carry")
    audience: Text | None = Field(None, description="when set, the `aud` a token must carry")
    leeway: Duration = Field(30.0, description="clock difference tolerated in `exp`, `nbf` and `iat`")


class Oidc(Section):
    """Tokens of an OpenID provider, whose keys the gateway fetches."""

    issuer: SecureUrl | None = Field(
        None, description="the `iss` a token must carry; keys are discovered below it; needed for `oidc` and `both`"
    )
    audience: Text | None = Field(None, description="the `aud` a token must carry; needed for `oidc` and `both`")
    jwks_uri: SecureUrl | None = Field(
        None, description="where the keys are, when that is not on the issuer's host; then nothing is discovered"
    )
    algorithms: tuple[PublicKeyed, ...] = Field(
        ("RS256", "ES256"), min_length=1, description="signature algorithms accepted"
    )
    leeway: Duration = Field(30.0, description="clock difference tolerated in `exp`, `nbf` and `iat`")
    refresh_interval: PositiveDuration = Field(
        600.0, description="how old the keys get before they are fetched again: a removed key works no longer than that"
    )
    max_stale: Duration = Field(86400.0, description="how long keys live on while the issuer cannot be reached")
