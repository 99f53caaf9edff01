"""`demo`: two model servers, a fresh secret, and a greeting that works when pasted."""

import asyncio
import re
import shutil
import sys
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


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_what_the_command_shows_works_when_pasted() -> None:
    command = (sys.executable, "-m", "gateway", "demo", "--port", "0")
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    try:
        said = (await asyncio.wait_for(running.stdout.readuntil(b"print("), 30)).decode()
        said += (await running.stdout.readline()).decode()
        shell, python = said[said.index("TOKEN=") :].split("\n\nfrom", 1)
        plain, _, streamed = (await _output("bash", "-c", shell)).partition("data: ")
        assert '"object":"chat.completion"' in plain
        assert streamed.endswith("data: [DONE]\n\n")
        assert (await _output(sys.executable, "-c", f"from{python}")).startswith("Hi")
    finally:
        running.terminate()
        await running.communicate()
    assert running.returncode == 0


async def _output(*command: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    output, complaints = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, complaints.decode()
    return output.decode()


async def _fingerprint(base: str) -> str:
    question = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    async with aiohttp.ClientSession() as session, session.post(f"{base}/chat/completions", json=question) as reply:
        fingerprint: str = (await reply.json())["system_fingerprint"]
        return fingerprint
