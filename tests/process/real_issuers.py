"""Real OpenID providers as processes: PyPI's oidc-provider-mock, and npm's certified oidc-provider."""

import asyncio
import json
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc.jwk import RSAKey

START_SECONDS = 20.0
CERTIFIED = "oidc-provider@9.13.3"
FOLDER = Path(sys.prefix) / "node" / CERTIFIED
SECRET = "a secret between the robot and the provider"
CALLBACK = "http://localhost/callback"


class RealIssuer(ABC):
    """A provider at `url` that a test starts, stops and rotates. `audience` and `subject` are in its tokens."""

    audience = ""
    subject = ""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    async def start(self) -> None:
        """Run it, and wait until it answers."""
        self._child = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while True:
                assert self._child.poll() is None, "the provider ended"
                try:
                    async with session.get(f"{self.url}/.well-known/openid-configuration"):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    async def rotate(self) -> None:
        """From now on it signs with a new key, and publishes nothing else."""
        self.stop()
        await self.start()

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """What runs it."""

    @abstractmethod
    async def token(self) -> str:
        """A token for `audience`, by whatever grant the provider has."""

    async def _post(self, path: str, data: dict[str, str], auth: tuple[str, str]) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url + path, data=data, headers={"Authorization": aiohttp.encode_basic_auth(*auth)}
            ) as reply,
        ):
            answer: dict[str, Any] = await reply.json()
            assert reply.status == 200, answer
            return answer


class Mock(RealIssuer):
    """oidc-provider-mock: authorization code only, and only its ID tokens are JWTs; a new key each time it starts."""

    audience = "ai"
    subject = "alice"

    def _command(self) -> Sequence[str]:
        command = (sys.executable, "-W", "ignore", "-m", "oidc_provider_mock")
        return (*command, "--port", str(self.port), "--user", self.subject)

    async def token(self) -> str:
        query = {"client_id": self.audience, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{self.url}/oauth2/authorize", params=query, data={"sub": self.subject}, allow_redirects=False
            ) as reply,
        ):
            [code] = parse_qs(urlsplit(reply.headers["Location"]).query)["code"]
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        answer = await self._post("/oauth2/token", grant, (self.audience, "any"))
        return str(answer["id_token"])


class Certified(RealIssuer):
    """The certified oidc-provider: JWT access tokens (RFC 9068) by client credentials, for a resource (RFC 8707)."""

    audience = "urn:ai"
    subject = "robot"
    _rotations = 0

    def _command(self) -> Sequence[str]:
        key = RSAKey.generate_key(2048, {"kid": f"key-{self._rotations}", "use": "sig", "alg": "RS256"})
        self._rotations += 1
        keys = self._folder / "keys.json"
        keys.write_text(json.dumps({"keys": [key.as_dict(private=True)]}))
        script = shutil.copy(Path(__file__).with_name("certified_issuer.mjs"), FOLDER)
        return ("node", str(script), str(self.port), str(keys))

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(_install)
        return await super().__aenter__()

    async def token(self) -> str:
        grant = {"grant_type": "client_credentials", "scope": "chat", "resource": self.audience}
        answer = await self._post("/token", grant, (self.subject, SECRET.replace(" ", "+")))
        return str(answer["access_token"])


NODE = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="the certified oidc-provider needs node and npm on PATH"
)
ISSUERS = [pytest.param(Mock, id="mock"), pytest.param(Certified, id="certified", marks=NODE)]


def _install() -> None:
    """Put the package, at the version pinned, beside the virtual environment's; once."""
    if (FOLDER / "node_modules" / "oidc-provider").is_dir():
        return
    command = ("npm", "install", "--prefix", str(FOLDER), "--ignore-scripts", "--no-audit", "--no-fund", CERTIFIED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}")
