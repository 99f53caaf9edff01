"""The model server over a real socket: OpenAI's shapes, vLLM's metrics, and nothing for clients that left."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace

import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.model.engine import Setting
from bench.model.server import ModelServer, listening

QUICK = Setting(step=0.002, decode=0.0, prefill=1e-6, kv_tokens=1600)
WITHIN = 5.0


class Served:
    """A server, a client of it, and what its metrics say."""

    def __init__(self, server: ModelServer, client: openai.AsyncOpenAI) -> None:
        self.engine = server.engine
        self.server = server
        self.client = client

    async def ask(self, content: str, tokens: int) -> openai.types.chat.ChatCompletion:
        messages = [{"role": "user", "content": content}]
        return await self.client.chat.completions.create(model="demo", messages=messages, max_tokens=tokens)

    async def stream(self, content: str, tokens: int) -> openai.AsyncStream[openai.types.chat.ChatCompletionChunk]:
        messages = [{"role": "user", "content": content}]
        usage = {"include_usage": True}
        return await self.client.chat.completions.create(
            model="demo", messages=messages, max_tokens=tokens, stream=True, stream_options=usage
        )

    async def metrics(self) -> dict[str, float]:
        text = (await self.client.get("/../metrics", cast_to=str)).strip()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {sample.name: sample.value for sample in samples}

    async def until(self, name: str, holds: Callable[[float], bool]) -> None:
        """Until a metric is as it should be; the end of a connection takes a moment to arrive."""
        async with asyncio.timeout(WITHIN):
            while not holds((await self.metrics())[name]):
                await asyncio.sleep(0.005)


def none(value: float) -> bool:
    return value == 0


def some(value: float) -> bool:
    return value > 0


@contextlib.asynccontextmanager
async def leaving(request: Coroutine[object, object, object]) -> AsyncIterator[None]:
    """`request` is on its way inside the block and given up at its end."""
    task = asyncio.create_task(request)
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    server = ModelServer("demo", QUICK, tokens=8)
    async with listening(server) as port:
        url = f"http://127.0.0.1:{port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=0) as client:
            yield Served(server, client)


async def test_a_plain_reply_has_as_many_tokens_as_asked_and_says_so(served: Served) -> None:
    reply = await served.ask("w" * 396, 12)
    assert len(reply.choices[0].message.content.split()) == 12
    assert reply.choices[0].finish_reason == "length"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (105, 12, 117)


async def test_a_reply_has_the_servers_length_when_none_was_asked(served: Served) -> None:
    reply = await served.client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "w"}])
    assert (reply.usage.completion_tokens, reply.choices[0].finish_reason) == (8, "stop")


async def test_a_stream_has_an_event_for_each_token_and_then_the_usage(served: Served) -> None:
    *chunks, last = [chunk async for chunk in await served.stream("why?", 10)]
    assert [len(chunk.choices[0].delta.content.split()) for chunk in chunks] == [1] * 10
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 9 + ["length"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (last.choices, last.usage.completion_tokens) == ([], 10)
    assert (await served.ask("why?", 10)).choices[0].message.content == "".join(
        chunk.choices[0].delta.content for chunk in chunks
    )


@pytest.mark.parametrize("late", [False, True])
async def test_the_head_of_a_stream_is_sent_at_once_unless_it_is_late(late: bool) -> None:
    server = ModelServer("demo", Setting(step=0.05), late_head=late)
    async with listening(server) as port:
        url = f"http://127.0.0.1:{port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=0) as client:
            messages = [{"role": "user", "content": "w"}]
            stream = await client.chat.completions.create(model="demo", messages=messages, max_tokens=3, stream=True)
            assert (server.engine.counts.generation_tokens > 0) == late
            assert len([chunk async for chunk in stream]) == 3


async def test_the_second_turn_finds_the_first_one_and_its_reply_in_the_memory(served: Served) -> None:
    question = {"role": "user", "content": "w" * 400}
    first = await served.ask(question["content"], 64)
    messages = [
        question,
        first.choices[0].message.model_dump(include={"role", "content"}),
        {**question, "content": "y"},
    ]
    second = await served.client.chat.completions.create(model="demo", messages=messages, max_tokens=1)
    cached = second.usage.prompt_tokens_details.cached_tokens
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    assert first.usage.total_tokens - 16 <= cached <= first.usage.total_tokens


async def test_a_client_that_leaves_a_stream_frees_its_memory_and_its_place(served: Served) -> None:
    stream = await served.stream("w" * 2000, 1000)
    async with stream:
        async for _ in stream:
            break
    await served.until("vllm:num_requests_running", none)
    seen = await served.metrics()
    assert (seen["vllm:kv_cache_usage_perc"], seen["model:requests_aborted_total"]) == (0, 1)
    assert seen["vllm:generation_tokens_total"] < 500
    assert seen["model:tokens_for_nobody_total"] <= 2


async def test_all_tokens_are_for_nobody_when_a_client_leaves_a_plain_request(served: Served) -> None:
    async with leaving(served.ask("w", 1000)):
        await served.until("vllm:generation_tokens_total", some)
    await served.until("vllm:num_requests_running", none)
    seen = await served.metrics()
    assert 0 < seen["vllm:generation_tokens_total"] < 500
    assert seen["model:tokens_for_nobody_total"] == seen["vllm:generation_tokens_total"]


async def test_who_finds_the_memory_full_waits_and_costs_nothing_if_it_leaves(served: Served) -> None:
    stream = await served.stream("w" * 4000, 500)
    async with stream, leaving(served.ask("x" * 4000, 1)):
        await served.until("vllm:num_requests_waiting", some)
    await served.until("vllm:num_requests_waiting", none)
    assert (await served.metrics())["vllm:prefix_cache_queries_total"] < 1100


async def test_embeddings_are_read_by_the_engine_and_found_again_in_its_memory(served: Served) -> None:
    both = await served.client.embeddings.create(model="demo", input=["w" * 395, "another"], dimensions=8)
    assert [len(row.embedding) for row in both.data] == [8, 8]
    assert both.usage.prompt_tokens == 101
    again = await served.client.embeddings.create(model="demo", input="w" * 395, dimensions=8)
    assert again.data[0].embedding == both.data[0].embedding != both.data[1].embedding
    assert math.hypot(*again.data[0].embedding) == pytest.approx(1)
    numbers = await served.client.embeddings.create(model="demo", input=[1, 2, 3])
    assert numbers.usage.prompt_tokens == 3
    seen = await served.metrics()
    assert seen["vllm:prompt_tokens_total"] == 203
    assert seen["vllm:prefix_cache_hits_total"] == 96
    assert seen["model:tokens_for_nobody_total"] == seen["vllm:num_requests_running"] == 0


async def test_a_client_that_leaves_its_embeddings_frees_their_memory(served: Served) -> None:
    served.engine.setting = replace(served.engine.setting, prefill=0.01)
    async with leaving(served.client.embeddings.create(model="demo", input=["w" * 1600, "v" * 1600])):
        await served.until("vllm:num_requests_running", some)
    await served.until("vllm:num_requests_running", none)
    await served.until("model:requests_aborted_total", some)


async def test_metrics_have_vllms_names(served: Served) -> None:
    for _ in range(2):
        await served.ask("w" * 400, 5)
    seen = await served.metrics()
    assert (seen["vllm:prompt_tokens_total"], seen["vllm:generation_tokens_total"]) == (212, 10)
    assert (seen["vllm:prefix_cache_queries_total"], seen["vllm:prefix_cache_hits_total"]) == (212, 96)
    assert seen["vllm:request_success_total"] == seen["vllm:time_to_first_token_seconds_count"] == 2
    assert seen["vllm:inter_token_latency_seconds_count"] == 8
    assert seen["model:tokens_for_nobody_total"] == seen["model:requests_aborted_total"] == 0
    assert seen["vllm:request_time_per_output_token_seconds_sum"] == pytest.approx(
        seen["vllm:inter_token_latency_seconds_sum"] / 4
    )
    assert seen["vllm:e2e_request_latency_seconds_sum"] > seen["vllm:time_to_first_token_seconds_sum"] > 0
    assert seen["vllm:request_queue_time_seconds_sum"] >= 0


async def test_health_and_models_answer(served: Served) -> None:
    assert [model.id async for model in served.client.models.list()] == ["demo"]
    assert "lag_ms" in await served.client.get("/../health", cast_to=str)


async def test_a_prompt_that_never_fits_is_refused_as_too_long(served: Served) -> None:
    with pytest.raises(openai.BadRequestError, match="more than this engine's 1600"):
        await served.ask("w" * 8000, 1)
    with pytest.raises(openai.BadRequestError, match="more than this engine's 1600") as refused:
        await served.client.embeddings.create(model="demo", input=["fits", "w" * 8000])
    assert refused.value.body["param"] == "input"
    assert (await served.metrics())["model:requests_aborted_total"] == 0
    with pytest.raises(openai.BadRequestError, match="at most 2048"):
        await served.client.embeddings.create(model="demo", input=["w"] * 2049)
    with pytest.raises(openai.NotFoundError, match="has 'demo'"):
        await served.client.chat.completions.create(model="other", messages=[{"role": "user", "content": "w"}])
