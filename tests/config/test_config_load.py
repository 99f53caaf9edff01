"""File and environment together."""

import re
from pathlib import Path

import pytest

from gateway.config.load import load, load_jwt
from gateway.config.mistake import ConfigError, Mistake

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
OTHER = "pL3/Zc8mR1t9Xa6vKw5NnUyQ7jGfD2bS"
UPSTREAMS = "llm=http://a|http://b;weight=2"
DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "server: {port: 1001, drain_timeout: 5s}\njwt: {secret: '${env:FROM_FILE}'}\n"
        "services: {embed: {upstreams: [{url: http://e}], strategy: round_robin}}\n"
    )
    return path


def mistakes_of(path: object, environ: dict[str, str]) -> list[Mistake]:
    with pytest.raises(ConfigError) as refusal:
        load(str(path) if path else None, environ)
    assert str(refusal.value) == "\n".join(map(str, refusal.value.mistakes))
    return refusal.value.mistakes


def test_variables_alone_are_enough() -> None:
    config = load(None, {"JWT_SECRET": SECRET, "UPSTREAMS": UPSTREAMS})
    assert [(upstream.url, upstream.weight) for upstream in config.services["llm"].upstreams] == [
        ("http://a", 1),
        ("http://b", 2),
    ]
    assert config.services["llm"].strategy == "adaptive"
    assert config.jwt.secret is not None
    assert config.jwt.secret.get_secret_value() == SECRET


def test_the_file_is_the_option_or_the_one_that_gateway_config_names(file: Path) -> None:
    environ = {"FROM_FILE": SECRET}
    assert load(str(file), environ) == load(None, {**environ, "GATEWAY_CONFIG": str(file)})
    assert load(str(file), {**environ, "GATEWAY_CONFIG": "/nowhere"}).server.port == 1001


def test_the_environment_wins_over_the_file_and_its_references(file: Path) -> None:
    config = load(str(file), {"SERVER_PORT": "1002", "JWT_SECRET": OTHER, "UPSTREAMS": UPSTREAMS})
    assert config.server.port == 1002
    assert config.server.drain_timeout == 5.0
    assert config.jwt.secret is not None
    assert config.jwt.secret.get_secret_value() == OTHER
    assert list(config.services) == ["llm"]


def test_the_references_of_an_overridden_key_are_not_looked_up_in_the_variable(file: Path) -> None:
    config = load(str(file), {"FROM_FILE": SECRET, "JWT_ISSUER": "${env:NOPE}"})
    assert config.jwt.issuer == "${env:NOPE}"


def test_jw_16_a_secret_from_a_mounted_file_loses_its_newline(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    config = load(None, {"JWT_SECRET_FILE": str(tmp_path / "secret"), "UPSTREAMS": UPSTREAMS})
    assert config.jwt.secret is not None
    assert config.jwt.secret.get_secret_value() == SECRET


@pytest.mark.parametrize("secret", ["", "x", SECRET[:31], "a" * 64, "change-me-change-me-change-me-change-me"])
def test_jw_16_a_weak_secret_does_not_start(secret: str) -> None:
    [mistake] = mistakes_of(None, {"JWT_SECRET": secret, "UPSTREAMS": UPSTREAMS})
    assert mistake.key == "jwt.secret"
    assert mistake.shown in {"*** from JWT_SECRET", "nothing from JWT_SECRET"}
    assert "openssl rand" in mistake.remedy


def test_a_mistake_in_a_variable_names_it() -> None:
    environ = {"SERVER_PORT": "", "SERVER_TRUSTED_PROXIES": "10.0.0.0/8,x", "JWT_SECRET": SECRET}
    assert mistakes_of(None, {**environ, "UPSTREAMS": "llm=http://u:p@h;weight=0;port=1"}) == [
        Mistake("server.port", "nothing from SERVER_PORT", "a whole number from 0 to 65535 (or SERVER_PORT=...)"),
        Mistake(
            "server.trusted_proxies[1]",
            "'x' from SERVER_TRUSTED_PROXIES",
            "an address range such as 10.0.0.0/8, 192.168.1.7 or fd00::/8 (or SERVER_TRUSTED_PROXIES=...)",
        ),
        Mistake(
            "services.llm.upstreams[0].url",
            "'http://***@h' from UPSTREAMS",
            "http://HOST[:PORT][/PATH] or https://..., without user info, query or fragment; "
            "send credentials with request_headers",
        ),
        Mistake("services.llm.upstreams[0].weight", "'0' from UPSTREAMS", "a whole number from 1 to 1000"),
        Mistake(
            "services.llm.upstreams[0].port",
            "an unknown key from UPSTREAMS",
            "did you mean services.llm.upstreams[0].priority?",
        ),
    ]


def test_a_value_that_a_reference_brought_is_shown_as_written(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("server: {host: '${env:PASSWORD}'}\n")
    environ = {"PASSWORD": "S3 cr3t", "JWT_SECRET": SECRET, "UPSTREAMS": UPSTREAMS}
    [mistake] = mistakes_of(path, environ)
    assert mistake.shown == "'${env:PASSWORD}'"


def test_all_kinds_of_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "server: {tls_cert: /nope, prot: 1}\nlog: 5\nadmin:\nratelimit: {key: '${file:/nope}'}\n"
        "log: {level: info, level: info}\nservices: [a]\n"
    )
    assert [mistake.key for mistake in mistakes_of(path, {"AUTH_CACHE_SIZE": "many"})] == [
        "log",
        "log.level",
        "services",
        "ratelimit.key",
        "server.prot",
        "auth.cache_size",
        "jwt.secret",
        "server.tls_key",
    ]


@pytest.mark.parametrize(
    ("data", "shown", "remedy"),
    [
        (None, "no readable file", "No such file or directory"),
        (b"a: [", "line 1, column 5", "expected"),
        (b"\xff\xfe", "bytes", "UTF-8"),
        (b"- a", "a text without keys", "server:"),
        (b"#" * ((4 << 20) + 1), "more than 4 MiB", "smaller"),
    ],
)
def test_an_unreadable_file_is_one_mistake_beside_those_of_the_environment(
    tmp_path: Path, data: bytes | None, shown: str, remedy: str
) -> None:
    path = tmp_path / "gateway.yaml"
    if data is not None:
        path.write_bytes(data)
    first, second = mistakes_of(path, {"SERVER_PORT": "x"})
    assert (first.key, first.shown) == (str(path), shown)
    assert remedy in first.remedy
    assert second.key == "server.port"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes("\ufeffserver: {port: 1001}\n".encode())
    assert load(str(path), {"JWT_SECRET": SECRET, "UPSTREAMS": UPSTREAMS}).server.port == 1001


def test_the_jwt_section_can_be_loaded_alone() -> None:
    section = load_jwt(None, {"JWT_SECRET": SECRET, "JWT_ISSUER": "me", "SERVER_PORT": "not mine"})
    assert section.issuer == "me"


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({}, "jwt.secret"),
        ({"AUTH_TYPE": "none"}, "jwt.secret"),
        ({"JWT_SECRET": "short"}, "jwt.secret"),
        ({"JWT_SECRET": SECRET, "JWT_LEEWAY": "x"}, "jwt.leeway"),
        ({"JWT_SECRET": SECRET, "GATEWAY_CONFIG": "server.yaml"}, "server.yaml"),
    ],
)
def test_the_jwt_section_alone_with_its_own_mistakes(environ: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_jwt(None, environ)
    assert [mistake.key for mistake in refusal.value.mistakes] == [key]


def test_the_example_of_the_documentation_loads(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    path = tmp_path / "gateway.yaml"
    path.write_text(example)
    config = load(str(path), {"GATEWAY_SECRET": SECRET, "MODEL_KEY": "sk-1"})
    assert config.services["llm"].request_headers.set["Authorization"].get_secret_value() == "Bearer sk-1"
    assert config.services["public-embeddings"].auth == "none"
    for section in ("server", "admin", "auth", "jwt", "oidc", "redis", "ratelimit", "log"):
        options = getattr(config, section)
        assert options.model_fields_set == set(type(options).model_fields), section
    assert config.services["llm"].model_fields_set == set(type(config.services["llm"]).model_fields)


def test_the_upstreams_of_the_documentation_load() -> None:
    [text] = re.findall(r'```sh\nUPSTREAMS="(.*?)"\n```', DOCUMENT.read_text())
    config = load(None, {"UPSTREAMS": text, "AUTH_TYPE": "none"})
    assert [len(service.upstreams) for service in config.services.values()] == [2, 1]
