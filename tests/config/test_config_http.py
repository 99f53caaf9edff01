"""Upstream URLs, service names, and header fields that an operator may set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.balance.upstream import Upstream
from gateway.config.http import (
    check_header_value,
    read_hash_key,
    read_header_name,
    read_path,
    read_service_name,
    read_upstream_url,
    read_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8000/v1",
        "http://10.0.0.1",
        "https://api.example.com/",
        "http://model_server:9000",
        "http://[fd00::1]:8000/v1",
        "https://h/a%20b/c;d=1,2/@:~",
        "http://h:65535",
    ],
)
def test_an_upstream_url_is_kept_as_written(url: str) -> None:
    assert read_url(url) == url


URLS = [
    *("", "h:80", "/v1", "ftp://h", "unix:///run/x", "http://", "http:///v1", "http://:80", "HTTP", "//h/v1"),
    *("http://u@h", "http://u:p@h", "http://@h", "http://h?x", "http://h/?", "http://h#f", "http://h/#"),
    *("http://h:0", "http://h:65536", "http://h:x", "http://h:", "http://h:-1"),
    *(
        "http://h/a b",
        "http://h/\n",
        " http://h",
        "http://h/\u00e9",
        "http://b\u00fccher",
        "http://h\\x",
        "http://h/a\\b",
    ),
    *(
        "http://h/..",
        "http://h/a/../b",
        "http://h/.",
        "http://h/%2e%2E/b",
        "http://h/.%2e",
        "http://h/%zz",
        "http://h/%2",
    ),
    *("http://[::1", "http://[zz]", "http://::1", "http://256.1.1.1", "http://1.2.3", "http://h/a{b}", 5, None, []),
]


@pytest.mark.parametrize("url", URLS, ids=repr)
def test_what_is_no_plain_http_address_is_refused(url: object) -> None:
    with pytest.raises(ValueError, match=r"^http://HOST"):
        read_url(url)


@given(st.text(alphabet="htps:/@?#[]%.-_a0 \\\n\u00e9"))
def test_any_url_that_is_read_can_be_an_upstream(tail: str) -> None:
    try:
        url = read_url("http://" + tail)
    except ValueError:
        return
    upstream = Upstream(url)
    assert upstream.host
    assert 0 < upstream.port <= 65535
    assert not set(upstream.authority + upstream.base) & set(b" \r\n@?#\\")


@pytest.mark.parametrize("name", ["llm", "a", "0", "gpt-4_x", "a" * 63])
def test_service_names(name: str) -> None:
    assert read_service_name(name) == name


@pytest.mark.parametrize("name", ["", "LLM", "-a", "_a", "a" * 64, "a/b", "a.b", "a b", "a\n", "\u00e9", 5, None])
def test_what_is_no_service_name_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="1 to 63"):
        read_service_name(name)


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "x_y", "!#$%&'*+.^`|~", "Cookie", "Accept-Encoding"])
def test_headers_that_may_be_set_or_removed(name: str) -> None:
    assert read_header_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\u00e9", "a\n", 5, None])
def test_ed_15_what_is_no_header_name_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="a header's name"):
        read_header_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "Proxy-Connection", "TE"),
        *("Trailer", "Upgrade", "Proxy-Authorization", "Proxy-Authenticate", "Expect"),
    ],
)
def test_headers_of_one_connection_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"not {name}: it belongs to one connection"):
        read_header_name(name)


@pytest.mark.parametrize("name", ["Via", "X-Request-Id", "X-Forwarded-For", "traceparent", "X-Auth-Subject"])
def test_headers_that_the_gateway_writes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the gateway writes it itself"):
        read_header_name(name)


@pytest.mark.parametrize("value", ["", "x", "Bearer abc def", "~!", "a, b"])
def test_header_values(value: str) -> None:
    check_header_value(value)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "\r", "a\0b", "a\tb", "\x7f", "\u00e9", " a", "a "])
def test_ed_15_a_value_that_could_split_a_head_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="a header's value"):
        check_header_value(value)


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models?limit=1", "/a%20b"])
def test_a_path_to_check(path: str) -> None:
    assert read_path(path) == path


@pytest.mark.parametrize("path", ["", "health", "http://a/health", "/a b", "/a#b", "/%zz", "/a?b c", 7, None])
def test_what_is_no_path_to_check(path: object) -> None:
    with pytest.raises(ValueError, match="a path such as /health"):
        read_path(path)


@pytest.mark.parametrize("key", ["client", "subject", "address", "header:X-Session"])
def test_a_hash_key(key: str) -> None:
    assert read_hash_key(key) == key


@pytest.mark.parametrize("key", ["", "service", "header", "header:", "header:a b", "claim:x", 7, None])
def test_what_is_no_hash_key(key: object) -> None:
    with pytest.raises(ValueError, match="client, subject, address or header:NAME"):
        read_hash_key(key)


@pytest.mark.parametrize(
    "url", ["http://a:1/v1", "dns+http://models:8000/v1", "dns+https://models", "srv+http://_llm._tcp.example/v1"]
)
def test_an_upstream_may_be_looked_up(url: str) -> None:
    assert read_upstream_url(url) == url


@pytest.mark.parametrize(
    "url", ["dns://a", "dns+ftp://a", "dns+http://", "srv+http://_llm._tcp.a:80", "dns+http://a?b"]
)
def test_what_cannot_be_looked_up(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        read_upstream_url(url)
