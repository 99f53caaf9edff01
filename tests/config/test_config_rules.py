"""What keys must be to each other."""

from collections.abc import Callable
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.config.draft import Draft
from gateway.config.rules import check
from gateway.config.validation import validate

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
SOUND: dict[str, Any] = {"jwt": {"secret": SECRET}, "services": {"llm": {"upstreams": [{"url": "http://a"}]}}}


def broken(values: dict[str, Any]) -> list[str]:
    draft = Draft({})
    draft.values = values
    config = validate(draft)
    assert draft.mistakes == []
    check(draft, config)
    return [str(mistake) for mistake in draft.mistakes]


def service(**options: object) -> dict[str, Any]:
    return {**SOUND, "services": {"llm": {"upstreams": [{"url": "http://a"}], **options}}}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Paths of PEM files by what is in them."""
    folder = tmp_path_factory.mktemp("pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca")
    for name in ("one", "two"):
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.cert")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    key = load_pem_private_key((folder / "one.key").read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    (folder / "locked.key").write_bytes(locked)
    (folder / "text").write_text("text")
    return lambda name: str(folder / name)


def test_a_sound_configuration_breaks_no_rule() -> None:
    assert broken(SOUND) == []


def test_no_services() -> None:
    [mistake] = broken({"jwt": {"secret": SECRET}})
    assert mistake.startswith("services: got nothing: at least one service")
    assert mistake.endswith("(or UPSTREAMS=...)")


def test_jwt_without_a_secret_is_the_default_and_does_not_start() -> None:
    [mistake] = broken({"services": SOUND["services"]})
    assert mistake == (
        "jwt.secret: got nothing: a secret, because auth.type is jwt; make one with: openssl rand -base64 48 "
        "(or JWT_SECRET=... or JWT_SECRET_FILE=...)"
    )
    assert broken({"services": SOUND["services"], "auth": {"type": "none"}}) == []


def test_a_service_that_asks_for_what_nobody_checks() -> None:
    [mistake] = broken({**service(auth="required"), "auth": {"type": "none"}})
    assert mistake == "services.llm.auth: got 'required': none, because auth.type is none; or set auth.type"
    assert broken({**service(auth="none"), "auth": {"type": "none"}}) == []


def test_a_certificate_with_its_key(pem: Callable[[str], str]) -> None:
    server = {"tls_cert": pem("one.cert"), "tls_key": pem("one.key"), "tls_client_ca": pem("ca")}
    assert broken({**SOUND, "server": server}) == []


@pytest.mark.parametrize(
    ("files", "mistake"),
    [
        ({"tls_cert": "one.cert"}, "server.tls_key: got nothing: the path of the key, because server.tls_cert is set"),
        (
            {"tls_key": "one.key"},
            "server.tls_cert: got nothing: the path of the certificate, because server.tls_key is",
        ),
        ({"tls_client_ca": "ca"}, "server.tls_cert: got nothing: the path of the certificate, because server.tls_clie"),
        ({"tls_cert": "one.cert", "tls_key": "two.key"}, "key values mismatch (or SERVER_TLS_CERT"),
        ({"tls_cert": "one.cert", "tls_key": "locked.key"}, "unencrypted key in server.tls_key: "),
        ({"tls_cert": "text", "tls_key": "one.key"}, "a PEM certificate with its unencrypted key"),
        ({"tls_cert": "none", "tls_key": "one.key"}, "No such file or directory (or SERVER_TLS_CERT"),
        (
            {"tls_cert": "one.cert", "tls_key": "one.key", "tls_client_ca": "text"},
            "server.tls_client_ca: got '",
        ),
        (
            {"tls_cert": "one.cert", "tls_key": "one.key", "tls_client_ca": "none"},
            "a PEM file of certificates: No such file or directory (or SERVER_TLS_CLIENT_CA",
        ),
    ],
)
def test_tls_files_that_do_not_go_together(
    pem: Callable[[str], str], files: dict[str, str], mistake: str, capfd: pytest.CaptureFixture[str]
) -> None:
    [found] = broken({**SOUND, "server": {key: pem(name) for key, name in files.items()}})
    assert mistake in found
    assert capfd.readouterr() == ("", "")  # no prompt for a password


def test_an_upstream_authority_that_is_none(pem: Callable[[str], str]) -> None:
    assert broken(service(upstream_ca=pem("ca"))) == []
    [mistake] = broken(service(upstream_ca=pem("text")))
    assert mistake.startswith("services.llm.upstream_ca: got '")


@pytest.mark.parametrize(
    ("server", "admin", "clash"),
    [
        ({"port": 9000}, {"port": 9000}, True),
        ({"port": 9000, "host": "127.0.0.1"}, {"port": 9000}, True),
        ({"port": 9000, "host": "10.0.0.1"}, {"port": 9000}, False),
        ({"port": 9000}, {"port": 9001}, False),
        ({"port": 9000}, {}, False),
        ({"port": 0}, {"port": 0}, False),
    ],
)
def test_two_listeners_on_one_port(server: dict[str, Any], admin: dict[str, Any], clash: bool) -> None:
    mistakes = broken({**SOUND, "server": server, "admin": admin})
    assert bool(mistakes) is clash
    assert all(mistake.startswith("admin.port: got 9000: another port than server.port") for mistake in mistakes)


def test_a_rate_that_cannot_be_kept_exactly_beside_its_bucket() -> None:
    [mistake] = broken({**SOUND, "ratelimit": {"refill_rate": "0.000001/h", "bucket_size": 100}})
    assert mistake.startswith("ratelimit.refill_rate: got 0.000001/h: a rate with fewer digits")
    assert broken({**SOUND, "ratelimit": {"refill_rate": "1/h", "bucket_size": 1_000_000}}) == []


@pytest.mark.parametrize("twin", ["http://a", "http://a:80", "http://A", "http://a/"])
def test_one_upstream_twice(twin: str) -> None:
    [mistake] = broken(service(upstreams=[{"url": "http://a"}, {"url": twin}]))
    assert mistake == f"services.llm.upstreams[1].url: got '{twin}': each upstream once; use its weight"


@pytest.mark.parametrize("other", ["https://a", "http://a:81", "http://a/v1", "http://b"])
def test_upstreams_that_differ(other: str) -> None:
    assert broken(service(upstreams=[{"url": "http://a"}, {"url": other}])) == []


def test_a_header_set_twice_or_set_and_removed() -> None:
    mistakes = broken(service(request_headers={"set": {"X-A": "1", "x-a": "2", "B": "3"}, "remove": ["b", "C"]}))
    assert mistakes == [
        "services.llm.request_headers.set.X-A: got the name twice: each name once, whatever its case",
        "services.llm.request_headers.set.x-a: got the name twice: each name once, whatever its case",
        "services.llm.request_headers.set.B: got a name to remove as well: set it, which replaces it, or remove it",
    ]


def test_an_authorization_of_the_operator_and_of_the_client() -> None:
    headers = {"set": {"authorization": "Bearer x"}}
    [mistake] = broken(service(request_headers=headers, forward_authorization=True))
    assert mistake.startswith("services.llm.forward_authorization: got true: false, because request_headers.set")
    assert broken(service(request_headers=headers)) == []


def test_a_rule_over_a_mistaken_key_adds_nothing() -> None:
    draft = Draft({})
    draft.values = {"server": {"tls_cert": "a", "tls_key": 5}, "jwt": {"secret": "x"}, "services": {"llm": {}}}
    config = validate(draft)
    before = list(draft.mistakes)
    check(draft, config)
    assert [mistake.key for mistake in before] == ["server.tls_key", "jwt.secret", "services.llm.upstreams"]
    assert draft.mistakes == before
