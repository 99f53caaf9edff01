"""`auth.type: both`: the issuer that a token names decides who verifies it, and nothing else does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from auth_stage import SECRET, Stage, standing
from auth_tokens import base64url, forge
from scripted_issuer import ScriptedIssuer, ec_key, public, rsa_key, sign

from gateway.auth.jwt import mint
from gateway.errors import NoUpstream


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with (
        ScriptedIssuer() as provider,
        standing(provider, auth={"type": "both"}, jwt={"secret": SECRET}) as stage,
    ):
        yield stage


def own(stage: Stage, **claims: Any) -> dict[str, Any]:
    """What a token of the shared secret says."""
    return {"sub": "bob", "exp": stage.runtime.wall() + 60, **claims}


def with_secret(claims: dict[str, Any], **header: Any) -> bytes:
    return forge({"alg": "HS256", **header}, claims, secret=SECRET.encode())


async def test_each_verifier_believes_its_own_tokens(stage: Stage) -> None:
    minted = mint(SECRET.encode(), "bob", now=stage.runtime.wall()).encode()
    assert (await stage.ask(stage.token())).subject == "alice"
    assert (await stage.ask(minted)).subject == "bob"
    assert (await stage.ask(with_secret(own(stage, iss="https://other.example")))).subject == "bob"


async def test_the_secret_cannot_speak_for_the_provider(stage: Stage) -> None:
    claims = stage.provider.claims(stage.runtime.wall())
    for header in ({}, {"kid": "rsa-1"}, {"alg": "RS256"}, {"alg": "RS256", "kid": "rsa-1"}):
        assert await stage.verdict(with_secret(claims, **header)) in ("algorithm", "signature", "unknown_key")


async def test_the_providers_keys_cannot_speak_for_anybody_else(stage: Stage) -> None:
    for iss in ("https://other.example", stage.provider.url + "/", "", None, 7, [stage.provider.url], ...):
        assert await stage.verdict(stage.token(iss=iss, aud=...)) == "algorithm"
        assert await stage.verdict(stage.token(ec_key(), "ES256", iss=iss, aud=...)) == "algorithm"


async def test_an_issuer_said_twice_is_nobodys(stage: Stage) -> None:
    iss = stage.provider.url.encode()
    twice = b'{"iss":"%s","iss":"x","sub":"a","aud":"ai","exp":1900000000}' % iss
    assert await stage.verdict(sign(rsa_key(), "RS256", twice)) == "algorithm"
    assert await stage.verdict(forge({"alg": "HS256"}, twice, secret=SECRET.encode())) == "malformed"


async def test_what_cannot_be_read_has_no_issuer_and_is_refused(stage: Stage) -> None:
    for token in (b"x", b"a.b.c", b"." * 100, b"e30." + base64url(b"[" * 3000) + b".AA"):
        assert await stage.verdict(token) in ("malformed", "algorithm")


async def test_a_jwt_issuer_is_asked_for_where_it_is_set() -> None:
    async with (
        ScriptedIssuer() as provider,
        standing(provider, auth={"type": "both"}, jwt={"secret": SECRET, "issuer": "https://own.example"}) as stage,
    ):
        assert await stage.verdict(with_secret(own(stage, iss="https://own.example"))) == "ok"
        assert await stage.verdict(with_secret(own(stage))) == "issuer"


async def test_while_the_provider_is_away_only_its_tokens_wait() -> None:
    provider = ScriptedIssuer()
    await provider.come_back()
    await provider.go_away()
    async with standing(provider, auth={"type": "both"}, jwt={"secret": SECRET}) as stage:
        assert await stage.verdict(with_secret(own(stage))) == "ok"
        with pytest.raises(NoUpstream):
            await stage.ask(stage.token())


async def test_JW_40_the_two_share_one_bounded_memory_and_no_entry(stage: Stage) -> None:
    await stage.ask(stage.token())
    await stage.ask(with_secret(own(stage)))
    assert len(stage.gate.cache) == 2
    stage.provider.keys = [public(ec_key())]
    await stage.after(600.1)
    assert await stage.verdict(with_secret(own(stage))) == "ok"
    assert await stage.verdict(stage.token()) == "unknown_key"
