"""Variables over the file: names, precedence, lists, secrets in files, UPSTREAMS."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.draft import Draft
from gateway.config.environment import overlay
from gateway.config.variables import names_for, variables

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"


def overlaid(values: dict[str, Any], **environ: str) -> tuple[dict[str, Any], list[str]]:
    draft = Draft(environ)
    draft.values = values
    overlay(draft)
    return draft.values, [str(mistake) for mistake in draft.mistakes]


def test_every_scalar_and_list_of_a_section_has_its_variable() -> None:
    assert {name for name in variables() if name.startswith(("SERVER_", "JWT_"))} == {
        *("SERVER_HOST", "SERVER_PORT", "SERVER_TLS_CERT", "SERVER_TLS_KEY", "SERVER_TLS_CLIENT_CA"),
        *("SERVER_MAX_CONNECTIONS", "SERVER_MAX_BODY_SIZE", "SERVER_HEADER_TIMEOUT", "SERVER_BODY_TIMEOUT"),
        *("SERVER_KEEPALIVE_TIMEOUT", "SERVER_DRAIN_DELAY", "SERVER_DRAIN_TIMEOUT", "SERVER_TRUSTED_PROXIES"),
        *(
            "JWT_SECRET",
            "JWT_PREVIOUS_SECRET",
            "JWT_PUBLIC_KEY",
            "JWT_ALGORITHMS",
            "JWT_ISSUER",
            "JWT_AUDIENCE",
            "JWT_LEEWAY",
        ),
    }
    assert names_for(("jwt", "secret")) == ["JWT_SECRET", "JWT_SECRET_FILE"]
    assert names_for(("server", "trusted_proxies", 3)) == ["SERVER_TRUSTED_PROXIES"]
    assert names_for(("services",)) == ["UPSTREAMS"]
    assert names_for(("services", "llm", "auth")) == []


def test_the_environment_wins_key_by_key() -> None:
    values, mistakes = overlaid({"server": {"port": 1, "host": "a"}}, SERVER_PORT="2", LOG_LEVEL="debug", OTHER="x")
    assert values == {"server": {"port": "2", "host": "a"}, "log": {"level": "debug"}}
    assert mistakes == []


@pytest.mark.parametrize(
    ("text", "items"),
    [("10.0.0.0/8", ["10.0.0.0/8"]), ("a,b", ["a", "b"]), (" a , b ", ["a", "b"]), ("", []), ("a,", ["a", ""])],
)
def test_a_list_is_comma_separated(text: str, items: list[str]) -> None:
    assert overlaid({}, SERVER_TRUSTED_PROXIES=text)[0] == {"server": {"trusted_proxies": items}}


def test_an_empty_variable_is_null() -> None:
    assert overlaid({"admin": {"port": 9090}}, ADMIN_PORT="")[0] == {"admin": {"port": None}}


def test_a_secret_comes_from_the_file_its_variable_names(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    values, mistakes = overlaid({"jwt": {"secret": "old"}}, JWT_SECRET_FILE=str(tmp_path / "secret"))
    assert values == {"jwt": {"secret": SECRET}}
    assert mistakes == []


def test_a_secret_and_its_file_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    _, mistakes = overlaid({}, JWT_SECRET=SECRET, JWT_SECRET_FILE=str(tmp_path / "secret"))
    assert mistakes == [
        "jwt.secret: got both: only one of JWT_SECRET and JWT_SECRET_FILE; unset the other "
        "(or JWT_SECRET=... or JWT_SECRET_FILE=...)"
    ]


def test_a_secret_file_that_is_missing_is_a_mistake(tmp_path: Path) -> None:
    _, [mistake] = overlaid({}, JWT_SECRET_FILE=f"{tmp_path}/none")
    assert mistake.startswith(
        f"jwt.secret: got '{tmp_path}/none' from JWT_SECRET_FILE: the file '{tmp_path}/none', which"
    )


def test_only_secrets_have_a_file_variable(tmp_path: Path) -> None:
    assert overlaid({}, SERVER_PORT_FILE=f"{tmp_path}/none") == ({}, [])


def test_upstreams_declares_services() -> None:
    text = "llm=http://10.0.0.1:8000/v1|http://10.0.0.2:8000/v1;weight=2,embed=http://10.0.0.3:9000"
    values, mistakes = overlaid({}, UPSTREAMS=text)
    assert mistakes == []
    assert values == {
        "services": {
            "llm": {
                "upstreams": [{"url": "http://10.0.0.1:8000/v1"}, {"url": "http://10.0.0.2:8000/v1", "weight": "2"}]
            },
            "embed": {"upstreams": [{"url": "http://10.0.0.3:9000"}]},
        }
    }


def test_upstreams_replaces_the_services_of_the_file() -> None:
    values, _ = overlaid({"services": {"old": {"upstreams": []}}}, UPSTREAMS="llm = http://a | http://b ; weight = 2 ")
    assert values["services"] == {"llm": {"upstreams": [{"url": "http://a"}, {"url": "http://b", "weight": "2"}]}}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "services: got '' from UPSTREAMS: name=url|url"),
        ("http://a", "services: got 'http://a' from UPSTREAMS: name=url|url"),
        ("http://u:pw@a", "services: got 'http://***@a' from UPSTREAMS: name=url|url"),
        ("http://a/?x=1", "services: got 'http://a/?x=1' from UPSTREAMS: name=url|url"),
        ("=http://a", "services: got '=http://a' from UPSTREAMS: name=url|url"),
        ("a=http://a,", "services: got '' from UPSTREAMS: name=url|url"),
        ("a=http://a,a=http://b", "services.a: got the name twice from UPSTREAMS: each service once"),
        ("a=http://a;weight=1;weight=2", "services.a.upstreams[0].weight: got it twice from UPSTREAMS: "),
    ],
)
def test_what_upstreams_cannot_mean_is_a_mistake(text: str, mistake: str) -> None:
    _, [found] = overlaid({}, UPSTREAMS=text)
    assert found.startswith(mistake)
