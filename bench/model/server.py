"""The engine behind OpenAI's API: chat completions plain and streamed, embeddings, models, health, metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import orjson
from aiohttp import web

from bench.model import text
from bench.model.driver import Driver
from bench.model.engine import Engine, Sequence, Setting
from bench.model.metrics import Metrics
from bench.model.reply import Reply
from gateway.demo.replies import Refusal, asked_for, embeddings_reply, json_reply, openai_errors
from gateway.demo.schema import ChatRequest, EmbeddingRequest

MAX_BODY = 16 << 20


class ModelServer:
    """The handlers. Every reply has as many tokens as were asked for, `tokens` when nothing was said.

    The head of a stream is sent at once, as vLLM does, or with `late_head` together with the first token.
    """

    def __init__(self, model: str, setting: Setting, tokens: int = 128, *, late_head: bool = False) -> None:
        self._late_head = late_head
        self._model = model
        self._tokens = tokens
        self.engine = Engine(setting)
        self.metrics = Metrics(self.engine, model)
        self._driver: Driver

    def app(self) -> web.Application:
        """The server as an application; serve it with `handler_cancellation`, so that who leaves is noticed."""
        app = web.Application(middlewares=[openai_errors], client_max_size=MAX_BODY)
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.show_metrics)
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/embeddings", self.embeddings)
        app.cleanup_ctx.append(self._driving)
        return app

    async def _driving(self, _: web.Application) -> AsyncIterator[None]:
        async with Driver(self.engine, self.metrics) as self._driver:
            yield

    async def health(self, request: web.Request) -> web.Response:
        lags = {"lag_ms": self._driver.lag * 1000, "mean_lag_ms": self._driver.mean_lag * 1000}
        return json_reply({"status": "ok", **{name: round(lag, 3) for name, lag in lags.items()}})

    async def show_metrics(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self.metrics.text(), headers=headers)

    async def models(self, request: web.Request) -> web.Response:
        room = self.engine.cache.capacity * self.engine.setting.block
        row = {"id": self._model, "object": "model", "created": 0, "owned_by": "bench", "max_model_len": room}
        return json_reply({"object": "list", "data": [row]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = await asked_for(request, ChatRequest, self._model)
        prompt = text.encode((message.role, message.text) for message in asked.messages)
        words = text.reply(prompt, asked.limit or self._tokens)
        self._check(prompt, len(words), param="messages")
        sequence = self._submit(prompt, len(words), text.whole(prompt, "".join(words)))
        finish = "stop" if asked.limit is None else "length"
        reply = Reply(self._model, sequence, words, finish, streamed=asked.stream, with_usage=asked.with_usage)
        try:
            return await (self._stream(request, reply) if asked.stream else self._whole(reply))
        finally:
            self._driver.leave(sequence)
            self.metrics.forget(sequence, reply.written)

    def _check(self, prompt: bytes, output: int, *, param: str) -> None:
        """Refusal when it can never be in the memory."""
        try:
            self.engine.check(text.count(prompt), output)
        except ValueError as error:
            raise Refusal(str(error), param=param, code="context_length_exceeded") from error

    def _submit(self, prompt: bytes, output: int, remembered: bytes) -> Sequence:
        """Queue a request whose tokens are found again by the beginnings of `remembered`."""
        return self._driver.submit(text.count(prompt), output, text.hashes(remembered, self.engine.setting.block))

    async def embeddings(self, request: web.Request) -> web.Response:
        """Each input is a sequence that is only read: its vector comes with the step that read its last token."""
        asked = await asked_for(request, EmbeddingRequest, self._model)
        inputs = [text.passage(item) for item in asked.input]
        for passage in inputs:
            self._check(passage, 1, param="input")
        sequences = [self._submit(passage, 1, passage) for passage in inputs]
        read = 0
        try:
            for sequence in sequences:
                await self._driver.token(sequence)
            read = 1
        finally:
            for sequence in sequences:
                self._driver.leave(sequence)
                self.metrics.forget(sequence, read)
        vectors = (text.vector(passage, asked.dimensions) for passage in inputs)
        return embeddings_reply(asked, vectors, sum(map(text.count, inputs)))

    async def _whole(self, reply: Reply) -> web.Response:
        while await self._driver.token(reply.sequence) < reply.sequence.output:
            pass
        reply.written = reply.sequence.output
        message = {"role": "assistant", "content": "".join(reply.words)}
        choice = {"index": 0, "message": message, "finish_reason": reply.finish}
        return json_reply({**reply.head, "choices": [choice], "usage": reply.usage()})

    async def _stream(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        if not self._late_head:
            await response.prepare(request)
        while reply.written < reply.sequence.output:
            number = await self._driver.token(reply.sequence)
            if not response.prepared:
                await response.prepare(request)
            await response.write(reply.event(number))
            reply.written = number
        if reply.with_usage:
            await response.write(
                b"data: " + orjson.dumps({**reply.head, "choices": [], "usage": reply.usage()}) + b"\n\n"
            )
        await response.write(b"data: [DONE]\n\n")
        return response


@contextlib.asynccontextmanager
async def listening(server: ModelServer, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve inside the block; gives the bound port."""
    runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()


async def serve(server: ModelServer, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer until `stop`."""
    async with listening(server, host, port) as bound:
        print(f"model server on http://{host}:{bound}/v1", flush=True)
        await stop.wait()
