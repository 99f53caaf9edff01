"""Which secrets and algorithms are fit to start with, and tokens minted with them."""

import base64
import hmac
import json
import warnings
from collections.abc import Callable

import pytest
from auth_tokens import (
    ISSUER,
    LEEWAY,
    LONG_SECRET,
    NOW,
    SECRET,
    Clock,
    ask,
    forge,
    reason,
    token_gate,
    verdict,
)

from gateway.auth.jwt import check_secret, mint


@pytest.mark.parametrize(
    "secret",
    [
        b"",
        b"s",
        SECRET[:31],
        b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO2Bd1yxSHmVk5Yw3xO7l5h1Z4P2 me@host",
        b'{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}',
        b'{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qz"}]}',
    ],
    ids=lambda secret: repr(secret[:16]),
)
def test_JW_16_a_secret_that_is_weak_or_public_does_not_start(secret: bytes) -> None:
    with pytest.raises(ValueError, match=r"^jwt\.secret: .*openssl rand -hex 32") as refusal:
        check_secret(secret, ["HS256"])
    assert len(secret) < 2 or secret.decode("latin-1") not in str(refusal.value)


@pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_JW_16_a_secret_is_at_least_as_long_as_the_longest_hash_allowed(algorithm: str, length: int) -> None:
    check_secret(LONG_SECRET[:length], ["HS256", algorithm])
    with pytest.raises(ValueError, match=f"{algorithm} needs {length}"):
        check_secret(LONG_SECRET[: length - 1], [algorithm])


@pytest.mark.parametrize("algorithms", [[], ["none"], ["RS256"], ["HS256", "ES256"], ["hs256"]], ids=str)
def test_a_secret_is_for_hmac_algorithms_only(algorithms: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^jwt\.algorithms: .*HS256, HS384, HS512"):
        check_secret(LONG_SECRET, algorithms)


def test_a_minted_token_is_accepted_for_its_time() -> None:
    clock = Clock(NOW + 0.7)
    token = mint(SECRET, "alice", now=clock.now, ttl=60, scopes=("chat", "embed"), issuer=ISSUER, audience="chat")
    gate = token_gate(clock, issuer=ISSUER, audience="chat")
    identity = ask(gate, b"Bearer " + token.encode())
    assert (identity.subject, identity.scopes) == ("alice", {"chat", "embed"})
    assert identity.expires_at == NOW + 60
    clock.now = NOW + 60 + LEEWAY
    assert reason(gate, b"Bearer " + token.encode()) == "expired"


def test_a_minted_token_says_only_what_was_asked_for() -> None:
    _, claims, _ = mint(SECRET, "alice", now=NOW).split(".")
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {"sub": "alice", "iat": NOW, "exp": NOW + 3600}


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_is_minted_with_the_algorithm_that_the_gateway_allows(algorithm: str) -> None:
    token = mint(LONG_SECRET, "alice", now=NOW, algorithm=algorithm)
    assert verdict(token_gate(secrets=[LONG_SECRET], algorithms=[algorithm]), token.encode()) == "ok"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a\r\nb"}, "subject"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": -60}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"ttl": float("inf")}, "ttl"),
        ({"secret": b"short"}, "jwt.secret"),
        ({"algorithm": "none"}, "jwt.algorithms"),
        ({"claims": {"tenant": "a", "sub": "mallory", "exp": 9e9}}, "claims: exp, sub has an option of its own"),
    ],
    ids=str,
)
def test_a_token_that_no_gateway_would_accept_is_not_minted(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mint(**{"secret": SECRET, "subject": "alice", "now": NOW, **options})


def test_verification_never_warns_about_the_key() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert verdict(token_gate(), forge()) == "ok"


def test_JW_24_the_constant_time_comparison_alone_decides_about_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, token = token_gate(), forge()
    compared: list[tuple[bytes, bytes]] = []

    def says(answer: bool) -> Callable[[bytes, bytes], bool]:
        return lambda one, other: compared.append((one, other)) or answer  # type: ignore[func-returns-value]

    monkeypatch.setattr(hmac, "compare_digest", says(False))
    assert verdict(gate, token) == "signature"
    monkeypatch.setattr(hmac, "compare_digest", says(True))
    assert verdict(gate, forge(secret=b"?" * 32)) == "ok"
    assert [len(one) for pair in compared for one in pair] == [32] * 4
