"""The regular expressions that decide: each with what it must and must not match."""

import re
import time

import pytest

from gateway.wire import grammar


def matches(pattern: re.Pattern[bytes], text: bytes) -> bool:
    return pattern.fullmatch(text) is not None


@pytest.mark.parametrize("line", [b"a: b", b"A:b", b"!#$%&'*+-.^_`|~09zZ:", b"a:\t \xff\xe4b c \t"])
def test_field_line_takes(line: bytes) -> None:
    assert matches(grammar.FIELD_LINE, line)


@pytest.mark.parametrize(
    "line", [b"", b":", b"a", b" a: b", b"a : b", b"a\xe4: b", b"a: \0", b"a: \x7f", b"a: b\r", b"a: b\n"]
)
def test_field_line_refuses(line: bytes) -> None:
    assert not matches(grammar.FIELD_LINE, line)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"x /%zz HTTP/1.0", b"GET * HTTP/1.1", b"M-SEARCH a:b HTTP/1.1"])
def test_request_line_takes(line: bytes) -> None:
    assert matches(grammar.REQUEST_LINE, line)


@pytest.mark.parametrize(
    "line",
    [
        *(b"GET / HTTP/1.2", b"GET / HTTP/1.1 ", b"GET  / HTTP/1.1", b"GET / http/1.1", b"GET /"),
        *(b"GET /\xe4 HTTP/1.1", b"G@T / HTTP/1.1"),
    ],
)
def test_request_line_refuses(line: bytes) -> None:
    assert not matches(grammar.REQUEST_LINE, line)


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK", b"HTTP/1.0 599 ", b"HTTP/1.1 100", b"HTTP/1.1 200 \xe4\t b"])
def test_status_line_takes(line: bytes) -> None:
    assert matches(grammar.STATUS_LINE, line)


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1 600 X", b"HTTP/1.1 099 X", b"HTTP/1.1 20 X", b"HTTP/1.1  200 X", b"HTTP/1.1 200X", b"HTTP/1.1 200 \r"],
)
def test_status_line_refuses(line: bytes) -> None:
    assert not matches(grammar.STATUS_LINE, line)


@pytest.mark.parametrize(
    "data", [b"\0", b"a\x1fb", b"\x7f", b"a\rb", b"a\nb", b"\n", b"a\r\n b", b"a\r\n\tb", b"\r\n\n"]
)
def test_odd_bytes_are_found(data: bytes) -> None:
    assert grammar.ODD_BYTES_SO_FAR.search(data)


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nA: b\tc\xe4\r", b"A: b\r\nC", b"\r\n\r\n"])
def test_what_is_not_odd_so_far_is_left_alone(data: bytes) -> None:
    assert not grammar.ODD_BYTES_SO_FAR.search(data)


@pytest.mark.parametrize(
    "host", [b"a", b"a.b-c_d~", b"a:", b"a:80", b"[::1]", b"[::ffff:1.2.3.4]:99999", b"a%41!$&'()*+;="]
)
def test_host_takes(host: bytes) -> None:
    assert matches(grammar.HOST, host)


@pytest.mark.parametrize(
    "host", [b"", b":80", b"a b", b"a,b", b"a@b", b"a/b", b"a:x", b"a:123456", b"[::1", b"::1", b"[x]", b"\xe4"]
)
def test_host_refuses(host: bytes) -> None:
    assert not matches(grammar.HOST, host)


@pytest.mark.parametrize("text", [b"+1", b"", b" 1", b"1 ", b"1" * 19, b"1_0", b"\xd9\xa5"])
def test_digits_refuse(text: bytes) -> None:
    assert not matches(grammar.DIGITS, text)


@pytest.mark.parametrize(
    "trace",
    [
        b"00-" + b"0" * 32 + b"-" + b"b" * 16 + b"-01",
        b"00-" + b"a" * 32 + b"-" + b"0" * 16 + b"-01",
        b"01-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
        b"00-" + b"A" * 32 + b"-" + b"b" * 16 + b"-01",
    ],
)
def test_traceparent_refuses(trace: bytes) -> None:
    assert not matches(grammar.TRACEPARENT, trace)


# The others are only ever matched from a beginning to an end.
SEARCHED = ("ODD_BYTES_SO_FAR", "OWN_VIA")


@pytest.mark.parametrize("name", [name for name, value in vars(grammar).items() if isinstance(value, re.Pattern)])
def test_no_pattern_takes_more_than_linear_time(name: str) -> None:
    """64 KiB of the worst kind are looked at within a moment; a pattern that backtracks would take minutes."""
    pattern: re.Pattern[bytes] = getattr(grammar, name)
    look = pattern.search if name in SEARCHED else pattern.fullmatch
    started = time.perf_counter()
    for unit in (b"a", b" ", b"\t ", b"a ", b"a:", b",", b"%", b"\r\n", b"[:", b"a.,", b"1.1 ", b"1.1 ai-api-gateway "):
        look(unit * (grammar.LARGEST_HEAD // len(unit)))
        look(unit * (grammar.LARGEST_HEAD // len(unit)) + b"\0")
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("data", "empty"),
    [
        (b"\r\nGET", 2),
        (b"\r\n\r\n\r\n", 6),
        (b"\r\n\r\n\rX", 4),
        (b"\r\n" * 100_000 + b"GET", 200_000),
        (b"GET\r\n", 0),
        (b"", 0),
        (b"\r\n\n\n", 0),
        (b"\r\r\n\n", 0),
        (b"\n\r\n", 0),
    ],
)
def test_empty_lines_are_counted_unless_a_cr_or_lf_stands_alone(data: bytes, empty: int) -> None:
    assert grammar.empty_lines(data) == empty
