"""`ai-api-gateway demo`: two model servers and a gateway before them, in one process, with nothing to set up."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from gateway.auth.jwt import mint
from gateway.config.tree import Config
from gateway.demo.server import MODEL, listening, model_app
from gateway.runtime import Runtime

SERVICE = "demo"
SUBJECT = "alice"
TOKEN_LIFETIME = 12 * 3600.0
Serve = Callable[[Config, Callable[[int], None]], Awaitable[int]]


async def demo(host: str, port: int, serve: Serve) -> int:
    """Run until stopped, and give the exit code; `serve(config, on_ready)` is the gateway (`gateway.app.serve`)."""
    secret = secrets.token_urlsafe(32)
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(listening(model_app(name))) for name in ("demo-a", "demo-b")]
        token = mint(secret.encode(), SUBJECT, now=Runtime().wall(), ttl=TOKEN_LIFETIME)
        config = demo_config(host, port, secret, ports)
        return await serve(config, lambda bound: print(greeting(host, bound, token), flush=True))


def demo_config(host: str, port: int, secret: str, model_ports: list[int]) -> Config:
    """One service over the model servers, tokens signed with `secret`, limits in memory."""
    upstreams = [{"url": f"http://127.0.0.1:{model_port}/v1"} for model_port in model_ports]
    return Config.model_validate(
        {
            "server": {"host": host, "port": port},
            "jwt": {"secret": secret},
            "log": {"format": "text"},
            "services": {SERVICE: {"upstreams": upstreams}},
        }
    )


def greeting(host: str, port: int, token: str) -> str:
    """What to paste: curl plain and streaming, and Python."""
    reachable = "localhost" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104
    base = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}/v1/{SERVICE}"
    question = f'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "Why is the sky blue?"}}]'
    return f"""
AI API Gateway on {base}, before two demo models. Ctrl-C ends it.

TOKEN={token}

curl {base}/chat/completions -H "Authorization: Bearer $TOKEN" \\
  -d '{question}}}'

curl -N {base}/chat/completions -H "Authorization: Bearer $TOKEN" \\
  -d '{question}, "stream": true}}'

from openai import OpenAI
chat = OpenAI(base_url="{base}", api_key="{token}").chat.completions
print(chat.create(model="{MODEL}", messages=[{{"role": "user", "content": "Hi"}}]).choices[0].message.content)
"""
