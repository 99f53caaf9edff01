"""Retry-After in both of its forms."""

import pytest

from gateway.wire.retry_after import seconds_of

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120.0),
        (b"0", 0.0),
        (b"Sun, 06 Nov 1994 08:50:07 GMT", 30.0),
        (b"Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
        (b"", None),
        (b"soon", None),
        (b"-5", None),
        (b"1.5", None),
        (b"\xff", None),
    ],
)
def test_seconds_or_date_or_nothing(value: bytes, seconds: float | None) -> None:
    assert seconds_of(value, NOW) == seconds
