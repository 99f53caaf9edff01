"""The demo model server, spoken to by the real openai client and, where bytes matter, by aiohttp's."""

import asyncio
import json
import math
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest

from gateway.demo.server import MODEL, listening, model_app

FAST, SLOW = float("inf"), 20.0
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening(model_app("one", tokens_per_second=FAST, first_token=0)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=url) as session:
        yield session


async def test_the_model_is_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == [MODEL]


async def test_a_plain_reply_counts_its_tokens(client: openai.AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(**QUESTION)
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.content
    assert reply.system_fingerprint == "one"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 6
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


async def test_a_stream_says_the_same_as_the_plain_reply(client: openai.AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(**QUESTION)
    chunks = [chunk async for chunk in await client.chat.completions.create(**QUESTION, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)


async def test_a_stream_ends_with_usage_when_asked(client: openai.AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(**QUESTION)
    stream = await client.chat.completions.create(**QUESTION, stream=True, stream_options={"include_usage": True})
    *_, last = [chunk async for chunk in stream]
    assert last.choices == []
    assert last.usage == plain.usage


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_on_tokens_cuts_the_reply(client: openai.AsyncOpenAI, name: str) -> None:
    reply = await client.chat.completions.create(**QUESTION, **{name: 3})
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3


async def test_a_limit_the_reply_just_meets_does_not_cut_it(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(**QUESTION)
    assert whole.usage is not None
    limited = await client.chat.completions.create(**QUESTION, max_tokens=whole.usage.completion_tokens)
    assert limited.choices[0].finish_reason == "stop"


async def test_every_event_is_one_chunk_and_done_is_the_last(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/chat/completions", json={**QUESTION, "stream": True}) as reply:
        assert reply.content_type == "text/event-stream"
        chunks, chunk = [], b""
        async for data, ends in reply.content.iter_chunks():
            chunk += data
            if ends:
                chunks.append(chunk)
                chunk = b""
    *events, done = chunks
    assert done == b"data: [DONE]\n\n"
    for event in events:
        assert event.startswith(b"data: ")
        assert event.endswith(b"\n\n")
        assert json.loads(event[6:])["object"] == "chat.completion.chunk"


async def test_embeddings_of_texts_come_in_order_as_unit_vectors(client: openai.AsyncOpenAI) -> None:
    both = await client.embeddings.create(model=MODEL, input=["one text", "another"])
    alone = await client.embeddings.create(model=MODEL, input="another")
    assert [row.index for row in both.data] == [0, 1]
    assert both.data[1].embedding == alone.data[0].embedding
    assert math.hypot(*alone.data[0].embedding) == pytest.approx(1)
    assert both.usage.prompt_tokens == 3


async def test_embeddings_take_token_numbers_and_dimensions(client: openai.AsyncOpenAI) -> None:
    reply = await client.embeddings.create(model=MODEL, input=[[1, 2], [3]], dimensions=8)
    assert [len(row.embedding) for row in reply.data] == [8, 8]
    single = await client.embeddings.create(model=MODEL, input=[1, 2], dimensions=8)
    assert [row.embedding for row in single.data] == [reply.data[0].embedding]


async def test_base64_and_float_hold_the_same_vector(client: openai.AsyncOpenAI) -> None:
    floats = await client.embeddings.create(model=MODEL, input="text", encoding_format="float")
    packed = await client.embeddings.create(model=MODEL, input="text")  # the client asks for base64 and unpacks it
    assert packed.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/chat/completions", {**QUESTION, "n": 2}, 400, "n"),
        ("/v1/chat/completions", {**QUESTION, "messages": []}, 400, "messages"),
        ("/v1/chat/completions", {**QUESTION, "max_tokens": 0}, 400, "max_tokens"),
        ("/v1/chat/completions", {**QUESTION, "model": "other"}, 404, "model"),
        ("/v1/chat/completions", [], 400, None),
        ("/v1/embeddings", {"model": MODEL, "input": ""}, 400, "input"),
        ("/v1/embeddings", {"model": MODEL, "input": []}, 400, "input"),
        ("/v1/embeddings", {"model": MODEL, "input": ["text", [1]]}, 200, None),
        ("/v1/embeddings", {"model": MODEL, "input": {"text": 1}}, 400, "input"),
        ("/v1/embeddings", {"model": MODEL, "input": "text", "encoding_format": "hex"}, 400, "encoding_format"),
        ("/v1/nothing", {}, 404, None),
        ("/v1/models", {}, 405, None),
    ],
)
async def test_refusals_have_the_shape_openai_clients_parse(
    http: aiohttp.ClientSession, path: str, body: object, status: int, param: str | None
) -> None:
    async with http.post(path, json=body) as reply:
        answer = await reply.json()
    assert reply.status == status
    if status != 200:
        assert answer["error"]["type"] == "invalid_request_error"
        assert answer["error"]["param"] == param
        assert answer["error"]["message"]


async def test_several_choices_are_a_bad_request_to_the_openai_client(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.chat.completions.create(**QUESTION, n=2)
    assert refusal.value.param == "n"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_stops_the_generation(stream: bool) -> None:
    async with (
        listening(model_app("slow", tokens_per_second=SLOW, first_token=0)) as port,
        aiohttp.ClientSession(base_url=f"http://127.0.0.1:{port}") as watcher,
    ):
        async with aiohttp.ClientSession(base_url=f"http://127.0.0.1:{port}") as leaver:
            asking = asyncio.ensure_future(leaver.post("/v1/chat/completions", json={**QUESTION, "stream": stream}))
            if stream:
                reply = await asking
                assert await reply.content.readany()
            await _until(watcher, generating=1, abandoned=0)
            asking.cancel()
        await _until(watcher, generating=0, abandoned=1)


async def test_words_leave_one_by_one_at_the_pace_that_was_set() -> None:
    async with (
        listening(model_app("slow", tokens_per_second=SLOW, first_token=0)) as port,
        aiohttp.ClientSession(base_url=f"http://127.0.0.1:{port}") as session,
    ):
        body = {**QUESTION, "stream": True, "max_tokens": 4}
        clock = asyncio.get_running_loop().time
        async with session.post("/v1/chat/completions", json=body) as reply:
            times = [clock() async for data, _ in reply.content.iter_chunks() if b'"finish_reason":null' in data]
    assert len(times) == 4
    assert times[-1] - times[0] > 2 / SLOW  # three pauses, less what the first event was late


async def _until(session: aiohttp.ClientSession, **wanted: int) -> None:
    """Ask /health until it says what is `wanted`."""
    async with asyncio.timeout(3):
        while True:
            async with session.get("/health") as reply:
                state = await reply.json()
            if wanted.items() <= state.items():
                return
