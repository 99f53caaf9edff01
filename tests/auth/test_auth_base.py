"""What a client is told when it may not come in (RFC 6750, section 3)."""

import pytest
from auth_tokens import request

from gateway.auth.base import INVALID, REASONS, Nobody, Reason, Scheme, refused
from gateway.exchange import ANONYMOUS


@pytest.mark.parametrize("reason", ["missing", "scheme"])
def test_JW_15_a_request_without_a_token_is_told_the_scheme_and_no_error_code(reason: Reason) -> None:
    assert refused(reason).headers == b'WWW-Authenticate: Bearer realm="ai-api-gateway"\r\n'


def test_JW_15_every_bad_token_gets_the_same_words_whatever_is_wrong_with_it() -> None:
    answers = {(refused(reason).headers, refused(reason).answer) for reason in REASONS[2:]}
    assert [headers for headers, _ in answers] == [f"WWW-Authenticate: {INVALID}\r\n".encode()]
    assert INVALID.split(", ") == [
        'Bearer realm="ai-api-gateway"',
        'error="invalid_token"',
        'error_description="The access token is invalid or expired"',
    ]


@pytest.mark.parametrize("reason", REASONS)
def test_the_detail_is_the_reason_itself_so_that_it_can_label_a_metric(reason: Reason) -> None:
    assert refused(reason).detail == reason
    assert refused(reason).answer.status == 401


async def test_nobody_asks_for_nothing_and_ignores_what_is_brought() -> None:
    assert await Nobody().authenticate(request()) is ANONYMOUS
    assert await Nobody().authenticate(request(b"Bearer x")) is ANONYMOUS


def test_a_scheme_that_cannot_prove_anything_is_not_built() -> None:
    class Empty(Scheme):
        pass

    with pytest.raises(TypeError, match="prove"):
        Empty()  # type: ignore[abstract]
