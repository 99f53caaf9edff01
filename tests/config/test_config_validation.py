"""Values -> Config, and what is said about those that will not do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.draft import Draft
from gateway.config.tree import Config
from gateway.config.validation import validate

UPSTREAM = {"url": "http://a"}


def checked(values: dict[str, Any]) -> tuple[Config, list[str]]:
    draft = Draft({})
    draft.values = values
    config = validate(draft)
    return config, [str(mistake) for mistake in draft.mistakes]


def service(**options: object) -> dict[str, Any]:
    return {"services": {"llm": {"upstreams": [UPSTREAM], **options}}}


def test_sound_values_are_kept() -> None:
    config, mistakes = checked({"server": {"port": "81", "header_timeout": "1m"}, **service(auth="none")})
    assert mistakes == []
    assert config.server.port == 81
    assert config.server.header_timeout == 60.0
    assert config.services["llm"].auth == "none"


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        ({"server": {"port": "x"}}, "server.port: got 'x': a whole number from 0 to 65535 (or SERVER_PORT=...)"),
        ({"server": {"port": None}}, "server.port: got nothing: a whole number from 0 to 65535 (or SERVER_PORT=...)"),
        ({"server": {"port": [1]}}, "server.port: got a list: a whole number from 0 to 65535 (or SERVER_PORT=...)"),
        ({"server": {"port": True}}, "server.port: got True: a whole number from 0 to 65535 (or SERVER_PORT=...)"),
        ({"log": {"level": "loud"}}, "log.level: got 'loud': debug or info or warning or error (or LOG_LEVEL=...)"),
        ({"log": {"level": ["info"]}}, "log.level: got a list: debug or info or warning or error (or LOG_LEVEL=...)"),
        ({"log": {"access": "maybe"}}, "log.access: got 'maybe': true or false (or LOG_ACCESS=...)"),
        ({"auth": {"type": None}}, "auth.type: got nothing: none or jwt or oidc or both (or AUTH_TYPE=...)"),
        ({"jwt": {"algorithms": ["none"]}}, "jwt.algorithms[0]: got 'none': HS256 or HS384 or HS512 or RS256 or "),
        (
            {"jwt": {"algorithms": []}},
            "jwt.algorithms: got an empty list: a list of at least one (or JWT_ALGORITHMS=...)",
        ),
        ({"jwt": {"algorithms": "HS256"}}, "jwt.algorithms: got a text: a list (or JWT_ALGORITHMS=...)"),
        ({"server": {"prot": 1}}, "server.prot: got an unknown key: did you mean server.port?"),
        ({"max_body_size": 1}, "max_body_size: got an unknown key: did you mean server.max_body_size?"),
        ({"host": 1}, "host: got an unknown key: did you mean server.host or admin.host?"),
        (
            {"valkey": {}},
            "valkey: got an unknown key: known here are server, admin, auth, jwt, oidc, redis, ratelimit, log, "
            "tracing, services",
        ),
        (
            {"a\nb": 1},
            "'a\\nb': got an unknown key: known here are server, admin, auth, jwt, oidc, redis, ratelimit, log, "
            "tracing, services",
        ),
        (service(timeout={}), "services.llm.timeout: got an unknown key: did you mean services.llm.timeouts?"),
        (service(timeouts=5), "services.llm.timeouts: got a number, true or false: a group of keys out of connect, "),
        (service(timeouts={"idle": "1:30"}), "services.llm.timeouts.idle: got '1:30': a duration such as 250ms"),
        (service(upstreams=[]), "services.llm.upstreams: got an empty list: a list of at least one"),
        (service(upstreams=UPSTREAM), "services.llm.upstreams: got a group of keys: a list"),
        (
            service(upstreams=["http://u:p@a"]),
            "services.llm.upstreams[0]: got a text: a group of keys out of url, weight",
        ),
        (service(upstreams=[{}]), "services.llm.upstreams[0].url: got nothing: needed: where requests go"),
        (
            service(upstreams=[{"url": "http://u:p@a"}]),
            "services.llm.upstreams[0].url: got 'http://***@a': http://HOST",
        ),
        ({"services": {"llm": None}}, "services.llm.upstreams: got nothing: needed: a list"),
        ({"services": {"llm": 5}}, "services.llm: got a number, true or false: a group of keys out of upstreams, "),
        ({"services": {"LLM": {}}}, "services.LLM: got 'LLM': a service's name has 1 to 63"),
        (
            service(request_headers={"set": {"Host": "x"}}),
            "services.llm.request_headers.set.Host: got 'Host': not Host: ",
        ),
        (service(request_headers={"set": ["x"]}), "services.llm.request_headers.set: got a list: a group of keys"),
        (service(request_headers={"remove": ["te"]}), "services.llm.request_headers.remove[0]: got 'te': not te: "),
    ],
)
def test_one_mistake_is_one_line_with_key_value_and_remedy(values: dict[str, Any], mistake: str) -> None:
    _, [found] = checked(values)
    assert found.startswith(mistake)
    assert "\n" not in found


@pytest.mark.parametrize(
    "values",
    [
        {"jwt": {"secret": "S3cr3t"}},
        {"jwt": {"secret": 53573573}},
        {"jwt": {"secret": ["S3cr3t"]}},
        {"jwt": {"sekret": "S3cr3t"}},
        service(request_headers={"set": {"Authorization": "S3cr3t\n"}}),
        service(request_headers={"set": {"Authorization": 53573573}}),
        service(request_headers={"set": "S3cr3t"}),
        service(request_headers="S3cr3t"),
        service(upstreams=[{"url": "http://S3cr3t:S3cr3t@h?"}]),
        service(upstreams=[{"url": "ftp://u:S3cr3t/S3cr3t@h"}]),
    ],
)
def test_no_mistake_shows_a_secret(values: dict[str, Any]) -> None:
    _, [found] = checked(values)
    assert "S3cr3t" not in found
    assert "5357" not in found


def test_a_group_without_anything_below_it_is_all_defaults() -> None:
    assert checked(service(timeouts=None, request_headers=None)) == checked(service())


def test_what_is_sound_beside_mistakes_is_still_read() -> None:
    upstreams = [
        {"url": "http://a"},
        {"weight": 1},
        {"url": "http://c", "weight": 0},
        {"url": "x", "wait": 2},
        UPSTREAM,
    ]
    config, mistakes = checked({"server": {"port": "x", "host": "b"}, "log": 5, **service(upstreams=upstreams)})
    assert [mistake.partition(":")[0] for mistake in mistakes] == [
        "server.port",
        "log",
        "services.llm.upstreams[1].url",
        "services.llm.upstreams[2].weight",
        "services.llm.upstreams[3].url",
        "services.llm.upstreams[3].wait",
    ]
    assert config.server.host == "b"
    assert config.services["llm"].upstreams[0].url == "http://a"


def test_what_has_a_mistake_already_is_not_reported_again() -> None:
    draft = Draft({})
    draft.values = {"server": {"port": "${env:NOPE}"}}
    draft.wrong(("server", "port"), "the environment variable NOPE", "'${env:NOPE}'")
    validate(draft)
    assert len(draft.mistakes) == 1


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3)
)
section = st.dictionaries(
    st.sampled_from(["host", "port", "type", "secret", "algorithms", "level", "refill_rate"]), anything
)
services = st.dictionaries(
    st.sampled_from(["llm", "B"]),
    anything
    | st.dictionaries(
        st.sampled_from(["upstreams", "timeouts", "request_headers", "auth"]),
        anything | st.lists(st.dictionaries(st.sampled_from(["url", "weight", "x"]), anything, max_size=3), max_size=3),
    ),
)


@given(
    st.dictionaries(st.sampled_from(["server", "jwt", "auth", "log", "ratelimit", "x"]), section | anything),
    services | anything,
)
def test_ft_03_any_values_make_a_config_and_one_line_mistakes(values: dict[str, Any], declared: object) -> None:
    config, mistakes = checked({**values, "services": declared})
    assert isinstance(config, Config)
    assert not any("\n" in mistake or "\r" in mistake for mistake in mistakes)
