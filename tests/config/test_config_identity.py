"""auth, jwt, oidc and what services ask of callers: what may be said, and what does not go together."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.config.api_keys import read_api_keys
from gateway.config.draft import Draft
from gateway.config.http import is_loopback, read_secure_url
from gateway.config.load import load
from gateway.config.public_key import read_public_keys
from gateway.config.rules import check
from gateway.config.validation import validate

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
OTHER = SECRET[::-1]
JWT = {"secret": SECRET}
OIDC = {"issuer": "https://login.example.com/realms/ai", "audience": "ai"}
UPSTREAMS = [{"url": "http://a"}]


def broken(service: dict[str, Any] | None = None, **sections: Any) -> list[str]:
    """Every mistake in these sections beside one service."""
    draft = Draft({})
    draft.values = {"services": {"llm": {"upstreams": UPSTREAMS, **(service or {})}}, **sections}
    check(draft, validate(draft))
    return [str(mistake) for mistake in draft.mistakes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PEM files of public keys, and of what is none."""
    tmp_path = tmp_path_factory.mktemp("keys")
    keys: dict[str, Any] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "short": rsa.generate_private_key(65537, 1024),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "k256": ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ed448": ed448.Ed448PrivateKey.generate(),
        "dsa": dsa.generate_private_key(2048),
    }
    for name, key in keys.items():
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(public)
    private = keys["p256"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "private").write_bytes(private)
    (tmp_path / "two").write_text(f"# old\n{(tmp_path / 'rsa').read_text()}# new\n{(tmp_path / 'p256').read_text()}")
    (tmp_path / "three").write_text((tmp_path / "two").read_text() + (tmp_path / "ed25519").read_text())
    (tmp_path / "certificate").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "garbage").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    (tmp_path / "text").write_text("text")
    return tmp_path


@pytest.mark.parametrize(
    "sections",
    [
        {"jwt": JWT},
        {"jwt": {**JWT, "previous_secret": OTHER}},
        {"jwt": {"secret": SECRET * 2, "algorithms": ["HS256", "HS512"]}},
        {"auth": {"type": "oidc"}, "oidc": OIDC},
        {"auth": {"type": "both"}, "oidc": OIDC, "jwt": JWT},
        {"auth": {"type": "both"}, "oidc": OIDC, "jwt": {**JWT, "issuer": "https://login.example.com/realms/ai/"}},
        {"auth": {"type": "none"}},
    ],
    ids=str,
)
def test_what_goes_together(sections: dict[str, Any]) -> None:
    assert broken(**sections) == []


@pytest.mark.parametrize(
    ("sections", "mistakes"),
    [
        ({"auth": {"type": "both"}, "oidc": OIDC}, ["jwt.secret: got nothing: a secret, because auth.type is both"]),
        (
            {"auth": {"type": "oidc"}},
            [
                "oidc.issuer: got nothing: the URL that tokens have in `iss`, because auth.type is oidc",
                "oidc.audience: got nothing: what tokens for this gateway have in `aud`, because auth.type is oidc",
            ],
        ),
        (
            {"jwt": {"previous_secret": OTHER}, "auth": {"type": "oidc"}, "oidc": OIDC},
            ["jwt.previous_secret: got ***: nothing while there is no jwt.secret"],
        ),
        (
            {"jwt": {**JWT, "algorithms": ["HS256", "RS256", "EdDSA"]}},
            ["jwt.algorithms: got RS256, EdDSA: out of HS256, HS384, HS512, because jwt.secret is set"],
        ),
        (
            {"jwt": {**JWT, "algorithms": ["HS384"]}},
            ["jwt.secret: got ***: at least 48 bytes for HS384, this has 32; make one"],
        ),
        (
            {"jwt": {"secret": SECRET * 2, "previous_secret": OTHER, "algorithms": ["HS512"]}},
            ["jwt.previous_secret: got ***: at least 64 bytes for HS512, this has 32"],
        ),
        (
            {"auth": {"type": "both"}, "oidc": OIDC, "jwt": {**JWT, "issuer": OIDC["issuer"]}},
            ["jwt.issuer: got 'https://login.example.com/realms/ai': another issuer than oidc.issuer"],
        ),
        (
            {"auth": {"type": "none", "api_keys_file": "/none"}},
            ["auth.api_keys_file: got '/none': the file '/none', which cannot be read"],
        ),
    ],
    ids=str,
)
def test_what_does_not(sections: dict[str, Any], mistakes: list[str]) -> None:
    found = broken(**sections)
    assert len(found) == len(mistakes)
    assert [text[: len(start)] for text, start in zip(found, mistakes, strict=True)] == mistakes


@pytest.mark.parametrize(
    ("name", "algorithms"),
    [
        ("rsa", ["RS256", "PS512"]),
        ("p256", ["ES256"]),
        ("p384", ["ES384"]),
        ("p521", ["ES512"]),
        ("ed25519", ["EdDSA"]),
        ("two", ["RS256", "ES256"]),
    ],
)
def test_a_public_key_and_the_algorithms_it_is_for(folder: Path, name: str, algorithms: list[str]) -> None:
    assert broken(jwt={"public_key": str(folder / name), "algorithms": algorithms}) == []
    [mistake] = broken(jwt={"public_key": str(folder / name)})
    assert mistake.startswith("jwt.algorithms: got HS256: out of ")
    assert "which are what the key in jwt.public_key is for" in mistake


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("none", "which cannot be read"),
        ("text", "a PEM file of one public key, or of two while they rotate, and this has 0"),
        ("three", "a PEM file of one public key, or of two while they rotate, and this has 3"),
        ("private", "a public key, and this is a private one; make it with: openssl pkey -in KEY -pubout"),
        ("certificate", "a public key, and this is a certificate; make it with: openssl x509"),
        ("garbage", "a PEM public key that can be read"),
        ("short", "an RSA key of at least 2048 bits, and this has 1024"),
        ("k256", "an EC key on P-256, P-384 or P-521, and this is on secp256k1"),
        ("dsa", "an RSA, EC or Ed25519 public key"),
        ("ed448", "an RSA, EC or Ed25519 public key"),
    ],
)
def test_JW_16_a_file_that_holds_no_fit_public_key(folder: Path, name: str, remedy: str) -> None:
    [mistake] = broken(jwt={"public_key": str(folder / name), "algorithms": ["ES256"]})
    assert mistake.startswith(f"jwt.public_key: got '{folder / name}': ")
    assert remedy in mistake
    with pytest.raises(ValueError):
        read_public_keys(str(folder / name))


def test_a_secret_and_a_public_key_are_one_too_many(folder: Path) -> None:
    [mistake] = broken(jwt={"secret": SECRET, "public_key": str(folder / "rsa")})
    assert "nothing, because jwt.secret is set" in mistake


def test_two_verifiers_do_not_share_an_algorithm(folder: Path) -> None:
    jwt = {"public_key": str(folder / "rsa"), "algorithms": ["RS256", "PS256"]}
    [mistake] = broken(jwt=jwt, oidc=OIDC, auth={"type": "both"})
    assert mistake.startswith("jwt.algorithms: got RS256: none that oidc.algorithms has as well, because auth.type")
    assert broken(jwt={**jwt, "algorithms": ["PS256"]}, oidc=OIDC, auth={"type": "both"}) == []


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RSA1_5", "ES256K", "rs256", ""])
def test_JW_17_an_issuer_may_not_be_believed_with_such_an_algorithm(algorithm: str) -> None:
    [mistake] = broken(auth={"type": "oidc"}, oidc={**OIDC, "algorithms": [algorithm]})
    assert mistake.startswith(f"oidc.algorithms[0]: got {algorithm!r}: RS256 or RS384 or ")


@pytest.mark.parametrize(
    "url", ["https://a", "https://a.b/c/", "http://localhost:1", "http://127.9.9.9/x", "http://[::1]:80"]
)
def test_an_issuer_is_https_or_on_this_machine(url: str) -> None:
    assert read_secure_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://a", "http://10.0.0.1", "http://localhost.evil", "http://127.0.0.1.evil", "file:///x", "ldap://a", "a", 7],
)
def test_JW_17_an_issuer_is_nothing_else(url: object) -> None:
    with pytest.raises(ValueError, match=r"^http"):
        read_secure_url(url)
    for key in ("issuer", "jwks_uri"):
        assert len(broken(auth={"type": "oidc"}, oidc={**OIDC, key: url})) == 1


def test_loopback_is_an_address_or_exactly_localhost() -> None:
    assert all(map(is_loopback, ("localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1")))
    assert not any(map(is_loopback, ("", "127", "localhost.", "xlocalhost", "0.0.0.0", "10.0.0.1", "::2")))


def keys_file(folder: Path) -> dict[str, Any]:
    path = folder / "keys.yaml"
    path.write_text(json.dumps([{"name": "a", "sha256": "ab" * 32, "subject": "s"}]))
    return {"type": "none", "api_keys_file": str(path)}


def test_services_may_ask_only_who_can_be_known(tmp_path: Path) -> None:
    wanted = {"scopes": ["chat"], "claims": {"tenant": ["red"]}}
    assert broken(wanted, jwt=JWT) == []
    assert broken({"scopes": ["chat"], "auth": "required"}, auth=keys_file(tmp_path)) == []
    assert [text.split(": got")[0] for text in broken(wanted, auth={"type": "none"})] == [
        "services.llm.scopes",
        "services.llm.claims",
    ]
    public, _ = broken({**wanted, "auth": "none"}, jwt=JWT)
    assert public.startswith("services.llm.scopes: got chat: nothing, because services.<name>.auth is none")
    [asked] = broken({"auth": "required"}, auth={"type": "none"})
    assert asked.startswith("services.llm.auth: got 'required': none, because auth.type is none")


@pytest.mark.parametrize(
    ("service", "mistake"),
    [
        ({"scopes": ["a b"]}, "services.llm.scopes[0]: got 'a b': a scope: visible ASCII"),
        ({"scopes": ['a"b']}, "services.llm.scopes[0]: got 'a\"b': a scope: visible ASCII"),
        ({"scopes": [""]}, "services.llm.scopes[0]: got '': a scope: visible ASCII"),
        ({"scopes": "chat"}, "services.llm.scopes: got a text: a list"),
        ({"claims": {"tenant": []}}, "services.llm.claims.tenant: got an empty list: a list of at least one"),
        ({"claims": {"tenant": "red"}}, "services.llm.claims.tenant: got a text: a list"),
        ({"claims": {"verified": [True]}}, "services.llm.claims.verified[0]: got True: text without control"),
        ({"claims": ["tenant"]}, "services.llm.claims: got a list: a group of keys"),
    ],
    ids=str,
)
def test_scopes_and_claims_that_are_none(service: dict[str, Any], mistake: str) -> None:
    [found] = broken(service, jwt=JWT)
    assert found.startswith(mistake)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("X_Tenant", "a header's name of letters, digits and -"),
        ("X Tenant", "a header's name, such as"),
        ("", "a header's name, such as"),
        ("X-Auth-Subject", "the gateway writes it itself"),
        ("Connection", "it belongs to one connection"),
        ("Content-Length", "it belongs to one connection"),
        ("authorization", "it has another meaning"),
        ("Cookie", "it has another meaning"),
        ("X-API-Key", "it has another meaning"),
    ],
)
def test_JW_43_headers_that_no_claim_may_take(name: str, why: str) -> None:
    [found] = broken(jwt=JWT, auth={"claim_headers": {name: "tenant"}})
    assert found.startswith("auth.claim_headers")
    assert why in found


def test_JW_43_a_claim_header_has_one_source() -> None:
    headers = {"X-Tenant": "tenant", "x-tenant": "org"}
    assert len(broken(jwt=JWT, auth={"claim_headers": headers})) == 2
    service = {"request_headers": {"set": {"x-tenant": "all"}}}
    [found] = broken(service, jwt=JWT, auth={"claim_headers": {"X-Tenant": "tenant"}})
    assert found.startswith("services.llm.request_headers.set.x-tenant: got a value: another name: auth.claim_headers")


PAGE = Path(__file__).parents[2] / "docs" / "authentication.md"


def examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_worked_examples_of_the_documentation_load(tmp_path: Path) -> None:
    providers = [text for text in examples() if "oidc:" in text and "services:" in text]
    assert [re.findall(r"issuer: https://[^/]*?([a-z0-9]+)\.com", text) for text in providers] == [
        ["example"],
        ["auth0"],
        ["microsoftonline"],
    ]
    for text in providers:
        path = tmp_path / "gateway.yaml"
        path.write_text(text)
        assert load(str(path), {}).auth.type == "oidc"


def test_the_file_of_api_keys_in_the_documentation_loads(tmp_path: Path) -> None:
    [text] = [text for text in examples() if "sha256:" in text]
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    assert [key.subject for key in read_api_keys(str(path))] == ["build-robot"]
