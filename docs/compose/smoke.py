"""What a client asks, asked of the gateway at the URL given: plain, streamed, tokenless; ends with 0 or a reason."""

import asyncio
import sys

import aiohttp

from gateway.cli import main as gateway_command

QUESTION = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}
DONE = b"data: [DONE]"


async def smoke(base: str, token: str) -> None:
    """Raises AssertionError with what was not as it should be."""
    url = f"{base}/v1/llm/chat/completions"
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
        async with session.post(url, json=QUESTION, headers=headers) as reply:
            assert reply.status == 200, f"plain: {reply.status} {await reply.text()}"
            assert (await reply.json())["choices"], "plain: no choices"
            assert "RateLimit" in reply.headers, "plain: no rate limit applies"
        async with session.post(url, json={**QUESTION, "stream": True}, headers=headers) as reply:
            assert reply.status == 200, f"streamed: {reply.status}"
            assert DONE in await reply.read(), "streamed: the stream has no end"
        async with session.post(url, json=QUESTION) as reply:
            assert reply.status == 401, f"without a token: {reply.status}"


def token() -> str:
    """A token signed with JWT_SECRET, from the gateway's own command."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as said:
        code = gateway_command(["token", "--sub", "smoke", "--ttl", "5m"])
    assert code == 0, "no token: is JWT_SECRET set?"
    return said.getvalue().strip()


if __name__ == "__main__":
    asyncio.run(smoke(sys.argv[1], token()))
    sys.stdout.write("all is well\n")
