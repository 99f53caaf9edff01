"""The options of rate limits and of Redis: what is allowed, and what must fit together."""

from typing import Any

import pytest

from gateway.config.draft import Draft
from gateway.config.ratelimit import Limit
from gateway.config.redis import Place, parse_redis_url
from gateway.config.rules import check
from gateway.config.validation import validate

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
SOUND: dict[str, Any] = {"jwt": {"secret": SECRET}, "services": {"llm": {"upstreams": [{"url": "http://a"}]}}}


def broken(**sections: Any) -> list[str]:
    draft = Draft({})
    draft.values = {**SOUND, **sections}
    config = validate(draft)
    check(draft, config)
    return [str(mistake) for mistake in draft.mistakes]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://cache", Place("single", False, (("cache", 6379),), None, None, "", 0)),
        ("redis://:s%40cret@10.0.0.1:6380/3", Place("single", False, (("10.0.0.1", 6380),), None, "s@cret", "", 3)),
        ("rediss://me:s3@[::1]:6380", Place("single", True, (("::1", 6380),), "me", "s3", "", 0)),
        (
            "redis+sentinel://:s@a,b:26380/limits/2",
            Place("sentinel", False, (("a", 26379), ("b", 26380)), None, "s", "limits", 2),
        ),
        ("rediss+cluster://a,b:7000", Place("cluster", True, (("a", 6379), ("b", 7000)), None, None, "", 0)),
    ],
)
def test_a_url_says_where_redis_is(url: str, place: Place) -> None:
    assert parse_redis_url(url) == place
    assert broken(redis={"url": url}) == []
    assert "s@cret" not in str(place)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache:6379",
        "http://cache",
        "redis://",
        "redis://:hunter2@",
        "redis://a,b",
        "redis://a:0",
        "redis://a:66000",
        "redis://a/one",
        "redis://a/1/2",
        "redis://a?db=1",
        "redis://a#1",
        "redis://hunter2@a",
        "redis://[::1",
        "redis://exa mple",
        "redis+sentinel://a",
        "redis+cluster://a/1",
        "unix:///tmp/redis.sock",
    ],
)
def test_another_url_is_a_mistake_that_shows_no_password(url: str) -> None:
    [mistake] = broken(redis={"url": url})
    assert mistake.startswith("redis.url: got ***: redis://[USER:PASSWORD@]HOST[:PORT][/DB], ")
    assert "hunter2" not in mistake


@pytest.mark.parametrize("key", ["client", "subject", "address", "service", "header:X-Tenant", "claim:https://a/b"])
def test_the_keys_that_can_be_counted_by(key: str) -> None:
    assert Limit(key=key).key == key


@pytest.mark.parametrize("key", ["", "nobody", "header:", "claim", "header: ", "service:llm", 5])
def test_another_key_is_a_mistake(key: object) -> None:
    [mistake] = broken(ratelimit={"key": key})
    assert mistake.startswith(
        f"ratelimit.key: got {key!r}: client, subject, address, service, header:NAME or claim:NAME"
    )


@pytest.mark.parametrize(
    ("limit", "mistake"),
    [
        ({"mode": "queue"}, "mode: got 'queue': nothing, because algorithm is token_bucket"),
        (
            {"algorithm": "leaky_bucket", "mode": "log"},
            "mode: got 'log': meter or queue, because algorithm is leaky_bucket",
        ),
        ({"refill_rate": "0.000001/h"}, "refill_rate: got 0.000001/h: a rate with fewer digits"),
        (
            {"algorithm": "sliding_window", "mode": "log", "bucket_size": 1001},
            "bucket_size: got 1001: at most 1000 with mode log",
        ),
        (
            {"algorithm": "sliding_window", "mode": "approximate", "bucket_size": 10**9},
            "window: got 1m: at most 9 s beside a bucket_size of 1000000000; or mode strict",
        ),
        (
            {"algorithm": "sliding_window", "window": "0.0000001s"},
            "window: got 0.000000100: whole microseconds",
        ),
        ({"max_delay": "0.0000015s"}, "max_delay: got 0.000001500: whole microseconds"),
    ],
)
def test_what_does_not_fit_together_is_named_alone_and_in_a_list(limit: dict[str, Any], mistake: str) -> None:
    [alone] = broken(ratelimit=limit)
    assert alone.startswith(f"ratelimit.{mistake}")
    [listed] = broken(ratelimit={"rules": [{"name": "first"}, {"name": "second", **limit}]})
    assert listed.startswith(f"ratelimit.rules[1].{mistake}")


def test_options_of_other_algorithms_do_not_matter() -> None:
    assert broken(ratelimit={"algorithm": "sliding_window", "refill_rate": "0.000001/h"}) == []
    assert broken(ratelimit={"bucket_size": 10**6, "refill_rate": "10/s", "window": "24h"}) == []


@pytest.mark.parametrize(
    ("rules", "mistake"),
    [
        ([{"name": "a"}, {"name": "a"}], "ratelimit.rules[1].name: got 'a': a name that no other rule has"),
        ([{"name": "a", "services": ["llm", "nope"]}], "ratelimit.rules[0].services[1]: got 'nope': one of llm"),
        ([{}], "ratelimit.rules[0].name: got nothing: needed: how headers, metrics and logs call it"),
        ([{"name": "caf\u00e9"}], "ratelimit.rules[0].name: got 'caf\u00e9': 1 to 64 printable ASCII characters"),
        ([{"name": "a", "rules": []}], "ratelimit.rules[0].rules: got an unknown key"),
    ],
)
def test_rules_have_names_of_their_own_and_services_that_exist(rules: list[dict[str, Any]], mistake: str) -> None:
    [found] = broken(ratelimit={"rules": rules})
    assert found.startswith(mistake)


def test_a_list_of_rules_stands_beside_none_of_the_keys_it_replaces() -> None:
    mistakes = broken(ratelimit={"enabled": True, "bucket_size": 5, "key": "service", "rules": [{"name": "a"}]})
    assert [mistake.partition(",")[0] for mistake in mistakes] == [
        "ratelimit.bucket_size: got a value: nothing",
        "ratelimit.key: got a value: nothing",
    ]


def test_the_authorities_of_redis_are_a_pem_file() -> None:
    [mistake] = broken(redis={"url": "rediss://cache", "tls_ca": "/nope"})
    assert mistake.startswith("redis.tls_ca: got '/nope': a PEM file of certificates: No such file")
