"""A gate before a scripted issuer, on a clock that the test moves, and tokens for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import ClientSession
from auth_tokens import request
from fakes import HandRuntime
from scripted_issuer import AUDIENCE, Key, ScriptedIssuer, rsa_key, sign

from gateway.auth.gate import Gate
from gateway.auth.oidc import Oidc
from gateway.auth.registry import build
from gateway.auth.scheme_tools import Tools
from gateway.config.tree import Config
from gateway.errors import GatewayError
from gateway.exchange import Identity

LEEWAY = 30
SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"


class Stage:
    """The gate, its OIDC scheme, the issuer it asks and the runtime it lives in."""

    def __init__(self, config: dict[str, Any], provider: ScriptedIssuer, tools: Tools, runtime: HandRuntime) -> None:
        self.gate = gate = build(Config.model_validate(config), tools)
        self._config = config
        self._tools = tools
        self.provider = provider
        self.runtime = runtime
        [self.oidc] = [scheme for scheme in gate.schemes if isinstance(scheme, Oidc)]

    def token(self, key: Key | None = None, algorithm: str = "RS256", *, header: Any = None, **claims: Any) -> bytes:
        """A token of the issuer, good unless `header` or `claims` say otherwise; `...` leaves a member out."""
        return self.signed(self.provider.claims(self.runtime.wall(), **claims), key, algorithm, **(header or {}))

    def signed(self, claims: Any, key: Key | None = None, algorithm: str = "RS256", **header: Any) -> bytes:
        return sign(key or rsa_key(), algorithm, claims, **header)

    async def ask(self, token: bytes) -> Identity:
        """Who the gate takes the bearer of `token` for; raises what the gate raises."""
        return await self.gate.authenticate(request(b"Bearer " + token))

    async def verdict(self, token: bytes) -> str:
        """`ok`, or the detail of the refusal."""
        try:
            await self.ask(token)
        except GatewayError as refusal:
            return refusal.detail
        return "ok"

    def rebuilt(self, **oidc: Any) -> Gate:
        """The gate that replaces this one, after a reload with these keys changed."""
        config = {**self._config, "oidc": {**self._config["oidc"], **oidc}}
        previous = {scheme.name: scheme for scheme in self.gate.schemes}
        return build(Config.model_validate(config), replace(self._tools, previous=previous))

    async def settled(self) -> None:
        """Wait until no fetch is under way."""
        while self.oidc.source._landing is not None:
            await asyncio.shield(self.oidc.source._landing)

    async def after(self, seconds: float) -> None:
        """Let `seconds` pass, and what was due by then be done."""
        self.runtime.advance(seconds)
        await self.settled()


@asynccontextmanager
async def standing(
    provider: ScriptedIssuer,
    *,
    auth: dict[str, Any] | None = None,
    jwt: dict[str, Any] | None = None,
    fetched: bool = True,
    **oidc: Any,
) -> AsyncIterator[Stage]:
    """A gate that was started and, where `fetched`, has asked the issuer once, whatever came of it."""
    config = {
        "auth": {"type": "oidc", **(auth or {})},
        "jwt": jwt or {},
        "oidc": {"issuer": provider.url, "audience": AUDIENCE, "leeway": LEEWAY, **oidc},
    }
    runtime = HandRuntime()
    async with ClientSession() as client:
        stage = Stage(config, provider, Tools(runtime, client), runtime)
        stage.gate.start()
        if fetched:
            await stage.settled()
        yield stage
        stage.gate.close()
        await runtime.close()
