"""What every scheme in the registry keeps to, newcomers included."""

from typing import get_args

import pytest
from auth_tokens import SECRET, request
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.base import REASONS
from gateway.auth.jwt import Jwt, mint
from gateway.auth.registry import SCHEMES, build
from gateway.config.tree import Auth, Config
from gateway.errors import Unauthenticated
from gateway.exchange import Identity
from gateway.runtime import Runtime

TEXT_SECRET = SECRET.hex()


def config(scheme: str, **jwt: object) -> Config:
    return Config.model_validate({"auth": {"type": scheme}, "jwt": {"secret": TEXT_SECRET, **jwt}})


def check_contract(outcome: Identity | Unauthenticated) -> None:
    if isinstance(outcome, Identity):
        assert outcome.headers == b"" or outcome.headers.endswith(b"\r\n")
        assert outcome.headers.count(b"\r\n") == outcome.headers.count(b"\n") <= 1
        assert outcome.expires_at > 0
        return
    assert outcome.detail in REASONS
    assert outcome.answer.status == 401
    [(name, challenge)] = outcome.headers
    assert name == "WWW-Authenticate"
    assert challenge.startswith('Bearer realm="ai-api-gateway"')


async def outcome(scheme: str, *values: bytes) -> Identity | Unauthenticated:
    try:
        return await build(config(scheme), Runtime()).authenticate(request(*values))
    except Unauthenticated as refusal:
        return refusal


def test_the_configuration_offers_exactly_the_schemes_there_are() -> None:
    assert set(get_args(Auth.model_fields["type"].annotation)) == set(SCHEMES)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("value", [None, b"", b"Bearer", b"Bearer a.b.c", b"Basic YTpi", b"\xff"], ids=repr)
async def test_a_scheme_answers_with_an_identity_or_a_challenge(scheme: str, value: bytes | None) -> None:
    check_contract(await (outcome(scheme) if value is None else outcome(scheme, value)))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(value=st.one_of(st.binary(), st.from_regex(rb"(?i:bearer) [A-Za-z0-9_.-]+", fullmatch=True)))
async def test_a_scheme_raises_nothing_else_whatever_authorization_holds(scheme: str, value: bytes) -> None:
    check_contract(await outcome(scheme, value))


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_scheme_never_prints_the_secret(scheme: str) -> None:
    authenticator = build(config(scheme), Runtime())
    assert TEXT_SECRET not in repr(authenticator)


async def test_jwt_is_built_from_its_keys() -> None:
    runtime = Runtime()
    options = config("jwt", issuer="https://issuer.test", audience="chat", leeway="5s")
    jwt = build(options, runtime)
    secret = TEXT_SECRET.encode()
    now = runtime.wall()
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
    options = Config.model_validate({"auth": {"type": "jwt", "cache_size": 1}, "jwt": {"secret": TEXT_SECRET}})
    runtime = Runtime()
    jwt = build(options, runtime)
    assert isinstance(jwt, Jwt)
    for subject in ("alice", "bob", "carol"):
        token = mint(TEXT_SECRET.encode(), subject, now=runtime.wall())
        await jwt.authenticate(request(b"Bearer " + token.encode()))
    assert len(jwt.cache) == 2


def test_JW_16_jwt_without_a_secret_does_not_start_and_says_what_to_do() -> None:
    options = Config.model_validate({"auth": {"type": "jwt"}})
    with pytest.raises(ValueError, match=r"^jwt\.secret: .*JWT_SECRET"):
        build(options, Runtime())


def test_a_scheme_that_does_not_exist_is_named_with_those_that_do() -> None:
    options = config("none").model_copy(update={"auth": Auth.model_construct(type="basic", cache_size=1)})
    with pytest.raises(ValueError, match=r"^auth\.type: 'basic' is not one of none, jwt"):
        build(options, Runtime())
