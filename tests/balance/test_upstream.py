"""An upstream: its address, and what it learns."""

import pytest

from gateway.balance.upstream import FADING, NEWEST, Upstream


@pytest.mark.parametrize(
    ("url", "address", "name", "authority", "base"),
    [
        ("http://models", None, "models:80", b"models", b""),
        ("https://models/v1/", None, "models:443", b"models", b"/v1"),
        ("http://models:8000/v1", None, "models:8000", b"models:8000", b"/v1"),
        ("http://[2001:db8::1]:81", None, "[2001:db8::1]:81", b"[2001:db8::1]:81", b""),
        ("http://models:8000", ("10.0.0.7", 8000), "10.0.0.7:8000", b"models:8000", b""),
        ("https://models", ("10.0.0.7", 443), "10.0.0.7:443", b"models", b""),
        ("http://models", ("10.0.0.7", 9001), "10.0.0.7:9001", b"models:9001", b""),
    ],
)
def test_address_name_and_host_header(
    url: str, address: tuple[str, int] | None, name: str, authority: bytes, base: bytes
) -> None:
    upstream = Upstream(url, address=address)
    assert (upstream.name, upstream.authority, upstream.base) == (name, authority, base)
    assert upstream.tls == url.startswith("https")


def test_unit_is_latency_for_each_exchange_in_flight_and_follows_slowly() -> None:
    upstream = Upstream("http://a")
    upstream.first_byte(0.8, 4, 0.0)
    assert upstream.unit == pytest.approx(0.2)
    upstream.first_byte(1.2, 1, 0.0)
    assert upstream.unit == pytest.approx(0.2 + NEWEST * 1.0)


def test_in_flight_counts_and_tells_the_load() -> None:
    upstream = Upstream("http://a")
    assert [upstream.began(), upstream.began()] == [1, 2]
    upstream.ended()
    assert upstream.began() == 2


def test_failures_fade_with_time_and_are_forgiven_by_good_replies() -> None:
    upstream = Upstream("http://a")
    for _ in range(10):
        upstream.failed(0.0)
    assert upstream.failing_now(0.0) > 0.95
    assert upstream.failing_now(3 * FADING) < 0.05
    for _ in range(20):
        upstream.first_byte(0.1, 1, 0.0)
    assert upstream.failing == 0.0


def test_failure_says_nothing_about_speed() -> None:
    upstream = Upstream("http://a")
    upstream.first_byte(2.0, 1, 0.0)
    upstream.failed(0.0)
    assert (upstream.unit, upstream.peak) == (2.0, 2.0)


def test_repr_tells_what_to_know_at_night() -> None:
    upstream = Upstream("http://a:1")
    upstream.began()
    assert repr(upstream) == "<Upstream a:1 for http://a:1 in_flight=1 <Standing healthy faults=0 ejections=0 rests=0>>"
