"""The wrk scripts that people run by hand: what an upstream gets from each, and what wrk says in the end."""

import asyncio
import json
import os
import re
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bench.clients.request import HEAD
from bench.tools import find

SCRIPTS = Path(__file__).parents[2] / "bench" / "wrk"
NAMES = ("chat", "prompt", "embeddings", "varied", "refused", "mixed")
KEPT = 400  # requests of each script

pytestmark = [
    pytest.mark.skipif(find("wrk") is None, reason="wrk is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]


class Upstream:
    """Keeps requests by the first part of their path; answers 401 to who has no token or a forged one."""

    def __init__(self) -> None:
        self.heads: dict[str, list[list[str]]] = defaultdict(list)
        self.bodies: dict[str, list[bytes]] = defaultdict(list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
                body = await reader.readexactly(int(re.search("Content-Length: (.+)", "\n".join(head))[1]))
                name = head[0].split("/")[1]
                if len(self.heads[name]) < KEPT:
                    self.heads[name].append(head)
                    self.bodies[name].append(body)
                status = b"200 OK" if "authorization: Bearer good" in head else b"401 Unauthorized"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def start(script: str, url: str, **variables: str) -> Process:
    environment = {**os.environ, "TOKEN": "good", **variables}
    command = ["wrk", "-t2", "-c4", "-d1s", "-s", str(SCRIPTS / f"{script}.lua"), url]
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


Played = tuple[Upstream, dict[str, dict[str, Any]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played() -> Played:
    """All scripts at once against one upstream, a second long: what it got, and what each said in the end."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        running = [await start(name, f"{host}/{name}/") for name in NAMES]
        said = [(await process.communicate())[0].decode() for process in running]
    return upstream, {name: json.loads(text.splitlines()[-1]) for name, text in zip(NAMES, said, strict=True)}


@pytest.mark.parametrize("name", NAMES)
async def test_the_last_line_is_what_happened_as_json(played: Played, name: str) -> None:
    _, said = played
    result = said[name]
    assert result["requests"] > 0
    assert result["per_second"] == pytest.approx(result["requests"] / result["seconds"], rel=0.01)
    latency = result["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]
    assert result["errors"] == {"connect": 0, "read": 0, "write": 0, "timeout": 0}
    assert result["bytes_per_second"] > 0


async def test_only_refused_requests_are_refused_and_they_are_counted_by_status(played: Played) -> None:
    _, said = played
    assert [said[name]["non_2xx"] for name in ("chat", "prompt", "embeddings", "varied")] == [0] * 4
    refused, mixed = said["refused"], said["mixed"]
    assert refused["statuses"] == {"401": refused["requests"]}
    assert refused["non_2xx"] == refused["requests"]
    assert set(mixed["statuses"]) == {"200", "401"}
    assert mixed["statuses"]["401"] == mixed["non_2xx"] < mixed["requests"] / 2
    assert sum(mixed["statuses"].values()) == mixed["requests"]


@pytest.mark.parametrize(("name", "size"), [("chat", 1024), ("prompt", 100 * 1024)])
async def test_every_request_is_the_same_and_of_its_size(played: Played, name: str, size: int) -> None:
    upstream, _ = played
    (body,) = set(upstream.bodies[name])
    assert len(body) == size
    assert set(json.loads(body)) == {"model", "messages", "max_tokens"}
    assert upstream.heads[name][0][0] == f"POST /{name}/chat/completions HTTP/1.1"


async def test_embeddings_ask_for_eight_texts(played: Played) -> None:
    upstream, _ = played
    assert upstream.heads["embeddings"][0][0] == "POST /embeddings/embeddings HTTP/1.1"
    asked = json.loads(upstream.bodies["embeddings"][0])
    assert (asked["model"], len(set(asked["input"]))) == ("demo", 8)


async def test_no_two_varied_heads_are_the_same_in_both_threads(played: Played) -> None:
    upstream, _ = played
    heads = ["\n".join(head) for head in upstream.heads["varied"]]
    assert len(heads) > 10
    assert len(set(heads)) == len(heads)
    assert len({len(body) for body in upstream.bodies["varied"]}) > 10


async def test_refused_requests_have_no_token_a_broken_one_and_a_forged_one(played: Played) -> None:
    upstream, _ = played
    sent = {
        "".join(re.findall("^authorization: Bearer (.*)", "\n".join(h), re.MULTILINE))
        for h in upstream.heads["refused"]
    }
    assert sorted(len(token.split(".")) * bool(token) for token in sent) == [0, 1, 3]


async def test_the_mix_has_all_its_kinds(played: Played) -> None:
    upstream, _ = played
    targets = {head[0].split()[1] for head in upstream.heads["mixed"]}
    assert targets == {"/mixed/chat/completions", "/mixed/embeddings"}
    assert {1024, 100 * 1024} < {len(body) for body in upstream.bodies["mixed"]}
    assert any("traceparent" in line for head in upstream.heads["mixed"] for line in head)


async def test_the_head_is_the_one_that_the_suite_sends(played: Played) -> None:
    """Which is compared with the client itself in test_bench_head.py."""
    upstream, _ = played
    theirs = [f"{name}: {value.format(token='good', port=0)}" for name, value in HEAD]
    _, _host, *ours, length = upstream.heads["chat"][0]
    assert ours == theirs[1:]
    assert length == "Content-Length: 1024"


async def test_without_a_path_the_service_of_the_environment_is_asked() -> None:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await (await start("chat", url, SERVICE="llm", TOKEN="", MODEL="m")).communicate()
    head, body = upstream.heads["v1"][0], upstream.bodies["v1"][0]
    assert head[0] == "POST /v1/llm/chat/completions HTTP/1.1"
    assert json.loads(body)["model"] == "m"
    assert not any("authorization" in line for line in head)


@pytest.mark.parametrize(
    ("script", "variables", "sentence"),
    [
        ("refused", {"REFUSE": "4"}, "REFUSE=4: 401 or 429"),
        ("mixed", {"MIX": "chat"}, "MIX has no weights"),
        ("mixed", {"MIX": "tea=1"}, "MIX: no kind tea"),
    ],
)
async def test_a_wrong_variable_ends_it_with_a_sentence(script: str, variables: dict[str, str], sentence: str) -> None:
    process = await start(script, "http://127.0.0.1:9", **variables)
    _, complaint = await process.communicate()
    assert process.returncode == 2
    assert sentence in complaint.decode()
