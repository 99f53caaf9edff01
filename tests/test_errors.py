"""Every failure has an answer, and no answer tells more than it should."""

import pytest

from gateway import errors
from gateway.errors import ANSWERS, ClientLeft, GatewayError, NoUpstream, UpstreamError, UpstreamTimeout
from gateway.wire.replies import REASONS

FAILURES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, GatewayError)]


@pytest.mark.parametrize("kind", [kind for kind in FAILURES if kind is not GatewayError])
def test_every_failure_has_an_answer(kind: type[GatewayError]) -> None:
    answer = kind("detail").answer
    assert answer is ANSWERS[kind]
    assert answer.status in REASONS
    assert answer.message.endswith(".")
    assert answer.type.isidentifier()


def test_types_and_statuses_are_those_of_the_contract() -> None:
    assert {(answer.type, answer.status) for answer in ANSWERS.values()} >= {
        ("bad_request", 400),
        ("unauthenticated", 401),
        ("forbidden", 403),
        ("not_found", 404),
        ("method_not_allowed", 405),
        ("request_timeout", 408),
        ("payload_too_large", 413),
        ("headers_too_large", 431),
        ("rate_limited", 429),
        ("internal", 500),
        ("upstream_error", 502),
        ("no_upstream", 503),
        ("upstream_timeout", 504),
    }


def test_detail_is_for_the_log_only() -> None:
    error = UpstreamError("10.0.0.1 refused")
    assert str(error) == "upstream_error: 10.0.0.1 refused"
    assert "10.0.0.1" not in error.answer.message
    assert str(UpstreamError()) == "upstream_error"


def test_another_upstream_may_be_tried_when_nothing_was_sent() -> None:
    assert NoUpstream().unsent
    assert UpstreamTimeout("connect", unsent=True).unsent
    assert not UpstreamError().unsent
    assert not errors.BadRequest().unsent


def test_client_that_left_needs_no_answer() -> None:
    assert not issubclass(ClientLeft, GatewayError)
