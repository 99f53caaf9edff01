"""An OpenAI-like model server on aiohttp: chat completions plain and streamed, embeddings, models."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson
from aiohttp import web

from gateway.demo import model
from gateway.demo.replies import asked_for, embeddings_reply, json_reply, openai_errors
from gateway.demo.schema import ChatRequest, EmbeddingRequest
from gateway.runtime import Runtime

MODEL = "demo"
MAX_BODY = 16 << 20


def model_app(
    name: str, *, tokens_per_second: float = 50, first_token: float = 0.05, runtime: Runtime | None = None
) -> web.Application:
    """The server as an application: model id "demo", `name` in `system_fingerprint`, `first_token` in seconds."""
    server = ModelServer(name, tokens_per_second, first_token, runtime or Runtime())
    app = web.Application(middlewares=[openai_errors], client_max_size=MAX_BODY)
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/v1/embeddings", server.embeddings)
    app.router.add_get("/health", server.health)
    return app


@asynccontextmanager
async def listening(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve `app` inside the block; gives the bound port. A client that leaves ends the handler it waited for."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()


class ModelServer:
    """The handlers. `generating` replies are on their way, `abandoned` were given up by their client."""

    def __init__(self, name: str, tokens_per_second: float, first_token: float, runtime: Runtime) -> None:
        self._name = name
        self._pace = 1 / tokens_per_second
        self._first_token = first_token
        self._runtime = runtime
        self._started = int(runtime.wall())
        self.generating = 0
        self.abandoned = 0

    async def health(self, request: web.Request) -> web.Response:
        return json_reply({"status": "ok", "generating": self.generating, "abandoned": self.abandoned})

    async def models(self, request: web.Request) -> web.Response:
        row = {"id": MODEL, "object": "model", "created": self._started, "owned_by": "ai-api-gateway"}
        return json_reply({"object": "list", "data": [row]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = await asked_for(request, ChatRequest, MODEL)
        with self._counted():
            return await (self._stream(request, asked) if asked.stream else self._whole(asked))

    async def _whole(self, asked: ChatRequest) -> web.Response:
        text, finish = [], "stop"
        async for token, reason in self._generate(asked):
            text.append(token)
            finish = reason or finish
        message = {"role": "assistant", "content": "".join(text), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        head = self._head("chat.completion", self._new_id())
        return json_reply({**head, "choices": [choice], "usage": _usage(asked, len(text))})

    async def _stream(self, request: web.Request, asked: ChatRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        head: dict[str, Any] = self._head("chat.completion.chunk", self._new_id())
        if asked.with_usage:
            head["usage"] = None
        await response.prepare(request)
        count, delta = 0, {"role": "assistant"}
        async for token, finish in self._generate(asked):
            choice = {"index": 0, "delta": {**delta, "content": token}, "logprobs": None, "finish_reason": None}
            await _event(response, {**head, "choices": [choice]})
            count, delta = count + 1, {}
            if finish:
                choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}
                await _event(response, {**head, "choices": [choice]})
        if asked.with_usage:
            await _event(response, {**head, "choices": [], "usage": _usage(asked, count)})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _generate(self, asked: ChatRequest) -> AsyncIterator[tuple[str, str]]:
        """Tokens at their time, each with the reason to finish: "" except on the last one."""
        due = self._runtime.clock() + self._first_token
        for token, finish in _limited(model.reply(_prompt(asked)), asked.limit):
            await self._wait(due)
            yield token, finish
            due += self._pace

    async def _wait(self, due: float) -> None:
        # uvloop counts from the beginning of its turn, so that a sleep may be a little too short.
        while (left := due - self._runtime.clock()) > 0:  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(left)

    async def embeddings(self, request: web.Request) -> web.Response:
        asked = await asked_for(request, EmbeddingRequest, MODEL)
        inputs = [model.tokens(item) if isinstance(item, str) else item for item in asked.input]
        vectors = (model.embedding(tokens, asked.dimensions) for tokens in inputs)
        return embeddings_reply(asked, vectors, sum(map(len, inputs)))

    def _head(self, kind: str, reply_id: str) -> dict[str, Any]:
        created = int(self._runtime.wall())
        return {"id": reply_id, "object": kind, "created": created, "model": MODEL, "system_fingerprint": self._name}

    def _new_id(self) -> str:
        return f"chatcmpl-{self._runtime.rng.getrandbits(96):024x}"

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.generating += 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            self.abandoned += 1
            raise
        finally:
            self.generating -= 1


def _prompt(asked: ChatRequest) -> str:
    return "\n".join(message.text for message in asked.messages)


def _limited(tokens: Iterator[str], limit: int | None) -> Iterator[tuple[str, str]]:
    """Mark the last token with why it is the last; one token of look-ahead tells "stop" from "length"."""
    token = next(tokens)
    count = 1
    for following in tokens:
        if count == limit:
            yield token, "length"
            return
        yield token, ""
        token, count = following, count + 1
    yield token, "stop"


def _usage(asked: ChatRequest, completion: int) -> dict[str, int]:
    prompt = sum(len(model.tokens(message.text)) for message in asked.messages)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


async def _event(response: web.StreamResponse, value: object) -> None:
    await response.write(b"data: " + orjson.dumps(value) + b"\n\n")
