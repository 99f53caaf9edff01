"""Requests read and replies written in the shapes of OpenAI's API."""

import base64
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import orjson
from aiohttp import web
from pydantic import ValidationError

from gateway.demo.schema import Asked, EmbeddingRequest

Body = TypeVar("Body", bound=Asked)


def json_reply(value: object, status: int = 200) -> web.Response:
    """`value` as a JSON response."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def embeddings_reply(asked: EmbeddingRequest, vectors: Iterable[list[float]], tokens: int) -> web.Response:
    """One of `vectors` for each input, as `asked` wants them; `tokens` were read."""
    packed = asked.encoding_format == "base64"
    rows = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_reply({"object": "list", "model": asked.model, "data": rows, "usage": usage})


def _packed(vector: list[float]) -> str:
    """Little-endian 32 bit floats in base64, as OpenAI's `encoding_format: base64`."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


class Refusal(Exception):
    """A request the server will not serve: status, OpenAI's error code and the parameter at fault."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        self.status = status


async def asked_for(request: web.Request, kind: type[Body], model: str) -> Body:
    """The checked body of `request`, if it asks for `model`; raises `Refusal`."""
    try:
        asked = kind.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        param = str(first["loc"][0]) if path else None
        raise Refusal(f"{path}: {first['msg']}" if path else first["msg"], param=param) from error
    if asked.model != model:
        message = f"The model {asked.model!r} does not exist; this server has {model!r}."
        raise Refusal(message, param="model", code="model_not_found", status=404)
    return asked


@web.middleware
async def openai_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every failure the shape that OpenAI clients parse."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return json_reply({"error": refusal.body}, refusal.status)
    except web.HTTPException as error:
        return json_reply({"error": Refusal(error.reason).body}, error.status)
