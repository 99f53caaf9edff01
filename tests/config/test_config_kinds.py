"""Scalars without a unit: numbers, flags, texts, hosts and networks."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from gateway.config.kinds import read_flag, read_host, read_network, read_text, whole

port = whole(0, 65535).read


@pytest.mark.parametrize(("value", "number"), [(0, 0), (8080, 8080), ("8080", 8080), ("0", 0), (65535, 65535)])
def test_a_whole_number_is_read_from_yaml_and_from_a_variable(value: object, number: int) -> None:
    assert port(value) == number
    assert type(port(value)) is int


@pytest.mark.parametrize(
    "value", [-1, 65536, "65536", "", "x", "1_0", "0x10", " 1", "1.0", 1.0, True, None, [1], "9" * 30]
)
def test_what_is_no_whole_number_in_range_is_refused_with_the_range(value: object) -> None:
    with pytest.raises(ValueError, match="a whole number from 0 to 65535"):
        port(value)


@pytest.mark.parametrize("word", [True, "true", "True", "yes", "on", "ON", "1"])
def test_words_for_true(word: object) -> None:
    assert read_flag(word) is True


@pytest.mark.parametrize("word", [False, "false", "False", "no", "off", "OFF", "0"])
def test_words_for_false(word: object) -> None:
    assert read_flag(word) is False


@pytest.mark.parametrize("word", ["", "y", "enabled", "2", 1, 0, None, [], "true "])
def test_other_words_are_neither(word: object) -> None:
    with pytest.raises(ValueError, match="true or false"):
        read_flag(word)


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00", 5, 1.5, True, None, []])
def test_a_text_is_not_empty_has_no_control_characters_and_is_no_yaml_number(value: object) -> None:
    with pytest.raises(ValueError, match="text without control characters"):
        read_text(value)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "127.0.0.1", "::", "fe80::1", "localhost", "model_server", "a.b-c.example.", "xn--bcher-kva.example"],
)
def test_hosts(host: str) -> None:
    assert read_host(host) == host


@pytest.mark.parametrize(
    "host", ["", "http://x", "x:80", "[::1]", "1.2.3", "1.2.3.4.5", "256.0.0.1", "a b", "-a", "bücher", "a/b", 5, None]
)
def test_what_is_no_host_is_refused(host: object) -> None:
    with pytest.raises(ValueError, match="an IP address or host name without a port"):
        read_host(host)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("192.168.1.7", IPv4Network("192.168.1.7/32")),
        ("fd00::/8", IPv6Network("fd00::/8")),
        (ip_network("10.0.0.0/8"), IPv4Network("10.0.0.0/8")),
    ],
)
def test_networks(text: object, network: object) -> None:
    assert read_network(text) == network


@pytest.mark.parametrize("value", ["", "x", "10.0.0.0/33", "10/8", 10, None, b"\x01\x02\x03\x04"])
def test_what_is_no_network_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="an address range such as"):
        read_network(value)


def test_bits_behind_the_prefix_are_refused_with_what_may_be_meant() -> None:
    with pytest.raises(ValueError, match=r"perhaps 10\.0\.0\.0/8 is meant"):
        read_network("10.1.2.3/8")
