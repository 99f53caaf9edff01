"""The reply fields, read back by a strict reader of structured fields (RFC 9651, section 4.2)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND, gaps, rates, rule, sizes

from gateway.limit.algorithm import Verdict
from gateway.limit.base import Rule
from gateway.limit.concurrency import Concurrency
from gateway.limit.headers import LimitHeaders, quoted

STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
PARAMETER = r";[a-z*][a-z0-9_.*-]*=-?[0-9]{1,15}"
ITEM = re.compile(f"({STRING})((?:{PARAMETER})*)")


def parsed(value: str) -> list[tuple[str, dict[str, int]]]:
    """A List of Strings with Integer parameters; AssertionError for everything else."""
    items, rest = [], value
    while True:
        item = ITEM.match(rest)
        assert item, f"no item at {rest!r}"
        name = re.sub(r"\\(.)", r"\1", item[1][1:-1])
        pairs = [pair.split("=") for pair in item[2].split(";")[1:]]
        assert len({key for key, _ in pairs}) == len(pairs)
        items.append((name, {key: int(number) for key, number in pairs}))
        rest = rest[item.end() :]
        if not rest:
            return items
        comma = re.match(r"[ \t]*,[ \t]*", rest)
        assert comma, f"no comma at {rest!r}"
        rest = rest[comma.end() :]


def fields(lines: bytes) -> dict[str, str]:
    assert lines.endswith(b"\r\n")
    pairs = [line.split(": ", 1) for line in lines.decode("ascii").removesuffix("\r\n").split("\r\n")]
    return dict(pairs)


def test_one_rule_gives_the_fields_of_the_draft_and_the_old_ones():
    lines = LimitHeaders([rule(100, 10)]).lines([Verdict(True, 42, 100_000, 5_800_001, 0)], 0)
    assert lines == (
        b'RateLimit-Policy: "default";q=100;w=10\r\n'
        b'RateLimit: "default";r=42;t=1\r\n'
        b"X-RateLimit-Limit: 100\r\n"
        b"X-RateLimit-Remaining: 42\r\n"
        b"X-RateLimit-Reset: 6\r\n"
    )


def test_a_window_below_a_second_is_left_out():
    assert b'RateLimit-Policy: "default";q=10\r\n' in LimitHeaders([rule(10, 100)]).lines(
        [Verdict(True, 1, 1, 1, 0)], 0
    )


def test_several_rules_are_lists_and_the_old_fields_speak_of_the_tightest():
    rules = [rule(100, 10, name="burst"), rule(5, 1, name="slow")]
    verdicts = [Verdict(True, 60, 1, 4 * SECOND, 0), Verdict(True, 2, SECOND, 3 * SECOND, 0)]
    read = fields(LimitHeaders(rules).lines(verdicts, 1))
    assert parsed(read["RateLimit-Policy"]) == [("burst", {"q": 100, "w": 10}), ("slow", {"q": 5, "w": 5})]
    assert parsed(read["RateLimit"]) == [("burst", {"r": 60, "t": 1}), ("slow", {"r": 2, "t": 1})]
    old = [read[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]
    assert old == ["5", "2", "3"]


def test_a_refusal_adds_the_seconds_to_wait():
    headers = LimitHeaders([rule(1, 1)])
    assert headers.refusal([Verdict(False, 0, 1, 1, 1)], 0) == (
        b'RateLimit-Policy: "default";q=1;w=1\r\n'
        b'RateLimit: "default";r=0;t=1\r\n'
        b"X-RateLimit-Limit: 1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\nRetry-After: 1\r\n"
    )


def test_requests_in_flight_have_a_unit_of_their_own_and_no_time():
    rules = [Rule("slots", Concurrency(5), lambda exchange, identity: ""), rule(100, 10, name="rate")]
    verdicts = [Verdict(True, 2, SECOND, SECOND, 0), Verdict(True, 60, 1, 4 * SECOND, 0)]
    assert LimitHeaders(rules).lines(verdicts, 0) == (
        b'RateLimit-Policy: "slots";q=5;qu="concurrent-requests", "rate";q=100;w=10\r\n'
        b'RateLimit: "slots";r=2, "rate";r=60;t=1\r\n'
        b"X-RateLimit-Limit: 5\r\n"
        b"X-RateLimit-Remaining: 2\r\n"
        b"X-RateLimit-Reset: 1\r\n"
    )


ascii_names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


@given(st.lists(ascii_names, min_size=1, max_size=3), sizes, rates)
def test_any_printable_name_survives_the_trip(names, size, rate):
    rules = [rule(size, rate, name=name) for name in names]
    read = fields(LimitHeaders(rules).lines([Verdict(True, 0, 1, 1, 0)] * len(rules), 0))
    assert [name for name, _ in parsed(read["RateLimit-Policy"])] == names
    assert [name for name, _ in parsed(read["RateLimit"])] == names


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x", "caf\u00e9", "\x7f", "tab\t"])
def test_a_name_that_no_header_can_carry_is_refused(name):
    with pytest.raises(ValueError, match="use printable ASCII only"):
        quoted(name)


@given(sizes, rates, st.lists(gaps, min_size=1, max_size=40))
def test_RL_13_numbers_are_never_negative_and_fit_the_rule(size, rate, pauses):
    limit = rule(size, rate)
    headers = LimitHeaders([limit])
    state, now = limit.algorithm.fresh(0), 0
    for gap in pauses:
        now += gap
        verdict, state = limit.algorithm.take(state, now)
        lines = headers.lines([verdict], 0)
        read = fields(lines)
        (_, standing), (_, policy) = parsed(read["RateLimit"])[0], parsed(read["RateLimit-Policy"])[0]
        assert policy["q"] == size == int(read["X-RateLimit-Limit"])
        assert policy.get("w", 1) > 0
        assert 0 <= standing["r"] == int(read["X-RateLimit-Remaining"]) < size
        assert 1 <= standing["t"] <= int(read["X-RateLimit-Reset"])
        if not verdict.allowed:
            retry_after = fields(headers.refusal([verdict], 0))["Retry-After"]
            assert retry_after.isdecimal()
            assert int(retry_after) >= max(1, standing["t"])  # the draft, section 6


@given(sizes, rates, st.integers(0, 10**6))
def test_RL_13_remaining_falls_and_reset_rises_while_time_stands_still(size, rate, at):
    limit = rule(size, rate)
    headers = LimitHeaders([limit])
    state = limit.algorithm.fresh(0)
    seen = []
    for _ in range(size + 2):
        verdict, state = limit.algorithm.take(state, at)
        read = fields(headers.lines([verdict], 0))
        seen.append((int(read["X-RateLimit-Remaining"]), -int(read["X-RateLimit-Reset"])))
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    "value", ["", "default;q=1", '"a";q=1,', '"a";Q=1', '"a";q=1.5', '"a" "b"', '"caf\u00e9"', '"a";q=']
)
def test_the_reader_of_these_tests_is_strict(value):
    with pytest.raises(AssertionError):
        parsed(value)
