"""The load has the head that the openai client really sends."""

import asyncio
import re

import openai
import pytest

from bench.load import SCRIPTS


async def test_wrk_sends_the_header_names_of_the_openai_client_in_its_order() -> None:
    lua = (SCRIPTS / "openai.lua").read_text()
    ours = re.findall(r'^  "([\w-]+): ', lua, re.MULTILINE) + re.findall(r'"([\w-]+): " \.\. size', lua)
    assert ours == await _names_sent_by_openai()


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
