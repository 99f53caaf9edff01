"""A user of OpenAI's API, and what it sees of a stream."""

import time
from collections.abc import Iterator
from typing import Any

import orjson
import settings
from locust import FastHttpUser
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse


class Broken(Exception):
    """A stream that did not end as streams do."""


class OpenAIUser(FastHttpUser):
    """Asks for completions; of streams it records beside the request itself

    - `TTFT`: from sending the request to its first token, in ms,
    - `gap`: between two tokens, in ms,
    - `tokens/s`: of each stream, first token to last; the number is a rate and no time.
    """

    abstract = True
    wait_time = settings.think

    def on_start(self) -> None:
        self._base = settings.base(self.host or "")
        self._head = {"Authorization": f"Bearer {settings.TOKEN}"} if settings.TOKEN else {}
        # Compressed chunks could not be told apart as they come.
        self._head["Accept-Encoding"] = "identity"

    def body(self, **fields: Any) -> dict[str, Any]:
        """A chat request with a prompt of its own."""
        messages = [{"role": "user", "content": settings.prompt()}]
        return {"model": settings.MODEL, "messages": messages, "max_tokens": settings.MAX_TOKENS, **fields}

    def chat(self, name: str = "chat") -> None:
        """One completion, whole."""
        with self._post("/chat/completions", self.body(), name) as response:
            if response.status_code == 200 and not response.json().get("choices"):
                response.failure("no choices in the reply")

    def embed(self, texts: int = 8, name: str = "embeddings") -> None:
        """`texts` vectors at once."""
        wanted = [settings.prompt() for _ in range(texts)]
        with self._post("/embeddings", {"model": settings.MODEL, "input": wanted}, name) as response:
            if response.status_code == 200 and len(response.json().get("data", [])) != texts:
                response.failure(f"not {texts} vectors in the reply")

    def stream(self, name: str = "stream", leave_after: int | None = None) -> None:
        """One completion as it comes; with `leave_after` the connection is closed after so many tokens."""
        body = self.body(stream=True, stream_options={"include_usage": True})
        began = time.perf_counter()
        with self._post("/chat/completions", body, name, stream=True) as response:
            if response.status_code != 200:
                return
            try:
                self._read(response, name, began, leave_after)
            except (Broken, *FAILURE_EXCEPTIONS) as error:
                response.failure(error)
            finally:
                response.release()  # closes the connection unless the reply has ended
                response.request_meta["response_time"] = (time.perf_counter() - began) * 1000

    def _read(self, response: FastResponse, name: str, began: float, leave_after: int | None) -> None:
        if leave_after == 0:
            return
        first = last = 0.0
        count = 0
        for _ in tokens(response):
            now = time.perf_counter()
            count += 1
            if count == 1:
                self._record("TTFT", name, (now - began) * 1000)
                first = now
            else:
                self._record("gap", name, (now - last) * 1000)
            last = now
            if count == leave_after:
                return
        if not count:
            raise Broken("a stream without a token")
        if last > first:
            self._record("tokens/s", name, (count - 1) / (last - first))

    def _post(self, path: str, body: dict[str, Any], name: str, **options: Any) -> Any:
        """The response as a context that reports it; anything but 200 is a failure by itself."""
        return self.client.post(
            f"{self._base}{path}", json=body, headers=self._head, name=name, catch_response=True, **options
        )

    def _record(self, kind: str, name: str, value: float) -> None:
        self.environment.events.request.fire(
            request_type=kind, name=name, response_time=value, response_length=0, exception=None, context={}
        )


def tokens(response: FastResponse) -> Iterator[str]:
    """The pieces of text of an event stream, as they come; Broken when it does not end with [DONE]."""
    source = response._response  # reads a line as soon as it is there; `iter_lines` would wait for 1,024 bytes
    assert source is not None
    while line := source.readline(b"\n"):
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            source.read()  # to its end, so that the connection can be used again
            return
        event = orjson.loads(data)
        if "error" in event:
            raise Broken(f"error event: {event['error'].get('type')}")
        for choice in event.get("choices", ()):
            if text := choice["delta"].get("content"):
                yield text
    raise Broken("the stream ended without [DONE]")
