"""The real openai client through all four stages, and `python -m gateway demo` as a newcomer meets it."""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from gateway_process import GatewayProcess, Line
from places import Place, fetch, metric, open_service, reserved_port
from raw_wire import Clients

from gateway.auth.jwt import mint
from gateway.demo.server import listening, model_app

SECRET = "a secret of the tests, not of anybody else"
BUCKET = 5
QUESTION: list[Any] = [{"role": "user", "content": "Why is the sky blue?"}]
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def token(subject: str) -> str:
    return mint(SECRET.encode(), subject, now=time.time(), ttl=600)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway that wants a token and lets every subject make five requests; the service is "llm"."""
    with ExitStack() as stack:
        port = reserved_port(stack)
        config = {
            "jwt": {"secret": SECRET},
            "ratelimit": {"bucket_size": BUCKET, "refill_rate": "10/h"},
            "services": {
                "llm": {"upstreams": [{"url": f"http://127.0.0.1:{port}/v1"}]},
                "free": open_service(port, auth="none"),
            },
        }
        gateway = stack.enter_context(GatewayProcess.serving(config, tmp_path_factory.mktemp("secured")))
        yield Place(gateway, "llm", port)


@pytest.fixture
async def model(secured: Place) -> AsyncIterator[None]:
    """The demo model behind the secured gateway."""
    async with listening(model_app("m", tokens_per_second=2000, first_token=0.001), port=secured.upstream_port):
        yield


def client_of(place: Place, key: str, service: str = "llm") -> openai.AsyncOpenAI:
    base = f"http://127.0.0.1:{place.gateway.port}/v1/{service}"
    return openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0)


@pytest.mark.usefixtures("model")
async def test_chat_plain_and_streamed_embeddings_and_models(secured: Place) -> None:
    async with client_of(secured, token("alice")) as client:
        plain = await client.chat.completions.create(model="demo", messages=QUESTION)
        assert plain.system_fingerprint == "m"
        stream = await client.chat.completions.create(
            model="demo", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(words) == plain.choices[0].message.content
        assert len(words) > 20
        assert chunks[-1].usage == plain.usage
        vectors = await client.embeddings.create(model="demo", input=["one", "two"], dimensions=64)
        assert [len(row.embedding) for row in vectors.data] == [64, 64]
        models = await client.models.list()
        assert [each.id for each in models.data] == ["demo"]
    line = await secured.gateway.logged(path="/v1/llm/chat/completions", subject="alice")
    assert line["status"] == 200
    assert line["upstream"] == f"127.0.0.1:{secured.upstream_port}"
    assert line["attempts"] == 1


async def test_without_a_token_it_is_401(secured: Place) -> None:
    status, headers, text = await fetch(secured.gateway.port, "/v1/llm/models")
    assert (status, json.loads(text)["error"]["type"]) == (401, "unauthenticated")
    assert headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "key", ["nonsense", mint(b"x" * 32, "alice", now=time.time(), ttl=600)], ids=["nonsense", "another secret"]
)
async def test_with_a_bad_token_it_is_an_authentication_error(secured: Place, key: str) -> None:
    async with client_of(secured, key) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
    assert caught.value.response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "unauthenticated"
    assert caught.value.request_id == caught.value.body["request_id"]


@pytest.mark.usefixtures("model")
async def test_an_empty_bucket_is_a_rate_limit_error_that_says_when_to_come_back(secured: Place) -> None:
    async with client_of(secured, token("bob")) as client:
        for left in reversed(range(BUCKET)):
            reply = await client.models.with_raw_response.list()
            assert reply.headers["X-RateLimit-Remaining"] == str(left)
        with pytest.raises(openai.RateLimitError) as caught:
            await client.models.list()
    headers = caught.value.response.headers
    assert headers["RateLimit-Policy"] == f'"default";q={BUCKET};w=1800'
    assert re.fullmatch(r'"default";r=0;t=[0-9]+', headers["RateLimit"])
    assert headers["X-RateLimit-Limit"] == str(BUCKET)
    assert headers["X-RateLimit-Remaining"] == "0"
    assert 1 <= int(headers["Retry-After"]) <= 360
    assert isinstance(caught.value.body, dict)
    assert (caught.value.body["type"], caught.value.body["rule"]) == ("rate_limited", "default")
    async with client_of(secured, token("carol")) as client:
        await client.models.list()
    assert await metric(secured.gateway.port, "rate_limit_hits_total", service="llm", rule="default") >= 1


async def test_an_unknown_service_is_a_not_found_error(secured: Place) -> None:
    async with client_of(secured, token("dave"), "nowhere") as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.list()
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "not_found"


@pytest.mark.usefixtures("model")
async def test_the_upstream_s_own_errors_pass_as_they_are(secured: Place) -> None:
    async with client_of(secured, token("erin")) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="gpt-9", messages=QUESTION)
    assert caught.value.code == "model_not_found"


async def test_the_upstream_learns_who_called_and_neither_the_token_nor_a_forged_name(
    secured: Place, clients: Clients
) -> None:
    forged = "X-Auth-Subject: root\r\nX_Auth_Subject: root\r\nX-AUTH-SUBJECT: root\r\n"
    async with secured.origin() as origin:
        client = await clients(secured.gateway.port)
        client.send(secured.request(fields=f"Authorization: Bearer {token('frank')}\r\n{forged}"))
        upstream = await origin.accepted()
        head = await upstream.head()
        assert head.values("x-auth-subject") == ["frank"]
        assert head.values("x_auth_subject") == []
        assert head["authorization"] is None
        upstream.send(FULL)
        await client.reply()
        client.send(secured.request(fields=forged).replace(b"/llm/", b"/free/"))
        upstream = await origin.accepted()
        head = await upstream.head()
        assert head.values("x-auth-subject") == []
        assert b"root" not in head.raw
        upstream.send(FULL)
        await client.reply()


async def test_H1_30_a_body_is_invited_only_once_token_and_limit_agree(secured: Place, clients: Clients) -> None:
    fields = "Content-Length: 2\r\nExpect: 100-continue\r\n"
    good = f"Authorization: Bearer {token('grace')}\r\n"
    async with secured.origin() as origin:
        client = await clients(secured.gateway.port)
        client.send(secured.request("POST", fields=fields))
        head, _ = await client.reply()
        assert (head.status, head["connection"]) == (401, "close")
        client = await clients(secured.gateway.port)
        upstream = None
        for _ in range(BUCKET):
            client.send(secured.request("POST", fields=good + fields))
            upstream = upstream or await origin.accepted()
            head = await upstream.head()
            assert head["expect"] is None
            assert (await client.head()).raw == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"hi")
            assert await upstream.read(2) == b"hi"
            upstream.send(FULL)
            head, body = await client.reply()
            assert (head.status, body) == (200, b"ok")
        client.send(secured.request("POST", fields=good + fields))
        head, _ = await client.reply()
        assert head.status == 429
        assert len(origin.wires) == 1


# --- python -m gateway demo ---


def greeted_port(line: Line) -> int | None:
    match = re.match(r"AI API Gateway on http://127\.0\.0\.1:([0-9]+)/", line.get("text", ""))
    return int(match[1]) if match else None


@pytest.fixture(scope="module")
def greeting() -> Iterator[str]:
    """What `python -m gateway demo` prints, while it runs."""
    with GatewayProcess("demo", "--port", "0", ready=greeted_port, speaks_json=False) as gateway:
        gateway.wait_for(lambda line: line["text"].startswith("print("))
        yield "\n".join(line["text"] for line in gateway.lines if " INFO " not in line["text"])


async def pasted(command: list[str], text: str) -> str:
    """The output of `text`, pasted into `command`."""
    done = await asyncio.to_thread(
        subprocess.run, command, input=text, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def between(text: str, start: str, stop: str) -> str:
    return text[text.index(start) : text.index(stop)]


async def test_the_plain_curl_that_the_demo_prints_answers(greeting: str) -> None:
    script = between(greeting, "TOKEN=", "curl -N")
    reply = json.loads(await pasted(["bash", "-e"], script))
    assert reply["object"] == "chat.completion"
    assert len(reply["choices"][0]["message"]["content"]) > 20


async def test_the_streaming_curl_that_the_demo_prints_streams(greeting: str) -> None:
    script = between(greeting, "TOKEN=", "curl ") + between(greeting, "curl -N", "from openai")
    lines = (await pasted(["bash", "-e"], script)).splitlines()
    assert lines[-2] == "data: [DONE]"
    assert len([line for line in lines if line.startswith("data: {")]) > 20


async def test_the_python_that_the_demo_prints_works(greeting: str, tmp_path: Path) -> None:
    assert len(await pasted([sys.executable, "-"], greeting[greeting.index("from openai") :])) > 20
