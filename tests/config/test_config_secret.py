"""JW-16: secrets that must not sign tokens, and secrets that are never shown."""

import base64
import json
import random

import pytest
from pydantic import SecretStr

from gateway.config.secret import check_hmac_secret, secret
from gateway.config.tree import Config

GOOD = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"

JW_16 = [
    ("", "at least 32 bytes"),
    ("x", "at least 32 bytes, this has 1"),
    (GOOD[:31], "at least 32 bytes, this has 31"),
    ("a" * 64, "repeats few characters"),
    ("\0" * 32, "repeats few characters"),
    ("abcdefg" * 10, "repeats few characters"),
    ("change-me-change-me-change-me-change-me", "looks like one from documentation"),
    ("please CHANGE_ME before production 1234", "looks like one from documentation"),
    ("your-256-bit-secret-goes-right-in-here", "looks like one from documentation"),
    ("a-string-secret-at-least-256-bits-long", "looks like one from documentation"),
    ("replace-this-with-32-random-characters!", "looks like one from documentation"),
    ("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n", "PEM, SSH or JSON key"),
    ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7", "PEM, SSH or JSON key"),
    ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHA", "PEM, SSH or JSON key"),
    (json.dumps({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}), "PEM, SSH or JSON key"),
    ("[" * 100_000, "repeats few characters"),
]


@pytest.mark.parametrize(("text", "why"), JW_16, ids=[text[:24] or "empty" for text, _ in JW_16])
def test_jw_16_a_secret_anyone_could_know_is_refused_without_repeating_it(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        check_hmac_secret(text)
    assert len(text) < 2 or text not in str(refusal.value)
    assert "openssl rand" in str(refusal.value)


def test_random_secrets_pass_in_every_usual_spelling() -> None:
    rng = random.Random(16)
    for data in (rng.randbytes(32) for _ in range(200)):
        for text in (
            data[:16].hex(),
            data.hex(),
            base64.b64encode(data).decode(),
            base64.urlsafe_b64encode(data).decode(),
        ):
            check_hmac_secret(text)


def test_the_bytes_count_not_the_characters() -> None:
    check_hmac_secret("äöüßéèêñ" * 2)


def test_a_secret_is_read_from_a_text_or_another_secret_and_nothing_else() -> None:
    kind = secret(check_hmac_secret)
    assert kind.read(GOOD) == kind.read(SecretStr(GOOD)) == SecretStr(GOOD)
    for value in (5, None, [GOOD], GOOD.encode()):
        with pytest.raises(ValueError, match="text"):
            kind.read(value)


def test_no_rendering_of_the_configuration_shows_a_secret() -> None:
    config = Config.model_validate(
        {
            "jwt": {"secret": GOOD},
            "services": {
                "llm": {
                    "upstreams": [{"url": "http://a"}],
                    "request_headers": {"set": {"Authorization": "Bearer sk-12345"}},
                }
            },
        }
    )
    for text in (repr(config), str(config), config.model_dump_json(), str(config.model_dump())):
        assert GOOD not in text
        assert "sk-12345" not in text
    assert config.services["llm"].request_headers.set["Authorization"].get_secret_value() == "Bearer sk-12345"
