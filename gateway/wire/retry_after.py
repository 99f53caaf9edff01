"""The field Retry-After (RFC 9110, section 10.2.3)."""

from email.utils import parsedate_to_datetime

from gateway.wire.grammar import DIGITS


def seconds_of(value: bytes, now: float) -> float | None:
    """The seconds that `value` asks for, as a number or as a date seen from `now` (Unix seconds); None: unreadable."""
    if DIGITS.fullmatch(value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value.decode("ascii")).timestamp() - now)
    except ValueError:
        return None
