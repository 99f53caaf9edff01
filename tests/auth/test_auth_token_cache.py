"""What the gateway remembers of tokens, and what it never does."""

import contextlib
import gc
import hmac
from typing import Any

import psutil
import pytest
from auth_tokens import CLAIMS, LEEWAY, NOW, SECRET, Clock, ask, base64url, forge, reason, request, token_gate, verdict
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.base import Proof, Scheme, Trust
from gateway.auth.gate import Gate
from gateway.auth.jwt import Jwt
from gateway.auth.token_cache import TokenCache
from gateway.errors import Unauthenticated
from gateway.exchange import Identity
from gateway.runtime import Runtime

# What the allocator keeps back for itself; the tokens that are forgotten are over 100 MB.
FLAT = 4 << 20


class Counting(Jwt):
    proved = 0

    async def prove(self, token: bytes) -> Proof:
        self.proved += 1
        return await super().prove(token)


def counting(**options: Any) -> tuple[Gate, Counting]:
    gate = token_gate(scheme=Counting, **options)
    [scheme] = gate.schemes
    assert isinstance(scheme, Counting)
    return gate, scheme


def proof(subject: str = "alice", until: float = float("inf")) -> Proof:
    return Proof(Identity(subject), Trust(), until)


def test_JW_40_a_token_is_verified_once_and_then_remembered() -> None:
    gate, scheme = counting()
    first = ask(gate, b"Bearer " + forge())
    assert all(ask(gate, b"Bearer " + forge()) is first for _ in range(1000))
    assert scheme.proved == 1


def test_JW_40_a_remembered_token_expires_on_the_wall_clock() -> None:
    clock = Clock()
    gate = token_gate(clock)
    value = b"Bearer " + forge(claims={"sub": "alice", "exp": NOW + 60})
    ask(gate, value)
    clock.now = NOW + 60 + LEEWAY - 0.001
    assert ask(gate, value).subject == "alice"
    clock.now = NOW + 60 + LEEWAY
    assert reason(gate, value) == "expired"
    assert len(gate.cache) == 0


@given(
    st.floats(0, 120, allow_nan=False),
    st.one_of(st.integers(NOW - 100, NOW + 100), st.floats(NOW - 100, NOW + 100)),
    st.floats(-300, 300, allow_nan=False),
)
def test_JW_40_memory_and_verification_agree_on_every_moment(leeway: float, exp: float, offset: float) -> None:
    token = forge(claims={"sub": "alice", "exp": exp})
    clock = Clock(exp - 1000)
    remembering = token_gate(clock, leeway=leeway)
    ask(remembering, b"Bearer " + token)
    clock.now = exp + offset
    remembered = remembering.cache.recall(b"Bearer " + token) is not None
    assert remembered == (verdict(token_gate(clock, leeway=leeway), token) == "ok")


def test_JW_40_all_spellings_of_one_token_share_one_entry() -> None:
    gate, scheme = counting()
    token = forge()
    spellings = [b"bearer ", b"BEARER ", b"Bearer  ", b"bEARER   ", b"Bearer "]
    assert len({ask(gate, spelling + token) for spelling in spellings}) == 1
    assert (len(gate.cache), scheme.proved) == (1, 1)


def test_JW_40_a_spelling_that_decodes_to_the_same_bytes_is_another_token_and_refused() -> None:
    """The last character of a 32-byte signature has two spare bits: four spellings, one signature."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = forge()
    last = alphabet.index(token[-1:])
    others = [token[:-1] + alphabet[last ^ bits : (last ^ bits) + 1] for bits in (1, 2, 3)]
    gate = token_gate()
    ask(gate, b"Bearer " + token)
    for other in [*others, token + b"="]:
        assert reason(gate, b"Bearer " + other) == "malformed"
    assert len(gate.cache) == 1


def rss() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def test_JW_41_a_hundred_thousand_invalid_tokens_leave_the_memory_as_it_was() -> None:
    gate = token_gate(cache_size=10)
    known = b"Bearer " + forge()
    alice = ask(gate, known)
    signed, _, _ = forge().rpartition(b".")
    before = 0
    for number in range(100_000):
        if number == 10_000:
            before = rss()
        # Most fall at the header, every hundredth goes all the way to a wrong signature.
        token = b"%d.%d.%d" % (number, number, number) if number % 100 else b"%b.%042dA" % (signed, number)
        with pytest.raises(Unauthenticated):
            gate.authenticate(request(b"Bearer " + token)).send(None)
    assert rss() - before < FLAT
    assert len(gate.cache) == 1
    assert gate.cache.recall(known) is alice


class Believing(Scheme):
    """Takes every token for a valid one and keeps its claims, without the time that verifying takes."""

    async def prove(self, token: bytes) -> Proof:
        claims = {"sub": token.decode(), "exp": NOW + 3600, "groups": [f"{token!r}-{group}" for group in range(8)]}
        return Proof(Identity(token.decode(), claims=claims, headers=token * 2), Trust(), NOW + 3600)


@pytest.mark.parametrize(("scheme", "tokens"), [(Believing, 100_000), (None, 15_000)], ids=["all", "truly signed"])
def test_a_hundred_thousand_valid_tokens_fill_the_memory_to_its_bound_and_no_further(
    scheme: type[Scheme] | None, tokens: int
) -> None:
    gate = token_gate(cache_size=500) if scheme is None else Gate([scheme()], Runtime(wall=Clock()), cache_size=500)
    header = base64url(b'{"alg":"HS256"}')
    before = 0
    for number in range(tokens):
        if number == 5_000:
            before = rss()
        signed = header + b"." + base64url(b'{"sub":"user-%d","exp":%d}' % (number, NOW + 3600))
        signature = base64url(hmac.digest(SECRET, signed, "sha256"))
        with contextlib.suppress(StopIteration):
            gate.authenticate(request(b"Bearer %b.%b" % (signed, signature))).send(None)
        if not number % 500:
            assert len(gate.cache) <= 1000
    assert rss() - before < FLAT
    assert len(gate.cache) >= 500


def test_the_memory_holds_at_least_its_size_and_at_most_twice_that() -> None:
    cache = TokenCache(10, Clock())
    tokens = [b"token-%d" % number for number in range(1000)]
    for token in tokens:
        cache.remember(token, proof())
        assert len(cache) <= 20
    assert all(cache.recall_token(token) for token in tokens[-10:])


def test_what_is_used_stays_however_many_newcomers_there_are() -> None:
    cache = TokenCache(10, Clock())
    cache.remember(b"used", proof())
    for number in range(1000):
        cache.remember(b"token-%d" % number, proof("bob"))
        if number % 5 == 0:
            assert cache.recall_token(b"used") is not None


def test_a_size_of_0_remembers_nothing() -> None:
    gate, scheme = counting(cache_size=0)
    for _ in range(3):
        ask(gate, b"Bearer " + forge())
    assert (len(gate.cache), scheme.proved) == (0, 3)


def test_JW_42_each_verifier_remembers_for_itself() -> None:
    token = forge(claims={**CLAIMS, "aud": "embed"})
    assert ask(token_gate(audience="embed"), b"Bearer " + token).subject == "alice"
    assert reason(token_gate(audience="chat"), b"Bearer " + token) == "audience"


def test_nobody_who_prints_the_cache_sees_a_token() -> None:
    gate = token_gate()
    ask(gate, b"Bearer " + forge())
    assert repr(gate) == "<Gate <Jwt HS256> <TokenCache 1 tokens>>"


def test_a_proof_whose_ground_was_withdrawn_is_forgotten_on_its_next_use() -> None:
    cache = TokenCache(10, Clock())
    shaky = proof()
    cache.remember(b"token", shaky)
    assert cache.recall_token(b"token") is shaky.identity
    shaky.trust.holds = False
    assert cache.recall_token(b"token") is None
    assert len(cache) == 0


def test_a_proof_is_good_before_its_end_and_not_on_it() -> None:
    clock = Clock(NOW)
    cache = TokenCache(10, clock)
    cache.remember(b"token", proof(until=NOW + 1))
    clock.now = NOW + 0.999
    assert cache.recall_token(b"token") is not None
    clock.now = NOW + 1
    assert cache.recall_token(b"token") is None
