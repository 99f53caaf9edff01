"""What every scheme in the registry keeps to, newcomers included."""

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import ClientSession
from auth_tokens import SECRET, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.auth.base import REASONS
from gateway.auth.gate import Gate
from gateway.auth.jwt import mint
from gateway.auth.registry import SCHEMES, build
from gateway.auth.scheme_tools import Tools
from gateway.config.service import Service
from gateway.config.tree import Auth, Config
from gateway.errors import GatewayError, Unauthenticated
from gateway.exchange import ANONYMOUS, Identity
from gateway.runtime import Runtime

TEXT_SECRET = SECRET.hex()


API_KEY = b"sk-" + SECRET.hex().encode()
ISSUER = "http://127.0.0.1:9"
# What a configuration says to ask for each scheme, and for no other one; a newcomer has its own line here.
ASKED: dict[str, dict[str, Any]] = {
    "api_keys": {"auth": {"type": "none", "api_keys_file": "keys.yaml"}},
    "oidc": {"auth": {"type": "oidc"}, "oidc": {"issuer": ISSUER, "audience": "ai"}},
    "jwt": {"auth": {"type": "jwt"}, "jwt": {"secret": TEXT_SECRET}},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a file of API keys is, whose path is relative to it."""
    entry = {"name": "ci", "sha256": hashlib.sha256(API_KEY).hexdigest(), "subject": "robot"}
    (tmp_path / "keys.yaml").write_text(json.dumps([entry]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def built(config: dict[str, Any]) -> Gate:
    """The gate for `config`, with a client that has nobody to ask."""
    async with ClientSession() as client:
        return build(Config.model_validate(config), Tools(Runtime(), client))


async def outcome(gate: Gate, *values: bytes) -> object:
    try:
        return await gate.authenticate(request(*values))
    except GatewayError as refusal:
        return refusal


def check_contract(outcome: object) -> None:
    if isinstance(outcome, Identity):
        assert outcome.headers == b"" or outcome.headers.endswith(b"\r\n")
        assert outcome.headers.count(b"\r\n") == outcome.headers.count(b"\n") <= 1
        assert outcome.expires_at > 0
        return
    assert isinstance(outcome, Unauthenticated)
    assert outcome.detail in REASONS
    assert outcome.answer.status == 401
    assert outcome.headers.startswith(b'WWW-Authenticate: Bearer realm="ai-api-gateway"')
    assert outcome.headers.count(b"\r\n") == outcome.headers.count(b"\n") == 1


def test_every_scheme_of_the_registry_is_tested_here() -> None:
    assert ASKED.keys() == SCHEMES.keys()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("value", [None, b"", b"Bearer", b"Bearer a.b.c", b"Basic YTpi", b"\xff"], ids=repr)
async def test_a_scheme_answers_with_an_identity_or_a_challenge(scheme: str, value: bytes | None, folder: Path) -> None:
    gate = await built(ASKED[scheme])
    assert [one.name for one in gate.schemes] == [scheme]
    check_contract(await (outcome(gate) if value is None else outcome(gate, value)))


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.one_of(st.binary(), st.from_regex(rb"(?i:bearer) [A-Za-z0-9_.-]+", fullmatch=True)))
async def test_a_scheme_raises_nothing_else_whatever_authorization_holds(
    scheme: str, value: bytes, folder: Path
) -> None:
    check_contract(await outcome(await built(ASKED[scheme]), value))


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_scheme_that_is_not_asked_for_is_not_there(scheme: str, folder: Path) -> None:
    others = [one.name for name in SCHEMES if name != scheme for one in (await built(ASKED[name])).schemes]
    assert scheme not in others


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_scheme_never_prints_a_secret(scheme: str, folder: Path) -> None:
    gate = await built(ASKED[scheme])
    assert TEXT_SECRET not in repr(gate)
    assert API_KEY.decode() not in repr(gate)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_scheme_is_started_and_closed_without_waiting_for_anybody(scheme: str, folder: Path) -> None:
    async with ClientSession() as client:
        runtime = Runtime()
        gate = build(Config.model_validate(ASKED[scheme]), Tools(runtime, client))
        gate.start()
        assert all(isinstance(good, bool) and what for good, what in gate.checks())
        gate.close()
        await runtime.close()


async def test_without_a_scheme_everyone_is_anonymous_and_no_header_is_withheld() -> None:
    gate = await built({"auth": {"type": "none"}})
    service = Service.model_validate({"upstreams": [{"url": "http://a"}]})
    assert await gate.authenticator(service).authenticate(request()) is ANONYMOUS
    assert gate.hidden == ()


async def test_a_public_service_asks_nobody_whatever_the_scheme() -> None:
    gate = await built(ASKED["jwt"])
    service = Service.model_validate({"upstreams": [{"url": "http://a"}], "auth": "none"})
    assert await gate.authenticator(service).authenticate(request(b"Bearer x")) is ANONYMOUS


@pytest.mark.parametrize("kind", get_args(Auth.model_fields["type"].annotation))
async def test_api_keys_are_accepted_beside_every_type(kind: str, folder: Path) -> None:
    gate = await built({**ASKED["oidc"], **ASKED["jwt"], "auth": {"type": kind, "api_keys_file": "keys.yaml"}})
    identity = await gate.authenticate(request(b"Bearer " + API_KEY))
    assert identity.subject == "robot"
    with pytest.raises(Unauthenticated):
        await gate.authenticate(request())
    with pytest.raises(Unauthenticated):
        await gate.authenticate(request(b"Bearer " + API_KEY + b"x"))


async def test_jwt_is_built_from_its_keys() -> None:
    secret = TEXT_SECRET.encode()
    jwt = await built(
        {"jwt": {"secret": TEXT_SECRET, "issuer": "https://issuer.test", "audience": "chat", "leeway": 5}}
    )
    now = Runtime().wall()
    good = mint(secret, "alice", now=now, issuer="https://issuer.test", audience="chat")
    assert (await jwt.authenticate(request(b"Bearer " + good.encode()))).subject == "alice"
    for why, token in {
        "audience": mint(secret, "alice", now=now, issuer="https://issuer.test"),
        "issuer": mint(secret, "alice", now=now, audience="chat"),
        "expired": mint(secret, "alice", now=now - 70, ttl=60, issuer="https://issuer.test", audience="chat"),
        "signature": mint(SECRET, "alice", now=now, issuer="https://issuer.test", audience="chat"),
    }.items():
        with pytest.raises(Unauthenticated) as refusal:
            await jwt.authenticate(request(b"Bearer " + token.encode()))
        assert refusal.value.detail == why


async def test_the_cache_has_the_configured_size() -> None:
    gate = await built({"auth": {"cache_size": 1}, "jwt": {"secret": TEXT_SECRET}})
    for subject in ("alice", "bob", "carol"):
        token = mint(TEXT_SECRET.encode(), subject, now=Runtime().wall())
        await gate.authenticate(request(b"Bearer " + token.encode()))
    assert len(gate.cache) == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"auth": {"type": "jwt"}}, r"^jwt\.secret: .*JWT_SECRET"),
        ({"auth": {"type": "oidc"}}, r"^oidc\.issuer and oidc\.audience: auth.type is oidc"),
        ({"auth": {"type": "both"}, "jwt": {"secret": TEXT_SECRET}}, r"^oidc\.issuer and oidc\.audience"),
        ({"auth": {"type": "both"}, "oidc": {"issuer": ISSUER, "audience": "ai"}}, r"^jwt\.secret: auth.type is both"),
        ({"auth": {"type": "none", "api_keys_file": "/none"}}, "the file '/none', which cannot be read"),
        ({"jwt": {"secret": TEXT_SECRET, "algorithms": ["RS256"]}}, r"^jwt\.algorithms: .*HS256, HS384, HS512"),
        ({"jwt": {"public_key": "/none", "algorithms": ["RS256"]}}, "the file '/none', which cannot be read"),
        (
            {"jwt": {"secret": TEXT_SECRET, "previous_secret": TEXT_SECRET[:40], "algorithms": ["HS384"]}},
            r"^jwt\.previous_secret: 40 bytes; HS384 needs 48",
        ),
    ],
    ids=str,
)
async def test_JW_16_what_would_not_be_safe_is_not_built_and_says_what_to_do(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await built(config)
