"""What the gateway asks an issuer, and which answers it takes."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout
from scripted_issuer import WELL_KNOWN, ScriptedIssuer

from gateway.auth import issuer as module
from gateway.auth.issuer import LARGEST_DOCUMENT, FetchError, Issuer


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(trust_env=False) as client:
        yield client


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedIssuer]:
    async with ScriptedIssuer() as provider:
        yield provider


async def failure(issuer: Issuer) -> str:
    with pytest.raises(FetchError) as failed:
        await issuer.fetch_keys()
    return str(failed.value)


async def test_the_key_set_is_where_discovery_says(client: ClientSession, provider: ScriptedIssuer) -> None:
    document = await Issuer(client, provider.url).fetch_keys()
    assert document == {"keys": list(provider.keys)}


@pytest.mark.parametrize("suffix", ["", "/"])
async def test_a_slash_at_the_end_of_the_name_is_no_part_of_the_path(
    client: ClientSession, provider: ScriptedIssuer, suffix: str
) -> None:
    name = provider.url + suffix
    provider.discovery = {"issuer": name}
    await Issuer(client, name).fetch_keys()
    assert provider.asked == {WELL_KNOWN: 1, "/keys": 1}


async def test_a_name_with_a_path_is_discovered_below_it(client: ClientSession, provider: ScriptedIssuer) -> None:
    assert await failure(Issuer(client, f"{provider.url}/realms/ai")) == "the issuer answered 404"
    assert provider.asked["/realms/ai" + WELL_KNOWN] == 1


async def test_discovery_is_asked_once_and_again_after_the_key_set_failed(
    client: ClientSession, provider: ScriptedIssuer
) -> None:
    issuer = Issuer(client, provider.url)
    await issuer.fetch_keys()
    await issuer.fetch_keys()
    assert provider.asked == {WELL_KNOWN: 1, "/keys": 2}
    provider.answer = (500, {}, b"")
    await failure(issuer)
    provider.answer = None
    await issuer.fetch_keys()
    assert provider.asked == {WELL_KNOWN: 2, "/keys": 4}


async def test_a_given_jwks_uri_is_asked_and_nothing_else(client: ClientSession, provider: ScriptedIssuer) -> None:
    provider.discovery = {"issuer": "https://somebody.else"}
    document = await Issuer(client, "https://issuer.example", f"{provider.url}/keys").fetch_keys()
    assert len(document["keys"]) == 2  # type: ignore[arg-type]
    assert provider.asked == {WELL_KNOWN: 0, "/keys": 1}


@pytest.mark.parametrize("change", [str.upper, lambda url: url + "/", lambda url: url[:-1], lambda url: [url]])
async def test_JW_17_a_discovery_document_of_another_issuer_counts_for_nothing(
    client: ClientSession, provider: ScriptedIssuer, change: Any
) -> None:
    provider.discovery = {"issuer": change(provider.url)}
    assert await failure(Issuer(client, provider.url)) == "the discovery document is another issuer's"
    assert provider.fetched == 0


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://issuer.example/keys", "the discovered jwks_uri is not https"),
        ("file:///etc/passwd", "the discovered jwks_uri is not https"),
        ("https://127.0.0.1:1/keys", "the discovered jwks_uri is on another host"),
        ("https://other.example/keys", "the discovered jwks_uri is on another host"),
        ("http://localhost:1/keys", "the discovered jwks_uri is on another host"),
        ("https://user:password@127.0.0.1/keys", "the discovered jwks_uri is not https"),
        ("//127.0.0.1/keys", "the discovered jwks_uri is not https"),
        ("/keys", "the discovered jwks_uri is not https"),
        ("https://[::1/keys", "the discovered jwks_uri is no URL"),
        ("https://127.0.0.1:port/keys", "the discovered jwks_uri is no URL"),
        (None, "the discovery document has no jwks_uri"),
        (["https://127.0.0.1/keys"], "the discovery document has no jwks_uri"),
    ],
)
async def test_JW_17_nothing_is_fetched_from_an_odd_place(
    client: ClientSession, provider: ScriptedIssuer, uri: object, reason: str
) -> None:
    provider.discovery = {"jwks_uri": uri}
    assert await failure(Issuer(client, provider.url)) == reason
    assert provider.asked == {WELL_KNOWN: 1, "/keys": 0}


@pytest.mark.parametrize("port", ["", ":443"])
async def test_the_default_port_may_be_written_or_not(
    client: ClientSession, provider: ScriptedIssuer, port: str
) -> None:
    module._check_place(f"https://issuer.example{port}/keys", "https://issuer.example/realm")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_JW_17_a_redirect_is_not_followed(client: ClientSession, provider: ScriptedIssuer, status: int) -> None:
    async with ScriptedIssuer() as elsewhere:
        provider.answer = (status, {"Location": f"{elsewhere.url}/keys"}, b"")
        assert await failure(Issuer(client, provider.url)) == f"the issuer answered {status}"
        assert await failure(Issuer(client, provider.url, f"{provider.url}/keys")) == f"the issuer answered {status}"
        assert elsewhere.asked == {WELL_KNOWN: 0, "/keys": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"issuer":1,"issuer":2}',
        b"[" * 100_000,
        b"\xff{}",
        b'{"a":"' + b"x" * LARGEST_DOCUMENT + b'"}',
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_is_no_small_json_object_is_an_error(
    client: ClientSession, provider: ScriptedIssuer, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    provider.answer = (200, headers, body)
    assert await failure(Issuer(client, provider.url)) == "the issuer did not answer with a JSON object"


async def test_a_document_that_would_inflate_is_not_inflated(client: ClientSession, provider: ScriptedIssuer) -> None:
    provider.answer = (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"keys":[]}'))
    assert await failure(Issuer(client, provider.url)) == "the issuer did not answer with a JSON object"


async def test_a_document_of_the_largest_size_is_read(client: ClientSession, provider: ScriptedIssuer) -> None:
    body = json.dumps({"keys": [], "x": ""}).encode()
    body = body[:-2] + b"x" * (LARGEST_DOCUMENT - len(body)) + body[-2:]
    assert len(body) == LARGEST_DOCUMENT
    provider.answer = (200, {}, body)
    assert (await Issuer(client, provider.url, f"{provider.url}/keys").fetch_keys())["keys"] == []


@pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 404, 429, 500, 503])
async def test_any_status_but_200_is_an_error(client: ClientSession, provider: ScriptedIssuer, status: int) -> None:
    provider.answer = (status, {}, b"" if status in (204, 304) else b'{"keys":[]}')
    assert await failure(Issuer(client, provider.url)) == f"the issuer answered {status}"


async def test_nobody_there_is_an_error(client: ClientSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert await failure(Issuer(client, f"http://127.0.0.1:{port}")) == "the issuer cannot be reached"


async def test_an_issuer_that_keeps_silent_is_given_up(
    client: ClientSession, provider: ScriptedIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (module.TIMEOUT.total, module.TIMEOUT.sock_connect) == (5.0, 2.0)
    monkeypatch.setattr(module, "TIMEOUT", ClientTimeout(total=0.05))
    provider.open.clear()
    async with asyncio.timeout(2):
        assert await failure(Issuer(client, provider.url)) == "the issuer cannot be reached"


async def test_the_reason_names_no_address_and_the_detail_does(client: ClientSession) -> None:
    with pytest.raises(FetchError) as failed:
        await Issuer(client, "http://127.0.0.1:1").fetch_keys()
    assert "127.0.0.1" not in str(failed.value)
    assert "127.0.0.1" in failed.value.detail
