"""The examples of RFC 7515 and RFC 7520, through the gateway's own verification (JW-02)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from auth_stage import standing
from auth_tokens import Clock, reason, token_gate, verdict
from joserfc.jwk import ECKey, RSAKey
from scripted_issuer import ScriptedIssuer

from gateway.auth.gate import Gate
from gateway.auth.key_set import read_key_set
from gateway.auth.registry import build
from gateway.auth.scheme_tools import Tools
from gateway.auth.unverified import decode, read_header
from gateway.config.tree import Config
from gateway.runtime import Runtime

# RFC 7515, appendix A.1; it has no `sub`, so a good signature shows as "claims".
RFC_7515_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RFC_7515_TOKEN = (
    b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    b".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    b".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
RFC_7520 = json.loads(Path(__file__).with_name("vectors").joinpath("rfc7520.json").read_text())
KEYS: dict[str, Any] = RFC_7520["keys"]
EXAMPLES: dict[str, dict[str, Any]] = RFC_7520["examples"]
WHOLE = ("4.1", "4.2", "4.3", "4.4")  # RS256, PS384, ES512 and HS256, each a token of three segments
PUBLIC_KEYED = WHOLE[:3]


def keyed(key: str) -> Gate:
    return token_gate(Clock(1_300_819_000), secrets=[base64.urlsafe_b64decode(key + "==")])


def compact(section: str) -> bytes:
    return EXAMPLES[section]["compact"].encode()


def forged(token: bytes) -> bytes:
    """The same with another first character of the signature."""
    signed, _, signature = token.rpartition(b".")
    return signed + b"." + (b"B" if signature[:1] != b"B" else b"C") + signature[1:]


def gate_for(section: str, folder: Path) -> Gate:
    """A gate that knows the example's key: as a secret, or in a file."""
    key = KEYS[EXAMPLES[section]["key"]]
    if key["kty"] == "oct":
        return keyed(key["k"])
    kind = RSAKey if key["kty"] == "RSA" else ECKey
    (folder / "key.pem").write_bytes(kind.import_key(key).as_bytes("PEM", private=False))
    algorithms = [read_header(compact(section))["alg"]]
    jwt = {"algorithms": algorithms, "public_key": str(folder / "key.pem")}
    return build(Config.model_validate({"jwt": jwt}), Tools(Runtime(wall=Clock())))


def test_JW_02_the_example_of_rfc_7515_verifies_and_then_lacks_a_subject() -> None:
    assert verdict(keyed(RFC_7515_KEY), RFC_7515_TOKEN) == "claims"
    assert verdict(keyed(RFC_7515_KEY), forged(RFC_7515_TOKEN)) == "signature"
    assert verdict(keyed(KEYS["oct"]["k"]), RFC_7515_TOKEN) == "signature"


@pytest.mark.parametrize("section", WHOLE)
def test_JW_02_an_example_of_rfc_7520_verifies_but_its_prose_is_no_token(section: str, tmp_path: Path) -> None:
    gate = gate_for(section, tmp_path)
    assert verdict(gate, compact(section)) == "malformed"  # after its signature was found to be true
    assert verdict(gate, forged(compact(section))) == "signature"
    assert verdict(gate, compact(section).replace(b".SXT", b".SXU")) == "signature"


@pytest.mark.parametrize("section", PUBLIC_KEYED)
def test_JW_02_a_published_key_verifies_the_example_of_rfc_7520(section: str) -> None:
    key = KEYS[EXAMPLES[section]["key"]]
    header = read_header(compact(section))
    found = read_key_set({"keys": [key]}).find(header["kid"], str(header["alg"]))
    assert found is not None
    signed, _, signature = compact(section).rpartition(b".")
    assert found.verify(signed, decode(signature), str(header["alg"]))
    assert not found.verify(signed[:-1], decode(signature), str(header["alg"]))
    assert not found.verify(signed, decode(forged(compact(section)).rpartition(b".")[2]), str(header["alg"]))


def other_forms() -> list[Any]:
    """Every example that is not three segments: detached (4.5), JSON (all), and what only JSON can say (4.6 to 4.8)."""
    forms = [pytest.param("4.5", compact("4.5"), id="4.5 compact")]
    for section, example in EXAMPLES.items():
        for form in ("general", "flattened"):
            if form in example:
                text = json.dumps(example[form], separators=(",", ":")).encode()
                forms.append(pytest.param(section, text, id=f"{section} {form}"))
    return forms


@pytest.mark.parametrize(("section", "text"), other_forms())
def test_JW_02_detached_and_json_forms_are_refused_even_of_a_true_signature(
    section: str, text: bytes, tmp_path: Path
) -> None:
    gate = gate_for(section if section in WHOLE else "4.4", tmp_path)
    assert verdict(gate, text) == "malformed"
    assert reason(gate, b"Bearer " + text) == "malformed"


@pytest.mark.parametrize(("section", "text"), other_forms())
async def test_JW_02_an_issuers_gate_refuses_detached_and_json_forms_too(section: str, text: bytes) -> None:
    key = KEYS[EXAMPLES[section]["key"]]
    published = [key] if key["kty"] != "oct" else [KEYS["rsa"]]
    async with ScriptedIssuer(*published) as provider, standing(provider) as stage:
        assert await stage.verdict(text) == "malformed"
