"""Tokens of any shape, requests that carry them, and a gateway whose clock the test sets."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.auth.base import Authenticator, Reason
from gateway.auth.claims import Expected
from gateway.auth.gate import Gate
from gateway.auth.jwt import Jwt
from gateway.auth.scheme_tools import Tools
from gateway.errors import Unauthenticated
from gateway.exchange import Identity, Request
from gateway.runtime import Runtime

SECRET = b"\x8d\x11%\xc9^z\x80\xf2\x03\x9a\xd7\x1e\xba\x05\xe9>Gp\x17\xca\x94\xb2\x7f\xd0\x1c\x88\xee\x0bR\xf6\xa3k"
LONG_SECRET = SECRET + SECRET  # for HS384 and HS512
ISSUER = "https://issuer.test/a"
NOW = 1_800_000_000
LEEWAY = 30
HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"sub": "alice", "exp": NOW + 3600}
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

Part = bytes | dict[str, object]


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def encode(part: Part) -> bytes:
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def forge(header: Part = HEADER, claims: Part = CLAIMS, *, secret: bytes = SECRET, algorithm: str = "HS256") -> bytes:
    """A token with exactly this header and payload, truly signed with `secret`."""
    signed = encode(header) + b"." + encode(claims)
    return signed + b"." + base64url(hmac.new(secret, signed, HASHES[algorithm]).digest())


def headed(**header: object) -> bytes:
    """A truly signed token whose header also has these members."""
    return forge({**HEADER, **header})


def claiming(**claims: object) -> bytes:
    """A truly signed token with these claims as well."""
    return forge(claims={**CLAIMS, **claims})


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in CLAIMS.items() if name not in names}


def request(*values: bytes) -> Request:
    """A request with these Authorization fields; which of several the wire would pick is left open: the last."""
    request = Request()
    request.authorization = values[-1] if values else None
    request.fields = ((b"host", b"gateway"), *((b"authorization", value) for value in values))
    return request


def token_gate(
    clock: Clock | None = None,
    *,
    secrets: Sequence[bytes] = (SECRET,),
    algorithms: Sequence[str] = ("HS256",),
    scheme: type[Jwt] = Jwt,
    cache_size: int = 1000,
    **expected: Any,
) -> Gate:
    """A gate for tokens of `secrets`; `expected` is what they must say, with a leeway of LEEWAY."""
    tools = Tools(Runtime(wall=clock or Clock()))
    keys = [(secret, algorithms) for secret in secrets]
    jwt = scheme(keys, Expected(**{"leeway": LEEWAY, **expected}), tools, algorithms=algorithms)
    return Gate([jwt], tools.runtime, cache_size=cache_size)


def ask(gate: Authenticator, *values: bytes) -> Identity:
    """What the gate says to these Authorization values; fails if it waits for anything."""
    with pytest.raises(StopIteration) as answer:
        gate.authenticate(request(*values)).send(None)
    return answer.value.value


def reason(gate: Authenticator, *values: bytes) -> Reason:
    """Why the gate refuses these Authorization values."""
    with pytest.raises(Unauthenticated) as refusal:
        gate.authenticate(request(*values)).send(None)
    return refusal.value.detail


def verdict(gate: Gate, token: bytes) -> str:
    """`ok`, or why the first scheme of `gate` refuses `token`, from first principles and without the memory."""
    try:
        gate.schemes[0].prove(token).send(None)
    except StopIteration:
        return "ok"
    except Unauthenticated as refusal:
        return refusal.detail
    raise AssertionError("it waits")
