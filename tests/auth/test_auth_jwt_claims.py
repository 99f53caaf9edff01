"""Times, audience and issuer of a truly signed token."""

import pytest
from auth_tokens import (
    ISSUER,
    LEEWAY,
    NOW,
    claiming,
    forge,
    token_gate,
    verdict,
    without,
)


@pytest.mark.parametrize(
    ("exp", "expected"),
    [(NOW - LEEWAY + 1, "ok"), (NOW - LEEWAY, "expired"), (str(NOW + 60), "claims"), (True, "claims"), (-1, "expired")],
)
def test_JW_09_times_are_judged_by_the_wall_clock(exp: object, expected: str) -> None:
    assert verdict(token_gate(), claiming(exp=exp)) == expected


def test_JW_09_a_token_without_exp_or_sub_is_refused() -> None:
    assert verdict(token_gate(), forge(claims=without("exp"))) == "claims"
    assert verdict(token_gate(), forge(claims=without("sub"))) == "claims"


@pytest.mark.parametrize(
    "exp", [b"1e400", b"-1e400", b"9" * 400, b"9" * 5_000, b"NaN", b"Infinity"], ids=lambda e: e[:9]
)
def test_JW_09_a_time_no_clock_can_show_is_refused(exp: bytes) -> None:
    assert verdict(token_gate(), forge(claims=b'{"sub":"alice","exp":' + exp + b"}")) in ("claims", "malformed")


@pytest.mark.parametrize("aud", ["chat", ["chat"], ["other", "chat"]], ids=str)
def test_JW_10_our_audience_alone_or_among_others_is_ours(aud: object) -> None:
    assert verdict(token_gate(audience="chat"), claiming(aud=aud)) == "ok"


@pytest.mark.parametrize(
    "aud",
    [
        *("", "cha", "chat2", "Chat", "chat ", "ch\u0430t", {"chat": "chat"}, 7, True, None),
        *([], ["other"], ["cha", "t"], [["chat"]], ["chat", 7], [None]),
    ],
    ids=ascii,
)
def test_JW_10_any_other_audience_is_refused(aud: object) -> None:
    assert verdict(token_gate(audience="chat"), claiming(aud=aud)) == "audience"


def test_JW_10_a_token_for_nobody_in_particular_is_refused_where_an_audience_is_set() -> None:
    assert verdict(token_gate(audience="chat"), forge()) == "audience"


def test_JW_10_a_token_meant_for_somebody_is_refused_where_no_audience_is_set() -> None:
    assert verdict(token_gate(), claiming(aud="chat")) == "audience"
    assert verdict(token_gate(), forge()) == "ok"


def test_JW_11_the_exact_issuer_is_ours() -> None:
    assert verdict(token_gate(issuer=ISSUER), claiming(iss=ISSUER)) == "ok"
    assert verdict(token_gate(), claiming(iss=ISSUER)) == "ok"


@pytest.mark.parametrize(
    "iss",
    ["", ISSUER + "/", ISSUER.upper(), ISSUER[:-1], ISSUER[8:], ISSUER + "b", [ISSUER], {ISSUER: 1}, 7, None, True],
    ids=str,
)
def test_JW_11_any_other_issuer_is_refused(iss: object) -> None:
    assert verdict(token_gate(issuer=ISSUER), claiming(iss=iss)) == "issuer"


def test_JW_11_a_token_without_an_issuer_is_refused_where_one_is_set() -> None:
    assert verdict(token_gate(issuer=ISSUER), forge()) == "issuer"
