"""An OpenID provider that does what a test says: it can delay, corrupt, rotate, go away, and it counts."""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from joserfc import jwa
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

Key = RSAKey | ECKey | OKPKey
AUDIENCE = "ai"
SIGNERS = {algorithm.name: algorithm for algorithm in jwa.JWS_ALGORITHMS}
WELL_KNOWN = "/.well-known/openid-configuration"


@cache
def rsa_key(kid: str = "rsa-1", size: int = 2048) -> RSAKey:
    return RSAKey.generate_key(size, {"kid": kid})


@cache
def ec_key(kid: str = "ec-1", curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})


@cache
def ed_key(kid: str = "ed-1") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def public(key: Key, **members: Any) -> dict[str, Any]:
    """The JWK as an issuer publishes it, with these members besides."""
    return {**key.as_dict(private=False), "use": "sig", **members}


def sign(key: Key | OctKey, algorithm: str, claims: Mapping[str, Any] | bytes, **header: Any) -> bytes:
    """A token signed with `key` by `algorithm`, whatever its header and claims say; `...` leaves a member out."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    said = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **header}
    protected = json.dumps({name: value for name, value in said.items() if value is not ...}).encode()
    signed = b".".join(map(base64url, (protected, payload)))
    return signed + b"." + base64url(SIGNERS[algorithm].sign(signed, key))


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class ScriptedIssuer:
    """A provider at `url`, which is also its name; on leaving the block it is gone.

    `keys` is what it publishes. `discovery` overrides members of the discovery document. Any answer is held back while
    `open` is not set, and is `answer` when there is one (status, headers, body). `asked` counts requests by path.
    """

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys: Sequence[Any] = keys or (public(rsa_key()), public(ec_key()))
        self.discovery: dict[str, Any] = {}
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.asked = {WELL_KNOWN: 0, "/keys": 0}
        self.open = asyncio.Event()
        self.open.set()
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fetched(self) -> int:
        """How often the key set was asked for."""
        return self.asked["/keys"]

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.go_away()

    async def come_back(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def go_away(self) -> None:
        """Refuse connections until `come_back`."""
        self.open.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        await self.open.wait()
        if self.answer is not None:
            status, headers, body = self.answer
            return web.Response(status=status, headers=headers, body=body)
        if request.path == WELL_KNOWN:
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovery})
        if request.path == "/keys":
            return web.json_response({"keys": list(self.keys)})
        raise web.HTTPNotFound

    def claims(self, now: float, **claims: Any) -> dict[str, Any]:
        """What a good token says at `now`, with these claims besides; `...` leaves one out."""
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": int(now), "exp": int(now) + 3600, **claims}
        return {name: value for name, value in good.items() if value is not ...}
