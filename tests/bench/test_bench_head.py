"""The load has the head that the openai client really sends."""

import asyncio

import openai
import pytest

from bench.clients.request import HEAD, Shape, request
from bench.contenders.base import Running

TO = Running(1234, None, base="/v1/llm")


async def test_requests_have_the_header_names_of_the_openai_client_in_its_order() -> None:
    theirs = await _names_sent_by_openai()
    lines = request(TO, Shape()).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line.partition(":")[0] for line in lines[1:]] == theirs


@pytest.mark.parametrize("size", [200, 1024, 102400])
def test_a_body_has_the_size_that_was_asked_for_and_its_length_says_so(size: int) -> None:
    head, _, body = request(TO, Shape(body=size)).partition(b"\r\n\r\n")
    assert len(body) == size
    assert head.endswith(b"Content-Length: %d" % size)
    assert head.startswith(b"POST /v1/llm/chat/completions HTTP/1.1\r\n")


def test_a_shape_closes_streams_and_adds_fields_besides_those_of_the_contender() -> None:
    to = Running(1234, None, headers={"x-portkey-provider": "openai"})
    text = request(to, Shape(close=True, stream=True, token="abc", fields={"X-Key": "k"})).decode()
    for part in ("Connection: close\r\n", "Bearer abc\r\n", "x-portkey-provider: openai\r\n", "X-Key: k\r\n"):
        assert part in text
    assert '"stream":true' in text
    assert text.count("Connection") == 1
    assert len(HEAD) == 16


async def _names_sent_by_openai() -> list[str]:
    heads: asyncio.Queue[bytes] = asyncio.Queue()

    async def keep_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(keep_head, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/llm"
    async with server, openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "w"}])
    _, *lines = heads.get_nowait().decode().split("\r\n")
    return [line.partition(":")[0] for line in lines if line]
