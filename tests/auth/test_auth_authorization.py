"""What a service asks of a caller who is known: decided for each service anew."""

from typing import Any

import pytest
from auth_tokens import claiming, request, token_gate
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.authorization import authorized, has_one_of
from gateway.auth.gate import Gate
from gateway.config.service import Service
from gateway.errors import Forbidden, Unauthenticated

CHALLENGE = ", ".join(
    (
        'Bearer realm="ai-api-gateway"',
        'error="insufficient_scope"',
        'error_description="The access token does not allow this"',
    )
)


async def verdict(gate: Gate, token: bytes, **service: Any) -> str:
    options = Service.model_validate({"upstreams": [{"url": "http://a"}], **service})
    try:
        await gate.authenticator(options).authenticate(request(b"Bearer " + token))
    except Forbidden as refusal:
        return refusal.detail
    return "ok"


@pytest.mark.parametrize(
    ("needed", "granted", "expected"),
    [
        ([], "", "ok"),
        (["chat"], "chat", "ok"),
        (["chat"], "embed chat", "ok"),
        (["chat", "embed"], "embed chat admin", "ok"),
        (["chat", "embed"], "chat", "scope"),
        (["chat"], "", "scope"),
        (["chat"], "chatter", "scope"),
        (["chat"], "Chat", "scope"),
        (["chat"], "chat:read", "scope"),
    ],
)
async def test_all_scopes_of_a_service_are_needed(needed: list[str], granted: str, expected: str) -> None:
    assert await verdict(token_gate(), claiming(scope=granted), scopes=needed) == expected


async def test_scopes_may_come_as_scp_and_as_a_list() -> None:
    assert await verdict(token_gate(), claiming(scp=["chat", "embed"]), scopes=["embed"]) == "ok"
    assert await verdict(token_gate(), claiming(scp="chat"), scopes=["embed"]) == "scope"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"tenant": "red"}, "ok"),
        ({"tenant": "blue"}, "ok"),
        ({"tenant": ["green", "blue"]}, "ok"),
        ({"tenant": "green"}, "claim"),
        ({"tenant": ["green"]}, "claim"),
        ({"tenant": []}, "claim"),
        ({"tenant": ""}, "claim"),
        ({"tenant": "red,blue"}, "claim"),
        ({"tenant": {"red": True}}, "claim"),
        ({"tenant": [["red"]]}, "claim"),
        ({"tenant": None}, "claim"),
        ({"Tenant": "red"}, "claim"),
        ({}, "claim"),
    ],
    ids=str,
)
async def test_a_claim_needs_one_of_the_values_listed(claims: dict[str, Any], expected: str) -> None:
    assert await verdict(token_gate(), claiming(**claims), claims={"tenant": ["red", "blue"]}) == expected


async def test_every_claim_listed_is_needed_and_scopes_besides() -> None:
    wanted = {"claims": {"tenant": ["red"], "tier": ["gold"]}, "scopes": ["chat"]}
    gate = token_gate()
    assert await verdict(gate, claiming(tenant="red", tier="gold", scope="chat"), **wanted) == "ok"
    assert await verdict(gate, claiming(tenant="red", tier="tin", scope="chat"), **wanted) == "claim"
    assert await verdict(gate, claiming(tenant="red", tier="gold"), **wanted) == "scope"


@pytest.mark.parametrize(
    ("value", "spelled"), [(True, "true"), (False, "false"), (7, "7"), (0.5, "0.5"), ([1, True], "true")], ids=str
)
def test_true_false_and_numbers_are_spelled_as_in_json(value: object, spelled: str) -> None:
    assert has_one_of(value, frozenset((spelled,)))
    assert not has_one_of(value, frozenset(("True", "7.0", "")))


async def test_JW_42_a_remembered_token_is_judged_by_each_service_for_itself() -> None:
    gate = token_gate()
    token = claiming(scope="chat", tenant="red")
    for _ in range(3):
        assert await verdict(gate, token) == "ok"
        assert await verdict(gate, token, scopes=["chat"]) == "ok"
        assert await verdict(gate, token, scopes=["embed"]) == "scope"
        assert await verdict(gate, token, claims={"tenant": ["blue"]}) == "claim"
    assert len(gate.cache) == 1


async def test_JW_15_too_little_scope_is_403_and_names_the_scopes_needed() -> None:
    inner = authorized(token_gate(), ["chat", "embed"], {})
    with pytest.raises(Forbidden) as refusal:
        await inner.authenticate(request(b"Bearer " + claiming(scope="chat")))
    assert refusal.value.answer.status == 403
    assert refusal.value.headers == f'WWW-Authenticate: {CHALLENGE}, scope="chat embed"\r\n'.encode()


async def test_JW_15_a_missing_claim_is_403_and_does_not_say_which() -> None:
    inner = authorized(token_gate(), [], {"tenant": ["red"]})
    with pytest.raises(Forbidden) as refusal:
        await inner.authenticate(request(b"Bearer " + claiming()))
    assert refusal.value.headers == f"WWW-Authenticate: {CHALLENGE}\r\n".encode()


async def test_JW_15_a_bad_token_is_401_whatever_the_service_asks_for() -> None:
    inner = authorized(token_gate(), ["chat"], {})
    with pytest.raises(Unauthenticated):
        await inner.authenticate(request(b"Bearer " + claiming(exp=1, scope="chat")))
    with pytest.raises(Unauthenticated):
        await inner.authenticate(request())


def test_a_service_that_asks_for_nothing_adds_nothing() -> None:
    gate = token_gate()
    assert authorized(gate, [], {}) is gate
    assert repr(authorized(gate, ["b", "a"], {})).startswith("<Authorized a b <Gate")


_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(_leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_no_claim_of_any_type_has_a_value_that_is_not_there(value: object) -> None:
    assert not has_one_of(value, frozenset(("\0 none of these",)))
