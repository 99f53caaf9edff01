"""Who is calling, over real sockets: `both` with API keys beside, before a scripted issuer."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gateway_process import GatewayProcess
from places import Place, eventually, fetch, metric, open_service, reserved_port
from raw_wire import Clients, Wire
from scripted_issuer import ScriptedIssuer, ec_key, public, rsa_key, sign

from gateway.auth.jwt import mint

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
API_KEY = "sk-one-4f6d2c"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
INVALID = (
    'Bearer realm="ai-api-gateway", error="invalid_token", error_description="The access token is invalid or expired"'
)
INSUFFICIENT = ", ".join(
    (
        'Bearer realm="ai-api-gateway"',
        'error="insufficient_scope"',
        'error_description="The access token does not allow this"',
    )
)
STRANGERS = 1000
STORM_WITHIN = 20.0


async def answer(wire: Wire) -> None:
    """The upstream says yes to everything."""
    while not wire.ended:
        await wire.head()
        wire.send(OK)
        await wire.until(lambda wire: bool(wire.received) or bool(wire.ended), within=30)


def keys_text(*keys: str) -> str:
    return json.dumps(
        [
            {"name": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "subject": f"robot-{number}"}
            for number, key in enumerate(keys)
        ]
    )


@pytest.fixture
async def issuer() -> AsyncIterator[ScriptedIssuer]:
    async with ScriptedIssuer() as issuer:
        yield issuer


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.yaml"
    path.write_text(keys_text(API_KEY))
    return path


@pytest.fixture
def place(issuer: ScriptedIssuer, keys_file: Path, tmp_path: Path) -> Iterator[Place]:
    """A gateway with all schemes on, before services that ask for different things; the upstream is the place's."""
    with ExitStack() as stack:
        port = reserved_port(stack)
        config = {
            "auth": {"type": "both", "api_keys_file": str(keys_file), "claim_headers": {"X-Tenant": "tenant"}},
            "jwt": {"secret": SECRET},
            "oidc": {"issuer": issuer.url, "audience": "ai"},
            "ratelimit": {"enabled": False},
            "log": {"level": "debug"},
            "services": {
                "llm": open_service(port),
                "forwarding": open_service(port, forward_authorization=True),
                "scoped": open_service(port, scopes=["chat", "embed"]),
                "red": open_service(port, claims={"tenant": ["red"]}),
                "public": open_service(port, auth="none"),
            },
        }
        yield Place(stack.enter_context(GatewayProcess.serving(config, tmp_path)), "llm", port)


@pytest.fixture
async def ready(place: Place) -> Place:
    """The place, once it has the issuer's keys."""
    async with asyncio.timeout(5):
        while (await fetch(place.gateway.port, "/ready"))[0] != 200:
            await asyncio.sleep(0.01)
    return place


def token(issuer: ScriptedIssuer, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    return sign(rsa_key(), "RS256", issuer.claims(time.time(), **claims), **(header or {})).decode()


async def ask(place: Place, credential: str | None, service: str = "llm", **headers: str) -> tuple[int, Any, str]:
    bearer = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    return await fetch(place.gateway.port, f"/v1/{service}/x", headers={**bearer, **headers})


async def test_every_kind_of_credential_is_believed_and_no_other(ready: Place, issuer: ScriptedIssuer) -> None:
    minted = mint(SECRET.encode(), "bob", now=time.time())
    async with ready.origin(answer) as origin:
        for credential in (token(issuer), minted, API_KEY):
            assert (await ask(ready, credential))[0] == 200
        assert (await ask(ready, None, **{"X-API-Key": API_KEY}))[0] == 200
        heads = b"".join(data for wire in origin.wires for _, data in wire.arrivals)
    for subject in (b"alice", b"bob", b"robot-0"):
        assert b"X-Auth-Subject: " + subject + b"\r\n" in heads
    assert API_KEY.encode() not in heads
    for credential in (token(issuer, iss="https://evil.example"), minted[:-2], API_KEY + "x", "x"):
        assert (await ask(ready, credential))[0] == 401
    assert (await ask(ready, None, **{"X-API-Key": minted}))[0] == 401


async def test_JW_15_what_a_client_reads(ready: Place, issuer: ScriptedIssuer) -> None:
    async with ready.origin(answer):
        status, headers, text = await ask(ready, None)
        assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="ai-api-gateway"')
        assert json.loads(text)["error"]["type"] == "unauthenticated"
        bodies = set()
        for bad in (token(issuer, exp=1), token(issuer, header={"kid": "x"}), token(issuer)[:-9] + "AAAAAAAAA", "x"):
            status, headers, text = await ask(ready, bad)
            error = json.loads(text)["error"]
            error.pop("request_id")
            bodies.add((status, headers["WWW-Authenticate"], json.dumps(error)))
        assert len(bodies) == 1
        assert next(iter(bodies))[:2] == (401, INVALID)
        assert (await ask(ready, token(issuer, scope="chat embed"), "scoped"))[0] == 200
        status, headers, text = await ask(ready, token(issuer, scope="chat"), "scoped")
        assert (status, json.loads(text)["error"]["type"]) == (403, "forbidden")
        assert headers["WWW-Authenticate"] == f'{INSUFFICIENT}, scope="chat embed"'
    for reason in ("missing", "expired", "unknown_key", "signature"):
        assert await metric(ready.gateway.port, "auth_failures_total", reason=reason) == 1


async def test_JW_42_one_token_four_services_four_decisions(ready: Place, issuer: ScriptedIssuer) -> None:
    async with ready.origin(answer):
        one = token(issuer, tenant="blue", scope="chat embed")
        for _ in range(3):
            statuses = [(await ask(ready, one, service))[0] for service in ("llm", "scoped", "red", "public")]
            assert statuses == [200, 200, 403, 200]


async def test_JW_43_claims_travel_as_headers_and_no_client_can_set_or_split_them(
    ready: Place, issuer: ScriptedIssuer
) -> None:
    forged = {"X-Tenant": "root", "x-tenant": "root", "X_Tenant": "root", "X-Auth-Subject": "root"}
    async with ready.origin(answer) as origin:
        nasty = token(issuer, tenant="red\r\nX-Admin: 1, root")
        assert (await ask(ready, nasty, **forged))[0] == 200
        assert (await ask(ready, token(issuer, sub="bob"), Connection="X-Tenant, X-Auth-Subject", **forged))[0] == 200
        assert (await ask(ready, None, "public", **forged, **{"X-API-Key": "k"}))[0] == 200
        heads = [data for wire in origin.wires for _, data in wire.arrivals]
    assert len(heads) == 3
    assert b"X-Tenant: red%0D%0AX-Admin:%201%2C%20root\r\n" in heads[0]
    assert b"X-Auth-Subject: bob\r\n" in heads[1]
    for head in heads:
        assert b"root" not in head.replace(b"%20root", b"")
        assert b"X-Admin: 1" not in head
        assert b"x-api-key" not in head.lower()
    assert b"Tenant" not in heads[1] + heads[2]
    status, _, _ = await ask(ready, token(issuer, tenant={"nested": "red"}))
    assert status == 401


async def test_JW_44_the_upstream_sees_authorization_only_where_it_should(ready: Place, issuer: ScriptedIssuer) -> None:
    async with ready.origin(answer) as origin:
        one = token(issuer)
        await ask(ready, one)
        await ask(ready, one, "forwarding")
        plain, forwarded = (data for wire in origin.wires for _, data in wire.arrivals)
    assert b"Authorization" not in plain
    assert f"Authorization: Bearer {one}\r\n".encode() in forwarded


ODD_WAYS = [
    ("Authorization: Bearer {t}\r\nAuthorization: Bearer {t}\r\n", {400}),
    ("Authorization: Bearer {t}, Bearer {t}\r\n", {401}),
    ("Authorization: bEaReR  {t}\r\n", {200}),
    ("Authorization: Basic {t}\r\n", {401}),
    ("Authorization: Bearer\r\n", {401}),
    ("Cookie: token={t}\r\n", {401}),
    ("X-API-Key: sk-one-4f6d2c\r\nX-API-Key: sk-one-4f6d2c\r\n", {401}),
    ("Authorization: Bearer " + "A" * 8193 + "\r\n", {401, 431}),
    ("Authorization: Bearer " + "A" * 16384 + "\r\n", {401, 431}),
    ("Authorization: Bearer " + "." * 10_000 + "\r\n", {401, 431}),
    ("Authorization: Bearer " + "A" * (1 << 20) + "\r\n", {431}),
]


async def test_JW_13_14_odd_ways_to_bring_a_token(ready: Place, issuer: ScriptedIssuer, clients: Clients) -> None:
    one = token(issuer)
    async with ready.origin(answer):
        for fields, statuses in ODD_WAYS:
            client = await clients(ready.gateway.port)
            client.send(ready.request(fields=fields.replace("{t}", one)))
            assert (await client.head()).status in statuses, fields[:60]
    await ready.gateway.logged(status=431)
    lines = [line for line in ready.gateway.lines if line["message"] == "request"]
    assert len(lines) >= len(ODD_WAYS) - 1
    assert not any(one[-20:] in str(line) or "AAAAAAAAAA" in str(line) for line in ready.gateway.lines)
    assert max(len(json.dumps(line, separators=(",", ":"))) for line in lines) <= 512


async def test_a_changed_file_of_keys_counts_without_a_restart(ready: Place, keys_file: Path) -> None:
    async with ready.origin(answer):
        assert (await ask(ready, API_KEY))[0] == 200
        keys_file.write_text("[{")
        await asyncio.to_thread(ready.gateway.wait_for, lambda line: "keys of before stay" in line["message"])
        ready.gateway.lines[:] = [line for line in ready.gateway.lines if line["level"] != "error"]
        assert (await ask(ready, API_KEY))[0] == 200
        keys_file.write_text(keys_text("sk-other"))
        async with asyncio.timeout(10):
            while (await ask(ready, "sk-other"))[0] != 200:
                await asyncio.sleep(0.05)
        assert (await ask(ready, API_KEY))[0] == 401


async def test_JW_22_while_the_issuer_is_away_its_tokens_wait_and_others_pass(
    issuer: ScriptedIssuer, place: Place
) -> None:
    await issuer.go_away()
    async with place.origin(answer):
        status, headers, _ = await ask(place, token(issuer, header={"kid": "rsa-9"}))
        assert status in (503, 401)  # 401: the gateway had the keys before the issuer went away
        if status == 503:
            assert headers["Retry-After"] == "1"
            assert (await fetch(place.gateway.port, "/ready"))[0] == 503
        assert (await ask(place, mint(SECRET.encode(), "bob", now=time.time())))[0] == 200
        await issuer.come_back()
        async with asyncio.timeout(5):
            while (await ask(place, token(issuer)))[0] != 200:
                await asyncio.sleep(0.05)


async def test_a_storm_of_unknown_kids_costs_one_fetch_and_the_valid_traffic_nothing(
    ready: Place, issuer: ScriptedIssuer, figure: Callable[[str], None]
) -> None:
    claims = issuer.claims(time.time())
    strange = [sign(ec_key(), "ES256", claims, kid=f"kid-{number}").decode() for number in range(STRANGERS)]
    known, *fresh = [sign(ec_key(), "ES256", {**claims, "sub": f"s{number}"}).decode() for number in range(41)]
    fetched = issuer.fetched
    connector = aiohttp.TCPConnector(limit=0)
    async with ready.origin(answer), aiohttp.ClientSession(connector=connector) as session:

        async def status(credential: str) -> int:
            headers = {"Authorization": f"Bearer {credential}"}
            async with session.get(f"http://127.0.0.1:{ready.gateway.port}/v1/llm/x", headers=headers) as reply:
                return reply.status

        assert await status(known) == 200
        issuer.open.clear()  # until all who are known have been answered
        storm = asyncio.ensure_future(asyncio.gather(*map(status, strange[::2])))
        await eventually(lambda: issuer.fetched > fetched)
        took = []
        async with asyncio.timeout(STORM_WITHIN):
            for credential in fresh:
                for one in (known, known, known, known, credential):
                    began = time.monotonic()
                    assert await status(one) == 200
                    took.append(time.monotonic() - began)
        assert not storm.done()
        issuer.open.set()
        assert set(await storm) == {401}
        assert set(await asyncio.gather(*map(status, strange[1::2]))) == {401}
    figure(f"{len(took)} valid requests beside {STRANGERS} strangers: slowest {max(took) * 1000:.0f} ms")
    assert issuer.fetched - fetched == 1
    assert await metric(ready.gateway.port, "auth_failures_total", reason="unknown_key") == STRANGERS


async def test_JW_20_a_new_key_works_at_once_for_who_brings_it(ready: Place, issuer: ScriptedIssuer) -> None:
    async with ready.origin(answer):
        issuer.keys = [public(rsa_key()), public(ec_key("ec-9"))]
        new = sign(ec_key("ec-9"), "ES256", issuer.claims(time.time())).decode()
        assert (await ask(ready, new))[0] == 200
