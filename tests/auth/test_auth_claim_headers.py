"""Claims as headers for the upstream: what the issuer said, in a form that nobody can split or mistake."""

from typing import Any
from urllib.parse import unquote

import pytest
from auth_tokens import ask, claiming, token_gate, verdict
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.claim_headers import LONGEST_VALUE, claim_lines
from gateway.errors import Unauthenticated

HEADERS = {"X-Tenant": "tenant"}


def line(value: object) -> bytes:
    return claim_lines({"tenant": value}, HEADERS)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("red", b"red"),
        ("", b""),
        ("red blue", b"red%20blue"),
        ("a,b", b"a%2Cb"),
        ("50%", b"50%25"),
        ("\u017b", b"%C5%BB"),
        ("a\r\nX-Admin: 1", b"a%0D%0AX-Admin:%201"),
        ("a\x00b\x7f", b"a%00b%7F"),
        ("auth0|5f7c:8/x@y", b"auth0|5f7c:8/x@y"),
        (["red", "blue"], b"red,blue"),
        (["a,b", "c"], b"a%2Cb,c"),
        ([], b""),
        (["one"], b"one"),
        (True, b"true"),
        (False, b"false"),
        (7, b"7"),
        (-1, b"-1"),
        (0.5, b"0.5"),
        ([1, "x", True], b"1,x,true"),
        ("x" * LONGEST_VALUE, b"x" * LONGEST_VALUE),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_JW_43_a_claim_is_one_line_of_visible_ascii(value: object, sent: bytes) -> None:
    assert line(value) == b"X-Tenant: " + sent + b"\r\n"


@pytest.mark.parametrize(
    "value",
    [{}, {"a": 1}, [{}], [[]], [["red"]], [None], "x" * (LONGEST_VALUE + 1), "\u017b" * 1000, ["x" * 100] * 41],
    ids=lambda value: repr(value)[:20],
)
def test_JW_43_what_no_line_can_say_refuses_the_token(value: object) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        line(value)
    assert refusal.value.detail == "claims"


@pytest.mark.parametrize("claims", [{}, {"tenant": None}, {"Tenant": "red"}])
def test_a_claim_that_is_not_there_is_no_line(claims: dict[str, Any]) -> None:
    assert claim_lines(claims, HEADERS) == b""


def test_each_header_has_its_line_in_order() -> None:
    headers = {"X-B": "b", "X-A": "a", "X-None": "none"}
    assert claim_lines({"a": "1", "b": ["2", "3"]}, headers) == b"X-B: 2,3\r\nX-A: 1\r\n"


@given(st.text(max_size=200))
def test_JW_43_every_text_survives_the_way_to_the_upstream(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # strict_json lets no lone surrogate through
    value = line(text).removeprefix(b"X-Tenant: ").removesuffix(b"\r\n")
    assert all(0x21 <= byte <= 0x7E for byte in value)
    assert b"," not in value
    assert unquote(value.decode("ascii"), errors="strict") == text


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5))
def test_JW_43_every_list_survives_the_way_to_the_upstream(items: list[str]) -> None:
    value = line(items).removeprefix(b"X-Tenant: ").removesuffix(b"\r\n").decode()
    assert [unquote(item) for item in value.split(",")] == items


def test_an_identity_carries_the_lines_behind_its_subject() -> None:
    gate = token_gate(claim_headers={"X-Tenant": "tenant", "X-Tier": "tier"})
    identity = ask(gate, b"Bearer " + claiming(tenant="red"))
    assert identity.headers == b"X-Auth-Subject: alice\r\nX-Tenant: red\r\n"
    assert verdict(gate, claiming(tenant={"red": 1})) == "claims"
