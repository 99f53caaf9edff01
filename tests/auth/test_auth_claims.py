"""From claims to an identity: times, subjects, scopes."""

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from auth_tokens import CLAIMS, LEEWAY, NOW, without
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.claims import Expected, subject_line
from gateway.errors import Unauthenticated
from gateway.exchange import Identity


def identity(claims: dict[str, object], now: float = NOW) -> Identity:
    return Expected(leeway=LEEWAY).identify(claims, now)


def why(claims: dict[str, object]) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        identity(claims)
    return refusal.value.detail


@pytest.mark.parametrize("exp", [NOW + 1, NOW - 1, NOW - LEEWAY + 1, NOW - LEEWAY + 0.5, NOW + 3600.25, 2**53 - 1])
def test_JW_09_a_token_lives_until_exp_and_the_leeway_have_passed(exp: float) -> None:
    assert identity({"sub": "alice", "exp": exp}).expires_at == exp


@pytest.mark.parametrize("exp", [NOW - LEEWAY, NOW - LEEWAY - 1, NOW - 86400, 0, -1, -1.5, 1 - 2**53])
def test_JW_09_then_it_is_expired(exp: float) -> None:
    assert why({"sub": "alice", "exp": exp}) == "expired"


@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize("moment", [0, -1, NOW, NOW + LEEWAY, NOW + LEEWAY - 0.5])
def test_JW_09_a_start_within_the_leeway_has_come(name: str, moment: float) -> None:
    assert identity({**CLAIMS, name: moment}).subject == "alice"


@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize("moment", [NOW + LEEWAY + 0.5, NOW + LEEWAY + 1, NOW + 86400, 2**53 - 1])
def test_JW_09_a_start_beyond_the_leeway_has_not(name: str, moment: float) -> None:
    assert why({**CLAIMS, name: moment}) == "not_yet_valid"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [
        str(NOW + 60),
        True,
        False,
        None,
        [NOW + 60],
        {"at": NOW + 60},
        "",
        float("inf"),
        float("-inf"),
        float("nan"),
        1e400,
        10**400,
        -(10**400),
        2**53,
    ],
    ids=str,
)
def test_JW_09_a_time_that_is_no_number_of_seconds_is_refused(name: str, value: object) -> None:
    assert why({**CLAIMS, name: value}) == "claims"


def test_JW_09_a_token_without_exp_is_refused() -> None:
    assert why(without("exp")) == "claims"


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "",
        0,
        True,
        ["alice"],
        {"name": "alice"},
        "a" * 257,
        "a" * 10_240,
        "alice\r\nX-Admin: 1",
        "alice\n",
        "\x00",
        "a\tb",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "\u202eecila",
        "al\u200bice",
        "\ud800",
    ],
    ids=ascii,
)
def test_JW_43_a_subject_that_no_header_or_log_can_carry_is_refused(subject: object) -> None:
    assert why({**CLAIMS, "sub": subject}) == "claims"


def test_JW_43_a_token_without_a_subject_is_refused() -> None:
    assert why(without("sub")) == "claims"


@pytest.mark.parametrize(
    ("subject", "line"),
    [
        ("alice", b"X-Auth-Subject: alice\r\n"),
        ("auth0|5f7c:8/x@y", b"X-Auth-Subject: auth0|5f7c:8/x@y\r\n"),
        ("a" * 256, b"X-Auth-Subject: " + b"a" * 256 + b"\r\n"),
        ("\u017baneta", b"X-Auth-Subject: %C5%BBaneta\r\n"),
        ("\U0001f600", b"X-Auth-Subject: %F0%9F%98%80\r\n"),
        (" alice ", b"X-Auth-Subject: %20alice%20\r\n"),
        ("50%41", b"X-Auth-Subject: 50%2541\r\n"),
    ],
)
def test_JW_43_the_upstream_reads_the_subject_in_visible_ascii(subject: str, line: bytes) -> None:
    assert identity({**CLAIMS, "sub": subject}).headers == line


@given(st.text(min_size=1, max_size=256).filter(str.isprintable))
def test_JW_43_every_subject_survives_the_way_to_the_upstream(subject: str) -> None:
    line = subject_line(subject)
    value = line.removeprefix(b"X-Auth-Subject: ").removesuffix(b"\r\n")
    assert all(0x21 <= byte <= 0x7E for byte in value)
    assert unquote(value.decode("ascii"), errors="strict") == subject


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scope": "chat"}, {"chat"}),
        ({"scope": "chat embed  admin "}, {"chat", "embed", "admin"}),
        ({"scope": ["chat", "embed"]}, {"chat", "embed"}),
        ({"scp": ["chat", "embed"]}, {"chat", "embed"}),
        ({"scp": "chat embed"}, {"chat", "embed"}),
        ({"scope": "chat", "scp": ["admin"]}, {"chat"}),
        ({"scp": []}, set()),
    ],
)
def test_scopes_come_from_scope_or_else_scp(claims: dict[str, object], scopes: set[str]) -> None:
    assert identity({**CLAIMS, **claims}).scopes == scopes


@pytest.mark.parametrize("name", ["scope", "scp"])
@pytest.mark.parametrize("value", [1, None, True, {"chat": True}, ["chat", 1], [["chat"]], [{}]], ids=str)
def test_scopes_of_another_type_are_refused(name: str, value: object) -> None:
    assert why({**CLAIMS, name: value}) == "claims"


def test_the_identity_keeps_all_claims_for_limits_by_claim() -> None:
    claims = {**CLAIMS, "team": "red"}
    assert identity(claims).claims == claims


def _json(depth: int = 2) -> st.SearchStrategy[object]:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    wrap: Callable[[st.SearchStrategy[object]], st.SearchStrategy[object]] = lambda inner: (  # noqa: E731
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    )
    return st.recursive(leaf, wrap, max_leaves=depth * 4)


@given(st.fixed_dictionaries({}, optional={name: _json() for name in ("exp", "nbf", "iat", "sub", "scope", "scp")}))
def test_claims_of_any_type_give_an_identity_or_a_refusal_and_nothing_else(claims: dict[str, object]) -> None:
    try:
        found = identity(claims)
    except Unauthenticated:
        return
    assert found.subject == claims["sub"]
    assert found.expires_at > NOW - LEEWAY
