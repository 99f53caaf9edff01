"""Durations, sizes and rates: how they are spelled, and the numbers they become.

Reading is exact: a value is its decimal face value times the unit, and what would need rounding is refused.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from gateway.config.kind import Kind

DURATIONS = {"h": Fraction(3600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}
SIZES = {"GiB": Fraction(1 << 30), "MiB": Fraction(1 << 20), "KiB": Fraction(1 << 10)}
RATES = {"/s": Fraction(1), "/min": Fraction(1, 60), "/h": Fraction(1, 3600)}

LONGEST = 365 * 24 * 3600  # seconds; an event loop's timer takes no more than about 49 days of ms on some platforms
LARGEST = 10**15 - 1  # bytes
FINEST = 10**9

DURATION = "a duration such as 250ms, 10s, 5m or 1h, or a number of seconds, at most 8760h"
SIZE = "a size such as 64KiB, 100MiB or 2GiB, or a whole number of bytes"
RATE = "a rate above 0 such as 10/s, 600/min or 1000/h, or a number per second"

_SPELLING = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([A-Za-z/]*)")


def parse_duration(value: object) -> float:
    """Seconds; ValueError says what is allowed."""
    seconds = _measure(value, DURATIONS, DURATION)
    if seconds > LONGEST:
        raise ValueError(DURATION)
    return float(seconds)


def parse_positive_duration(value: object) -> float:
    """Seconds, above 0; ValueError says what is allowed."""
    seconds = parse_duration(value)
    if not seconds:
        raise ValueError(f"{DURATION}, and above 0")
    return seconds


def parse_size(value: object) -> int:
    """Bytes; ValueError says what is allowed."""
    size = _measure(value, SIZES, SIZE)
    if size.denominator != 1 or size > LARGEST:
        raise ValueError(SIZE)
    return int(size)


def parse_rate(value: object) -> Fraction:
    """Units a second, exactly; ValueError says what is allowed."""
    if isinstance(value, Fraction) and value > 0:
        return value
    rate = _measure(value, RATES, RATE)
    if not rate:
        raise ValueError(RATE)
    return rate


def spell_duration(seconds: float) -> str:
    """The shortest exact spelling of `seconds`, which `parse_duration` reads back."""
    return _spell(Fraction(str(seconds)), DURATIONS) if seconds else "0s"


def spell_size(size: int) -> str:
    """The shortest exact spelling of `size` bytes, which `parse_size` reads back."""
    return _spell(Fraction(size), {**SIZES, "": Fraction(1)}) if size else "0"


def spell_rate(rate: Fraction) -> str:
    """The shortest exact spelling of `rate` a second, which `parse_rate` reads back."""
    return _spell(rate, RATES)


def _measure(value: object, units: Mapping[str, Fraction], allowed: str) -> Fraction:
    amount: Fraction | None = None
    if isinstance(value, str):
        match = _SPELLING.fullmatch(value)
        if match and (unit := units.get(match[2], None if match[2] else Fraction(1))):
            return Fraction(match[1]) * unit
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15:  # nan is not
        amount = Fraction(str(value))
    if amount is None or (amount * FINEST).denominator != 1:
        raise ValueError(allowed)
    return amount


def _spell(amount: Fraction, units: Mapping[str, Fraction]) -> str:
    for unit, size in units.items():
        if (amount / size).denominator == 1:
            return f"{amount / size}{unit}"
    for unit, size in units.items():
        count = amount / size
        if (count * FINEST).denominator == 1:
            return f"{Decimal(count.numerator) / count.denominator:f}{unit}"
    return str(float(amount))


def _schema(name: str, *units: str) -> dict[str, object]:
    pattern = rf"^[0-9]+(\.[0-9]+)?({'|'.join(units)})?$"
    return {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}], "x-type": name}


Duration = Annotated[float, Kind(parse_duration, _schema("duration", *DURATIONS), spell_duration)]
PositiveDuration = Annotated[float, Kind(parse_positive_duration, _schema("duration > 0", *DURATIONS), spell_duration)]
Size = Annotated[int, Kind(parse_size, _schema("size", *SIZES), spell_size)]
Rate = Annotated[Fraction, Kind(parse_rate, _schema("rate", *RATES), spell_rate)]
