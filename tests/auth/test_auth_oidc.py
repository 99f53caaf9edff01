"""Tokens of an OpenID provider: which are believed, and what happens while its keys come and go."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from auth_stage import LEEWAY, Stage, standing
from auth_tokens import forge, request
from scripted_issuer import (
    AUDIENCE,
    WELL_KNOWN,
    Key,
    ScriptedIssuer,
    base64url,
    ec_key,
    ed_key,
    public,
    rsa_key,
)

from gateway.auth.base import REASONS
from gateway.errors import NoUpstream, Unauthenticated

ALL = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedIssuer]:
    async with ScriptedIssuer() as provider:
        yield provider


@pytest.fixture
async def stage(provider: ScriptedIssuer) -> AsyncIterator[Stage]:
    async with standing(provider) as stage:
        yield stage


async def test_a_token_of_the_issuer_says_who_calls(stage: Stage) -> None:
    identity = await stage.ask(stage.token(scope="chat embed", tenant="red"))
    assert identity.subject == "alice"
    assert identity.scopes == {"chat", "embed"}
    assert identity.headers == b"X-Auth-Subject: alice\r\n"
    assert identity.claims["tenant"] == "red"


async def test_a_token_of_a_known_key_is_verified_without_waiting_for_anybody(stage: Stage) -> None:
    with pytest.raises(StopIteration):
        stage.gate.authenticate(request(b"Bearer " + stage.token())).send(None)


@pytest.mark.parametrize("algorithm", ALL)
async def test_every_algorithm_that_is_allowed_verifies_with_its_kind_of_key(
    provider: ScriptedIssuer, algorithm: str
) -> None:
    key: Key = {
        "RS": rsa_key(),
        "PS": rsa_key(),
        "ES": ec_key("ec", {"ES384": "P-384", "ES512": "P-521"}.get(algorithm, "P-256")),
        "Ed": ed_key(),
    }[algorithm[:2]]
    provider.keys = [public(key)]
    async with standing(provider, algorithms=[algorithm]) as stage:
        assert await stage.verdict(stage.token(key, algorithm)) == "ok"
        signed, _, signature = stage.token(key, algorithm, sub="bob").rpartition(b".")
        assert await stage.verdict(signed + b"." + signature[:-8] + b"AAAAAAAA") == "signature"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", 0, None, [], ["RS256"], {}, True, "rs256", ...])
async def test_JW_03_an_algorithm_that_is_none_or_no_name_is_refused(stage: Stage, alg: object) -> None:
    signed, _, real = stage.token(header={"alg": alg}).rpartition(b".")
    for signature in (real, b"AA"):
        assert await stage.verdict(signed + b"." + signature) == "algorithm"
    assert await stage.verdict(signed + b".") == "malformed"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_JW_04_a_truly_signed_token_of_an_algorithm_outside_the_list_is_refused(
    stage: Stage, algorithm: str
) -> None:
    assert await stage.verdict(stage.token(algorithm=algorithm)) == "algorithm"


async def test_JW_04_ps256_against_a_key_published_as_rs256_is_refused(provider: ScriptedIssuer) -> None:
    provider.keys = [public(rsa_key(), alg="RS256")]
    async with standing(provider, algorithms=["RS256", "PS256"]) as stage:
        assert await stage.verdict(stage.token(algorithm="RS256")) == "ok"
        assert await stage.verdict(stage.token(algorithm="PS256")) == "unknown_key"


async def test_JW_04_a_public_key_taken_for_a_secret_signs_nothing(stage: Stage) -> None:
    """CVE-2022-29217, GHSA-xgmm-8j9v-c9wx: the key that everybody knows, as an HMAC secret, in all its spellings."""
    claims = stage.provider.claims(stage.runtime.wall())
    key = rsa_key()
    pem, der = (key.as_bytes(encoding, private=False) for encoding in ("PEM", "DER"))
    for secret in (pem, pem.rstrip(), der, json.dumps(public(key)).encode()):
        assert await stage.verdict(forge({"alg": "HS256", "kid": "rsa-1"}, claims, secret=secret)) == "algorithm"


async def test_JW_04_the_algorithm_of_another_kind_of_key_is_refused(stage: Stage) -> None:
    assert await stage.verdict(stage.token(ec_key(), "ES256", header={"kid": "rsa-1"})) == "unknown_key"
    signed, _, signature = stage.token(ec_key(), "ES256").rpartition(b".")
    assert await stage.verdict(signed + b"." + signature[:40]) == "signature"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_JW_05_a_token_that_brings_or_names_its_own_key_is_refused_and_nobody_is_called(
    stage: Stage, name: str
) -> None:
    own = rsa_key("own")
    async with ScriptedIssuer(public(own)) as attacker:
        there = f"{attacker.url}/keys"
        value = {"jwk": public(own), "jku": there, "x5u": there, "x5c": ["MIIB"]}[name]
        for kid in ("own", "rsa-1", ...):
            assert await stage.verdict(stage.token(own, header={name: value, "kid": kid})) == "malformed"
        await stage.settled()
        assert sum(attacker.asked.values()) == 0
        assert stage.provider.fetched == 1


@pytest.mark.parametrize("kid", ["../../../../dev/null", "' OR 1=1", "|id", "k" * 4096, "", "RSA-1", "rsa-1 "])
async def test_JW_06_a_kid_that_is_not_exactly_a_known_one_is_refused(stage: Stage, kid: str) -> None:
    assert await stage.verdict(stage.token(header={"kid": kid})) == "unknown_key"


@pytest.mark.parametrize("kid", [0, None, [], {}, True, ["rsa-1"]], ids=str)
async def test_JW_06_a_kid_that_is_no_text_is_refused(stage: Stage, kid: object) -> None:
    assert await stage.verdict(stage.token(header={"kid": kid})) == "malformed"


async def test_JW_06_without_a_kid_the_only_key_of_the_algorithm_is_meant_and_no_fetch_asked_for(
    provider: ScriptedIssuer,
) -> None:
    async with standing(provider) as stage:
        assert await stage.verdict(stage.token(header={"kid": ...})) == "ok"
        provider.keys = [public(rsa_key()), public(rsa_key("rsa-2"))]
        await stage.after(600.1)
        assert await stage.verdict(stage.token(header={"kid": ...}, sub="bob")) == "unknown_key"
        assert provider.fetched == 2


@pytest.mark.parametrize(
    "member",
    [
        {"crit": ["exp2"], "exp2": 1},
        {"crit": []},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"typ": "logout+jwt"},
        {"typ": "JWE"},
        {"typ": None},
    ],
    ids=str,
)
async def test_JW_07_12_a_header_that_asks_for_more_than_a_signature_is_refused(
    stage: Stage, member: dict[str, Any]
) -> None:
    assert await stage.verdict(stage.token(header=member)) == "malformed"


async def test_JW_12_encrypted_tokens_are_refused_in_less_than_5_ms(stage: Stage) -> None:
    header = base64url(b'{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}')
    for token in (b".".join([header, b"AAAA", b"AAAA", b"AAAA", b"AAAA"]), b".".join([header, b"AAAA", b"AAAA"])):
        took = []
        for _ in range(5):
            started = time.thread_time()
            assert await stage.verdict(token) == "malformed"
            took.append(time.thread_time() - started)
        assert min(took) < 0.005


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "application/at+jwt", ...])
async def test_an_access_token_may_say_that_it_is_one(stage: Stage, typ: object) -> None:
    assert await stage.verdict(stage.token(header={"typ": typ})) == "ok"


async def test_members_of_a_header_that_ask_for_nothing_are_ignored(stage: Stage) -> None:
    """Entra ID's nonce and x5t, and whatever comes next (RFC 7515, section 4)."""
    assert await stage.verdict(stage.token(header={"x5t": "AAAA", "nonce": "n" * 600})) == "ok"


@pytest.mark.parametrize(
    "claims",
    [b'{"sub":"a","sub":"b","iss":"%s","aud":"ai","exp":%d}', b'{"sub":"a","iss":"%s","aud":"ai","exp":1,"exp":%d}'],
)
async def test_JW_08_a_token_that_says_one_thing_twice_is_refused(stage: Stage, claims: bytes) -> None:
    payload = claims % (stage.provider.url.encode(), stage.runtime.wall() + 60)
    assert await stage.verdict(stage.signed(payload)) == "malformed"


@pytest.mark.parametrize(
    ("claim", "offset", "verdict"),
    [
        ("exp", -LEEWAY + 1, "ok"),
        ("exp", -LEEWAY, "expired"),
        ("exp", -LEEWAY - 1, "expired"),
        ("nbf", LEEWAY, "ok"),
        ("nbf", LEEWAY + 1, "not_yet_valid"),
        ("iat", LEEWAY, "ok"),
        ("iat", LEEWAY + 1, "not_yet_valid"),
    ],
)
async def test_JW_09_times_are_judged_with_the_leeway_and_no_more(
    stage: Stage, claim: str, offset: int, verdict: str
) -> None:
    assert await stage.verdict(stage.token(**{claim: stage.runtime.wall() + offset})) == verdict


@pytest.mark.parametrize("value", ["1900000000", True, None, [], {}, ...], ids=str)
async def test_JW_09_an_exp_of_another_type_or_none_is_refused(stage: Stage, value: object) -> None:
    assert await stage.verdict(stage.token(exp=value)) == "claims"


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["account", AUDIENCE]], ids=str)
async def test_JW_10_our_audience_alone_or_among_others_is_ours(stage: Stage, aud: object) -> None:
    assert await stage.verdict(stage.token(aud=aud)) == "ok"


@pytest.mark.parametrize(
    "aud", ["", "a", "ai2", "AI", "xai", [], ["account"], [["ai"]], [AUDIENCE, 7], 7, {"ai": "ai"}, None, ...], ids=str
)
async def test_JW_10_any_other_audience_is_refused(stage: Stage, aud: object) -> None:
    assert await stage.verdict(stage.token(aud=aud)) == "audience"


@pytest.mark.parametrize(
    "change",
    [lambda iss: iss + "/", str.upper, lambda iss: iss[:-1], lambda iss: iss[7:], lambda iss: [iss], lambda iss: 7],
)
async def test_JW_11_any_other_issuer_is_refused_and_its_unknown_key_not_looked_for(stage: Stage, change: Any) -> None:
    iss = change(stage.provider.url)
    assert await stage.verdict(stage.token(iss=iss)) == "issuer"
    assert await stage.verdict(stage.token(iss=..., header={"kid": "x"})) == "issuer"
    assert await stage.verdict(stage.token(iss=iss, header={"kid": "x"})) == "issuer"
    await stage.settled()
    assert stage.provider.fetched == 1


@pytest.mark.parametrize(
    "token",
    [b"a.b.c", b"e30.e30.AA", b"." * 8000, b"A" * 8000, b"a" * 8193, b"e30.e30.e30.e30.e30", b"e30=.e30.AA", b"x"],
    ids=lambda token: repr(token[:9]),
)
async def test_JW_13_garbage_is_refused_and_asks_for_no_key(stage: Stage, token: bytes) -> None:
    assert await stage.verdict(token) in ("malformed", "algorithm")
    await stage.settled()
    assert stage.provider.fetched == 1


@pytest.mark.parametrize("payload", [b"[" * 3000, b'{"a":' * 1200 + b"1" + b"}" * 1200, b'{"a":' + b"9" * 5000 + b"}"])
async def test_JW_13_nested_json_and_giant_integers_are_refused(stage: Stage, payload: bytes) -> None:
    assert await stage.verdict(stage.signed(payload)) == "malformed"


async def test_JW_15_the_client_reads_the_same_words_for_unknown_key_bad_signature_and_expired(stage: Stage) -> None:
    answers = set()
    for token in (
        stage.token(header={"kid": "x"}),
        stage.token(rsa_key("other"), header={"kid": "rsa-1"}),
        stage.token(exp=1),
        stage.token(aud="x"),
        b"garbage",
    ):
        with pytest.raises(Unauthenticated) as refusal:
            await stage.ask(token)
        assert refusal.value.detail in REASONS
        answers.add((refusal.value.answer, refusal.value.headers))
    assert len(answers) == 1


async def test_JW_20_a_token_of_a_new_key_waits_for_the_one_fetch_and_passes(stage: Stage) -> None:
    new = rsa_key("rsa-2")
    stage.provider.keys = [public(rsa_key()), public(new)]
    stage.provider.open.clear()
    waiting = asyncio.ensure_future(stage.verdict(stage.token(new)))
    known = await stage.verdict(stage.token())
    assert (known, waiting.done()) == ("ok", False)
    stage.provider.open.set()
    assert await waiting == "ok"
    assert stage.provider.fetched == 2


async def test_JW_20_without_a_kid_a_new_signature_asks_for_the_new_key(provider: ScriptedIssuer) -> None:
    anonymous = [{name: value for name, value in public(rsa_key(kid)).items() if name != "kid"} for kid in "ab"]
    provider.keys = anonymous[:1]
    async with standing(provider) as stage:
        old, new = (stage.token(rsa_key(kid), header={"kid": ...}) for kid in "ab")
        assert await stage.verdict(old) == "ok"
        provider.keys = anonymous[1:]
        assert await stage.verdict(new) == "ok"
        assert await stage.verdict(old) == "signature"
        assert provider.fetched == 2


async def test_JW_20_a_remembered_token_of_a_removed_key_dies_with_the_next_key_set(stage: Stage) -> None:
    by_rsa, by_ec = stage.token(), stage.token(ec_key(), "ES256")
    assert (await stage.verdict(by_rsa), await stage.verdict(by_ec)) == ("ok", "ok")
    stage.provider.keys = [public(ec_key())]
    await stage.after(600.1)
    assert (await stage.verdict(by_rsa), await stage.verdict(by_ec)) == ("unknown_key", "ok")


async def test_JW_20_who_leaves_while_waiting_for_a_key_does_not_stop_the_others(stage: Stage) -> None:
    new = rsa_key("rsa-2")
    stage.provider.keys = [public(new)]
    stage.provider.open.clear()
    leaver = asyncio.ensure_future(stage.verdict(stage.token(new)))
    patient = asyncio.ensure_future(stage.verdict(stage.token(new, sub="bob")))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    stage.provider.open.set()
    assert await patient == "ok"


async def test_JW_21_remembered_and_new_tokens_pass_while_the_issuer_is_away(stage: Stage) -> None:
    before = stage.token(exp=stage.runtime.wall() + 80000)
    assert await stage.verdict(before) == "ok"
    await stage.provider.go_away()
    for _ in range(12):
        await stage.after(60.1)
        assert await stage.verdict(before) == "ok"
        assert await stage.verdict(stage.token(sub=f"s{stage.runtime.wall()}")) == "ok"
    assert list(stage.gate.checks()) == [(True, next(iter(stage.gate.checks()))[1])]
    assert "the issuer cannot be reached" in next(iter(stage.gate.checks()))[1]


async def test_JW_21_after_max_stale_even_a_remembered_token_is_not_believed(provider: ScriptedIssuer) -> None:
    async with standing(provider, max_stale="10m", refresh_interval="1m") as stage:
        token = stage.token(exp=stage.runtime.wall() + 80000)
        assert await stage.verdict(token) == "ok"
        await provider.go_away()
        for _ in range(11):
            await stage.after(60.1)
        with pytest.raises(NoUpstream):
            await stage.ask(token)


async def test_JW_22_without_keys_nobody_passes_and_it_heals_by_itself() -> None:
    provider = ScriptedIssuer()
    await provider.come_back()
    await provider.go_away()
    async with standing(provider) as stage:
        token = stage.token()
        with pytest.raises(NoUpstream) as unavailable:
            await stage.ask(token)
        assert unavailable.value.answer.status == 503
        assert await stage.verdict(b"garbage") == "malformed"
        assert [good for good, _ in stage.gate.checks()] == [False]
        await provider.come_back()
        await stage.after(2.1)
        assert await stage.verdict(token) == "ok"
        assert [good for good, _ in stage.gate.checks()] == [True]
    await provider.go_away()


async def test_JW_23_two_hundred_first_requests_make_one_fetch_and_wait_for_nothing(provider: ScriptedIssuer) -> None:
    provider.open.clear()
    async with standing(provider, fetched=False) as stage:
        tokens = [stage.token(sub=f"s{number}") for number in range(200)]
        assert {await stage.verdict(token) for token in tokens} == {"key set"}
        provider.open.set()
        await stage.settled()
        assert {await stage.verdict(token) for token in tokens} == {"ok"}
        assert provider.asked == {WELL_KNOWN: 1, "/keys": 1}


async def test_a_thousand_unknown_kids_cost_one_fetch_and_the_known_ones_nothing(stage: Stage) -> None:
    stage.provider.open.clear()
    strangers = [
        asyncio.ensure_future(stage.verdict(stage.token(ec_key(), "ES256", header={"kid": f"k{number}"})))
        for number in range(1000)
    ]
    await asyncio.sleep(0)
    for number in range(100):
        with pytest.raises(StopIteration):
            stage.gate.authenticate(request(b"Bearer " + stage.token(sub=f"s{number}"))).send(None)
    stage.provider.open.set()
    assert set(await asyncio.gather(*strangers)) == {"unknown_key"}
    assert stage.provider.fetched == 2


async def test_a_signature_has_one_spelling(stage: Stage) -> None:
    token = stage.token()
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1:])
    for bits in (1, 2, 3):
        assert await stage.verdict(token[:-1] + alphabet[last ^ bits : (last ^ bits) + 1]) == "malformed"
    assert await stage.verdict(token) == "ok"
    assert len(stage.gate.cache) == 1


async def test_nobody_who_prints_the_scheme_sees_more_than_counts(stage: Stage) -> None:
    await stage.ask(stage.token())
    assert repr(stage.gate) == "<Gate <Oidc RS256 ES256 2 keys> <TokenCache 1 tokens>>"


async def test_a_reload_with_the_same_issuer_keeps_the_keys_that_are_here(stage: Stage) -> None:
    token = stage.token()
    assert await stage.verdict(token) == "ok"
    again = stage.rebuilt()
    again.start()
    stage.gate.close()
    assert stage.provider.fetched == 1
    assert (await again.authenticate(request(b"Bearer " + token))).subject == "alice"
    await stage.after(600.1)
    assert stage.provider.fetched == 2
    again.close()
    await stage.after(600.1)
    assert stage.provider.fetched == 2
    stage.gate.start()  # the block ends with a close of its own
    await stage.settled()


async def test_a_reload_with_another_interval_asks_anew(stage: Stage) -> None:
    again = stage.rebuilt(refresh_interval="1m")
    assert stage.oidc.source not in [getattr(scheme, "source", None) for scheme in again.schemes]


async def test_fetches_are_counted_by_result_for_the_metrics(stage: Stage) -> None:
    assert list(stage.gate.updates()) == [(("oidc", "success"), 1)]
    await stage.provider.go_away()
    await stage.after(600.1)
    assert dict(stage.gate.updates()) == {("oidc", "success"): 1, ("oidc", "failure"): 1}
