"""What the gateway remembers of tokens, and what it never does."""

import pytest
from auth_tokens import CLAIMS, LEEWAY, NOW, SECRET, Clock, ask, forge, gateway, reason, request, verdict
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.jwt import Jwt
from gateway.auth.token_cache import TokenCache
from gateway.errors import Unauthenticated
from gateway.exchange import Identity
from gateway.runtime import Runtime


class Counting(Jwt):
    verified = 0

    def verify(self, token: bytes) -> Identity:
        self.verified += 1
        return super().verify(token)


def counting(clock: Clock, **options: object) -> Counting:
    return Counting(SECRET, Runtime(wall=clock), leeway=LEEWAY, **options)


def test_JW_40_a_token_is_verified_once_and_then_remembered() -> None:
    jwt = counting(Clock())
    first = ask(jwt, b"Bearer " + forge())
    assert all(ask(jwt, b"Bearer " + forge()) is first for _ in range(1000))
    assert jwt.verified == 1


def test_JW_40_a_remembered_token_expires_on_the_wall_clock() -> None:
    clock = Clock()
    jwt = gateway(clock)
    value = b"Bearer " + forge(claims={"sub": "alice", "exp": NOW + 60})
    ask(jwt, value)
    clock.now = NOW + 60 + LEEWAY - 0.001
    assert ask(jwt, value).subject == "alice"
    clock.now = NOW + 60 + LEEWAY
    assert reason(jwt, value) == "expired"
    assert len(jwt.cache) == 0


@given(
    st.floats(0, 120, allow_nan=False),
    st.one_of(st.integers(NOW - 100, NOW + 100), st.floats(NOW - 100, NOW + 100)),
    st.floats(-300, 300, allow_nan=False),
)
def test_JW_40_memory_and_verification_agree_on_every_moment(leeway: float, exp: float, offset: float) -> None:
    token = forge(claims={"sub": "alice", "exp": exp})
    clock = Clock(exp - 1000)
    remembering = gateway(clock, leeway=leeway)
    ask(remembering, b"Bearer " + token)
    clock.now = exp + offset
    remembered = remembering.cache.recall(b"Bearer " + token) is not None
    assert remembered == (verdict(gateway(clock, leeway=leeway), token) == "ok")


def test_JW_40_all_spellings_of_one_token_share_one_entry() -> None:
    jwt = counting(Clock())
    token = forge()
    spellings = [b"bearer ", b"BEARER ", b"Bearer  ", b"bEARER   ", b"Bearer "]
    assert len({ask(jwt, scheme + token) for scheme in spellings}) == 1
    assert (len(jwt.cache), jwt.verified) == (1, 1)


def test_JW_40_a_spelling_that_decodes_to_the_same_bytes_is_another_token_and_refused() -> None:
    """The last character of a 32-byte signature has two spare bits: four spellings, one signature."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = forge()
    last = alphabet.index(token[-1:])
    others = [token[:-1] + alphabet[last ^ bits : (last ^ bits) + 1] for bits in (1, 2, 3)]
    jwt = gateway()
    ask(jwt, b"Bearer " + token)
    for other in [*others, token + b"="]:
        assert reason(jwt, b"Bearer " + other) == "malformed"
    assert len(jwt.cache) == 1


def test_JW_41_a_hundred_thousand_invalid_tokens_leave_the_memory_as_it_was() -> None:
    jwt = gateway(cache_size=10)
    known = b"Bearer " + forge()
    alice = ask(jwt, known)
    signed, _, _ = forge().rpartition(b".")
    for number in range(100_000):
        # Most fall at the header, every hundredth goes all the way to a wrong signature.
        token = b"%d.%d.%d" % (number, number, number) if number % 100 else b"%b.%042dA" % (signed, number)
        with pytest.raises(Unauthenticated):
            jwt.authenticate(request(b"Bearer " + token)).send(None)
    assert len(jwt.cache) == 1
    assert jwt.cache.recall(known) is alice


def test_the_memory_holds_at_least_its_size_and_at_most_twice_that() -> None:
    cache = TokenCache(10, 0, Clock())
    tokens = [b"token-%d" % number for number in range(1000)]
    for token in tokens:
        cache.remember(token, Identity("alice"))
        assert len(cache) <= 20
    assert all(cache.recall_token(token) for token in tokens[-10:])


def test_what_is_used_stays_however_many_newcomers_there_are() -> None:
    cache = TokenCache(10, 0, Clock())
    cache.remember(b"used", Identity("alice"))
    for number in range(1000):
        cache.remember(b"token-%d" % number, Identity("bob"))
        if number % 5 == 0:
            assert cache.recall_token(b"used") is not None


def test_a_size_of_0_remembers_nothing() -> None:
    jwt = counting(Clock(), cache_size=0)
    for _ in range(3):
        ask(jwt, b"Bearer " + forge())
    assert (len(jwt.cache), jwt.verified) == (0, 3)


def test_JW_42_each_verifier_remembers_for_itself() -> None:
    token = forge(claims={**CLAIMS, "aud": "embed"})
    assert ask(gateway(audience="embed"), b"Bearer " + token).subject == "alice"
    assert reason(gateway(audience="chat"), b"Bearer " + token) == "audience"


def test_nobody_who_prints_the_cache_sees_a_token() -> None:
    jwt = gateway()
    ask(jwt, b"Bearer " + forge())
    assert (repr(jwt.cache), repr(jwt)) == ("<TokenCache 1 tokens>", "<Jwt HS256 <TokenCache 1 tokens>>")
