"""`jwt.previous_secret` and `jwt.public_key`: which keys verify a token while keys change."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from auth_tokens import CLAIMS, HEADER, NOW, SECRET, Clock, ask, forge, verdict
from scripted_issuer import Key, ec_key, ed_key, public, rsa_key, sign

from gateway.auth.gate import Gate
from gateway.auth.registry import build
from gateway.auth.scheme_tools import Tools
from gateway.config.tree import Config
from gateway.runtime import Runtime

OLD = SECRET.hex()
NEW = SECRET[::-1].hex()
KEYS: dict[str, Key] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), rsa_key()),
    "ES256": ec_key(),
    "ES384": ec_key("ec-2", "P-384"),
    "ES512": ec_key("ec-3", "P-521"),
    "EdDSA": ed_key(),
}


def of(**jwt: Any) -> Gate:
    return build(Config.model_validate({"jwt": jwt}), Tools(Runtime(wall=Clock())))


def pem(folder: Path, *keys: Key) -> str:
    file = folder / "key.pem"
    file.write_bytes(b"".join(key.as_bytes("PEM", private=False) for key in keys))
    return str(file)


def test_while_secrets_rotate_tokens_of_both_pass_and_of_no_other() -> None:
    gate = of(secret=NEW, previous_secret=OLD)
    assert verdict(gate, forge(secret=NEW.encode())) == "ok"
    assert verdict(gate, forge(secret=OLD.encode())) == "ok"
    assert verdict(gate, forge(secret=b"?" * 32)) == "signature"
    assert verdict(gate, forge(secret=b"")) == "signature"


def test_after_the_rotation_the_old_secret_signs_nothing() -> None:
    assert verdict(of(secret=NEW), forge(secret=OLD.encode())) == "signature"


def test_the_previous_secret_is_for_the_same_algorithms() -> None:
    gate = of(secret=NEW, previous_secret=OLD, algorithms=["HS256"])
    assert verdict(gate, forge({"alg": "HS512"}, secret=OLD.encode(), algorithm="HS512")) == "algorithm"


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_public_key_verifies_tokens_of_its_private_half(tmp_path: Path, algorithm: str) -> None:
    gate = of(public_key=pem(tmp_path, KEYS[algorithm]), algorithms=[algorithm])
    token = sign(KEYS[algorithm], algorithm, CLAIMS)
    assert ask(gate, b"Bearer " + token).subject == "alice"
    signed, _, signature = token.rpartition(b".")
    assert verdict(gate, signed + b"." + signature[:-8] + b"AAAAAAAA") == "signature"
    assert verdict(gate, signed + b"." + signature[:-4]) in ("signature", "malformed")


@pytest.mark.parametrize("algorithm", ["RS384", "PS256", "ES256", "HS256", "none"])
def test_JW_04_only_the_algorithms_on_the_list_count(tmp_path: Path, algorithm: str) -> None:
    gate = of(public_key=pem(tmp_path, rsa_key()), algorithms=["RS256"])
    signer = {"ES256": ec_key()}.get(algorithm, rsa_key())
    if algorithm in ("HS256", "none"):
        token = forge({"alg": algorithm}, secret=pem_bytes(rsa_key()))
    else:
        token = sign(signer, algorithm, CLAIMS)
    assert verdict(gate, token) == "algorithm"


def pem_bytes(key: Key) -> bytes:
    return key.as_bytes("PEM", private=False)


def test_JW_04_the_public_key_is_no_secret_in_any_spelling(tmp_path: Path) -> None:
    gate = of(public_key=pem(tmp_path, rsa_key()), algorithms=["RS256"])
    for secret in (pem_bytes(rsa_key()), pem_bytes(rsa_key()).strip(), json.dumps(public(rsa_key())).encode()):
        for alg in ("HS256", "RS256"):
            assert verdict(gate, forge({**HEADER, "alg": alg}, secret=secret)) in ("algorithm", "signature")


@pytest.mark.parametrize("order", [1, -1])
def test_while_public_keys_rotate_both_in_the_file_count(tmp_path: Path, order: int) -> None:
    keys: Sequence[Key] = [rsa_key(), rsa_key("rsa-2")][::order]
    gate = of(public_key=pem(tmp_path, *keys), algorithms=["RS256"])
    assert verdict(gate, sign(rsa_key(), "RS256", CLAIMS)) == "ok"
    assert verdict(gate, sign(rsa_key("rsa-2"), "RS256", CLAIMS)) == "ok"
    assert verdict(gate, sign(rsa_key("rsa-3"), "RS256", CLAIMS)) == "signature"


def test_a_rotation_may_change_the_kind_of_key(tmp_path: Path) -> None:
    gate = of(public_key=pem(tmp_path, rsa_key(), ec_key()), algorithms=["RS256", "ES256"])
    assert verdict(gate, sign(rsa_key(), "RS256", CLAIMS)) == "ok"
    assert verdict(gate, sign(ec_key(), "ES256", CLAIMS)) == "ok"
    assert verdict(gate, sign(ec_key("other"), "ES256", CLAIMS)) == "signature"


def test_a_token_of_a_public_key_expires_like_any_other(tmp_path: Path) -> None:
    gate = of(public_key=pem(tmp_path, ec_key()), algorithms=["ES256"], leeway=0)
    assert verdict(gate, sign(ec_key(), "ES256", {"sub": "alice", "exp": NOW})) == "expired"
    assert verdict(gate, sign(ec_key(), "ES256", {"sub": "alice", "exp": NOW + 1})) == "ok"
