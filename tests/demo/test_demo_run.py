"""`demo`: two model servers, a fresh secret, and a greeting that works when pasted."""

import re
from collections.abc import Callable

import aiohttp
import pytest

from gateway.auth import registry
from gateway.auth.scheme_tools import Tools
from gateway.config.tree import Config
from gateway.demo.run import SERVICE, SUBJECT, demo, greeting
from gateway.runtime import Runtime

PORT = 4711


async def test_the_gateway_gets_two_living_models_and_the_greeting_a_token_that_it_accepts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fingerprints = set()
    secrets = []

    async def serve(config: Config, on_ready: Callable[[int], None]) -> int:
        assert config.server.port == 0
        assert config.jwt.secret is not None
        secrets.append(config.jwt.secret.get_secret_value())
        for upstream in config.services[SERVICE].upstreams:
            fingerprints.add(await _fingerprint(str(upstream.url)))
        on_ready(PORT)
        return 3

    assert await demo("127.0.0.1", 0, serve) == 3
    assert await demo("127.0.0.1", 0, serve) == 3
    assert fingerprints == {"demo-a", "demo-b"}
    assert secrets[0] != secrets[1]
    said = capsys.readouterr().out
    assert f"http://127.0.0.1:{PORT}/v1/{SERVICE}/chat/completions" in said
    token = re.findall(r"^TOKEN=(\S+)$", said, re.MULTILINE)[0]
    options = Config.model_validate({"jwt": {"secret": secrets[0]}})
    proof = await registry.build(options, Tools(Runtime())).schemes[0].prove(token.encode())
    assert proof is not None
    assert proof.identity.subject == SUBJECT


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "localhost"), ("::", "localhost"), ("10.0.0.1", "10.0.0.1"), ("::1", "[::1]")]
)
def test_the_greeting_names_an_address_that_can_be_called(host: str, shown: str) -> None:
    assert f" http://{shown}:{PORT}/v1/" in greeting(host, PORT, "token")


async def _fingerprint(base: str) -> str:
    question = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    async with aiohttp.ClientSession() as session, session.post(f"{base}/chat/completions", json=question) as reply:
        fingerprint: str = (await reply.json())["system_fingerprint"]
        return fingerprint
