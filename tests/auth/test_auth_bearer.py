"""The credential in Authorization (RFC 9110, section 11.4; RFC 6750, section 2.1) and the shape of a token."""

import re
import time

import pytest
from auth_tokens import ask, forge, reason, request, token_gate
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.auth.bearer import LONGEST_TOKEN, LONGEST_VALUE, bearer_token, is_compact
from gateway.errors import Unauthenticated


@pytest.mark.parametrize(
    "value",
    [b"Bearer abc", b"bearer abc", b"BEARER abc", b"bEaReR abc", b"Bearer  abc", b"Bearer " + b" " * 60 + b"abc"],
)
def test_JW_14_the_scheme_is_case_insensitive_and_any_spaces_may_follow(value: bytes) -> None:
    assert bearer_token(request(value)) == b"abc"


@pytest.mark.parametrize("token", [b"a", b"a.b.c", b"-._~+/09azAZ", b"abc=", b"abc==", b"A" * LONGEST_TOKEN])
def test_every_b64token_up_to_8_kib_is_a_token(token: bytes) -> None:
    assert bearer_token(request(b"Bearer " + token)) == token


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "scheme"),
        (b"Basic YWxpY2U6cHc=", "scheme"),
        (b"Bearerabc", "scheme"),
        (b"Bearer\tabc", "scheme"),
        (b"Bearer,abc", "scheme"),
        (b" Bearer abc", "scheme"),
        (b"Bearer", "malformed"),
        (b"Bearer ", "malformed"),
        (b"Bearer a, Bearer b", "malformed"),
        (b"Bearer a b", "malformed"),
        (b"Bearer a ", "malformed"),
        (b"Bearer \ta", "malformed"),
        (b'Bearer "a"', "malformed"),
        (b"Bearer =", "malformed"),
        (b"Bearer a=b", "malformed"),
        (b"Bearer a\n", "malformed"),
        (b"Bearer a\x00", "malformed"),
        (b"Bearer \xc3\xa9", "malformed"),
        (b"Bearer token=a", "malformed"),
        (b"Bearer " + b"A" * (LONGEST_TOKEN + 1), "malformed"),
        (b"Bearer " + b" " * LONGEST_VALUE + b"A", "malformed"),
    ],
)
def test_JW_14_anything_else_is_refused(value: bytes, why: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        bearer_token(request(value))
    assert refusal.value.detail == why


def test_JW_14_no_authorization_is_missing_wherever_else_a_token_may_be() -> None:
    elsewhere = request()
    elsewhere.target = b"/v1/llm/chat?access_token=" + forge()
    elsewhere.fields = ((b"cookie", b"token=" + forge()), (b"x-api-key", forge()))
    with pytest.raises(Unauthenticated) as refusal:
        token_gate().authenticate(elsewhere).send(None)
    assert refusal.value.detail == "missing"


def test_JW_14_two_authorization_fields_are_refused_even_when_each_is_valid() -> None:
    value = b"Bearer " + forge()
    assert reason(token_gate(), value, value) == "malformed"
    assert reason(token_gate(), b"Basic YTpi", value) == "malformed"


@pytest.mark.parametrize(
    "token",
    [
        b"a.b",
        b"a.b.c.d",
        b"a.b.c.d.e",
        b"a..c",
        b".b.c",
        b"a.b.",
        b"..",
        b"a.b.c=",
        b"a.b+.c",
        b"a.b/.c",
        b"a.b~.c",
        b"a.b.c\n",
    ],
)
def test_JW_12_13_only_three_filled_base64url_segments_have_the_shape_of_a_signed_token(token: bytes) -> None:
    assert is_compact(b"a.b.c")
    assert not is_compact(token)


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer " + b"." * 10_000,
        b"Bearer " + b"." * 8_000,
        b"Bearer " + b"A" * (1 << 20),
        b"Bearer " + b"A" * 8_000,
        b"Bearer " + b" " * (1 << 20),
        b"Bearer " + b"=" * 8_000,
        b"Bearer " + b"a." * 4_000 + b"a",
        b"B" * (1 << 20),
        b"Bearer " + b"A" * 3_000 + b"." + b"A" * 3_000 + b"." + b"A" * 2_000,
    ],
    ids=lambda value: f"{value[:14]!r} {len(value)} bytes",
)
def test_JW_13_a_huge_or_crooked_token_costs_little_and_leaves_nothing_behind(value: bytes) -> None:
    gate = token_gate()
    took = []
    for _ in range(5):
        started = time.thread_time()
        assert reason(gate, value) in ("malformed", "scheme")
        took.append(time.thread_time() - started)
    assert min(took) < 0.005
    assert len(gate.cache) == 0


@given(st.one_of(st.binary(), st.from_regex(rb"(?i:bearer) {0,3}[A-Za-z0-9._~+/=-]{0,40}", fullmatch=True)))
@example(b"bearer \xff")
def test_whatever_the_header_holds_it_is_a_b64token_or_refused(value: bytes) -> None:
    try:
        token = bearer_token(request(value))
    except Unauthenticated:
        return
    assert re.fullmatch(rb"[A-Za-z0-9._~+/-]+=*", token)
    assert value[:7].lower() == b"bearer "
    assert value.endswith(b" " + token)


def test_a_valid_token_passes_in_every_spelling_of_the_scheme() -> None:
    gate = token_gate()
    for scheme in (b"Bearer ", b"bearer ", b"BEARER   "):
        assert ask(gate, scheme + forge()).subject == "alice"
