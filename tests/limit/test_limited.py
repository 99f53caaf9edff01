"""The limiter of a service: a permit with its headers, or a refusal that says when."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND, VirtualClock, at_once, exchange, gaps, rates, rule, sizes

from gateway.errors import RateLimited
from gateway.exchange import ANONYMOUS, Identity
from gateway.limit.base import Limiter, Rule
from gateway.limit.bundle import Bundle
from gateway.limit.key import client
from gateway.limit.limited import Limited
from gateway.limit.line import Line
from gateway.limit.memory import MemoryStore


def limited(clock: VirtualClock, *rules: Rule) -> Limited:
    bundle = Bundle(rules, {})
    return Limited(lambda identity: bundle, MemoryStore(clock.runtime()), Line(clock))


def refusal(limiter: Limiter, identity: Identity = ANONYMOUS) -> RateLimited | None:
    """None when the request passes."""
    try:
        at_once(limiter.permit(exchange(), identity))
    except RateLimited as error:
        return error
    return None


def test_a_permit_carries_its_headers_and_is_given_at_once():
    permit = at_once(limited(VirtualClock(), rule(100, 10)).permit(exchange(), ANONYMOUS))
    assert permit.headers == (
        b'RateLimit-Policy: "default";q=100;w=10\r\n'
        b'RateLimit: "default";r=99;t=1\r\n'
        b"X-RateLimit-Limit: 100\r\n"
        b"X-RateLimit-Remaining: 99\r\n"
        b"X-RateLimit-Reset: 1\r\n"
    )


def test_a_refusal_names_its_rule_and_carries_the_headers():
    limiter = limited(VirtualClock(), rule(1, 1))
    assert refusal(limiter) is None
    error = refusal(limiter)
    assert error.rule == "default"
    assert str(error) == "rate_limited: rule default"
    assert error.headers == (
        b'RateLimit-Policy: "default";q=1;w=1\r\n'
        b'RateLimit: "default";r=0;t=1\r\n'
        b"X-RateLimit-Limit: 1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\nRetry-After: 1\r\n"
    )


@given(sizes, rates, st.lists(gaps, max_size=20))
def test_RL_02_RL_13_retry_after_is_whole_seconds_at_least_one_and_tight(size, rate, pauses):
    clock = VirtualClock()
    limiter = limited(clock, rule(size, rate))
    for gap in pauses:
        clock.us += gap
        refusal(limiter)
    while (error := refusal(limiter)) is None:
        pass
    retry_after = re.search(rb"\r\nRetry-After: ([0-9]+)\r\n", error.headers)[1]
    assert int(retry_after) >= 1
    clock.us += (int(retry_after) - 1) * SECOND
    assert refusal(limiter) is not None
    clock.us += SECOND
    assert refusal(limiter) is None


def test_callers_are_told_apart_by_the_key_of_the_rule():
    limiter = limited(VirtualClock(), rule(1, 1, key=client()))
    assert refusal(limiter, Identity("alice")) is None
    assert refusal(limiter, Identity("alice")) is not None
    assert refusal(limiter, Identity("bob")) is None
    assert refusal(limiter, ANONYMOUS) is None


def test_with_several_rules_the_one_with_least_left_speaks_and_the_one_to_wait_for_refuses():
    clock = VirtualClock()
    limiter = limited(clock, rule(5, 5, name="burst"), rule(2, 1, name="slow"), rule(9, 1, name="wide"))
    permit = at_once(limiter.permit(exchange(), ANONYMOUS))
    assert b"X-RateLimit-Limit: 2\r\nX-RateLimit-Remaining: 1\r\n" in permit.headers
    assert refusal(limiter) is None
    error = refusal(limiter)
    assert error.rule == "slow"
    assert b"\r\nX-RateLimit-Limit: 2\r\n" in error.headers
    assert error.headers.endswith(b"\r\nRetry-After: 1\r\n")


def test_it_shows_its_rules():
    limit = rule(100, 10)
    assert repr(limit) == "<Rule default <TokenBucket 100 + 10/s>>"


@pytest.mark.parametrize("name", ["caf\u00e9", "a\nb"])
def test_a_rule_that_no_header_can_name_is_refused_when_built(name):
    with pytest.raises(ValueError, match="rule name"):
        limited(VirtualClock(), rule(1, 1, name=name))
