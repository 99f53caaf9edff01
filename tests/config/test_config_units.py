"""Durations, sizes and rates: every spelling, and nothing else."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.units import (
    DURATIONS,
    LARGEST,
    LONGEST,
    RATES,
    SIZES,
    parse_duration,
    parse_positive_duration,
    parse_rate,
    parse_size,
    spell_duration,
    spell_rate,
    spell_size,
)

PARSERS = [parse_duration, parse_positive_duration, parse_size, parse_rate]

decimals = st.builds(
    lambda whole, part: f"{whole}.{part}" if part else str(whole),
    st.integers(0, 10**9),
    st.one_of(st.just(""), st.from_regex(r"[0-9]{1,9}", fullmatch=True)),
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("10s", 10.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1.5h", 5400.0),
        ("0s", 0.0),
        ("30", 30.0),
        ("0.5", 0.5),
        (30, 30.0),
        (0.25, 0.25),
        (1e-3, 0.001),
        (0, 0.0),
        ("8760h", float(LONGEST)),
    ],
)
def test_a_duration_is_read_in_each_of_its_spellings(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert type(parse_duration(text)) is float


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        (0, 0),
        ("1024", 1024),
        ("64KiB", 65536),
        ("100MiB", 104857600),
        ("2GiB", 2 << 30),
        ("0.5KiB", 512),
        (1e6, 10**6),
    ],
)
def test_a_size_is_read_in_each_of_its_spellings(text: object, size: int) -> None:
    assert parse_size(text) == size
    assert type(parse_size(text)) is int


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", Fraction(10)),
        ("600/min", Fraction(10)),
        ("1000/h", Fraction(5, 18)),
        ("0.1/s", Fraction(1, 10)),
        (10, Fraction(10)),
        (0.1, Fraction(1, 10)),
        ("2.5", Fraction(5, 2)),
    ],
)
def test_a_rate_is_read_exactly_in_each_of_its_spellings(text: object, rate: Fraction) -> None:
    assert parse_rate(text) == rate


NEVER = [
    *(
        "",
        " ",
        "s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1s\n",
        "1,5s",
        "1e3",
        "0x10",
        "1_000",
        "inf",
        "nan",
        "1d",
        "1S",
    ),
    *(
        "1h30m",
        "1:30",
        "10KB",
        "10kib",
        "10MB",
        "10/m",
        "10/sec",
        "1/s/s",
        ".5s",
        "5.s",
        "\u0661s",
        "9" * 400,
        "1." + "1" * 400,
    ),
    *(-1, -0.5, float("nan"), float("inf"), 10**400, 1e300, 1e-300, True, False, None, [], {}, b"1s"),
]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", NEVER, ids=lambda value: repr(value)[:20])
def test_signs_spaces_other_units_and_what_is_no_number_are_refused(parse, value: object) -> None:
    with pytest.raises(ValueError, match=r"^a (duration|size|rate) "):
        parse(value)


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (parse_duration, "8761h"),
        (parse_duration, "10/s"),
        (parse_duration, "1KiB"),
        (parse_positive_duration, "0ms"),
        (parse_positive_duration, 0),
        (parse_size, "1s"),
        (parse_size, "0.3KiB"),
        (parse_size, 1.5),
        (parse_size, f"{LARGEST}KiB"),
        (parse_rate, "1s"),
        (parse_rate, "0/s"),
        (parse_rate, 0),
    ],
)
def test_a_value_out_of_the_units_range_is_refused(parse, value: object) -> None:
    with pytest.raises(ValueError, match=r"^a (duration|size|rate) "):
        parse(value)


@given(decimals, st.sampled_from(["", *DURATIONS]))
def test_a_spelled_duration_reads_back(amount: str, unit: str) -> None:
    exact = Fraction(amount) * DURATIONS.get(unit, Fraction(1))
    if exact > LONGEST:
        with pytest.raises(ValueError, match="duration"):
            parse_duration(amount + unit)
        return
    seconds = parse_duration(amount + unit)
    assert seconds == float(exact)
    assert parse_duration(spell_duration(seconds)) == seconds


@given(st.integers(0, LARGEST))
def test_a_spelled_size_reads_back(size: int) -> None:
    assert parse_size(spell_size(size)) == parse_size(str(size)) == parse_size(size) == size


@given(st.integers(0, 900_000), st.sampled_from(list(SIZES)))
def test_a_size_in_a_unit_keeps_it(count: int, unit: str) -> None:
    size = parse_size(f"{count}{unit}")
    assert size == count * SIZES[unit]
    assert parse_size(spell_size(size)) == size


@given(decimals.filter(lambda text: Fraction(text) > 0), st.sampled_from(["", *RATES]))
def test_a_spelled_rate_reads_back_exactly(amount: str, unit: str) -> None:
    rate = parse_rate(amount + unit)
    assert rate == Fraction(amount) * RATES.get(unit, Fraction(1))
    assert parse_rate(spell_rate(rate)) == rate


def test_a_rate_that_code_computed_is_kept_and_spelled_nearly() -> None:
    assert parse_rate(Fraction(1, 7)) == Fraction(1, 7)
    assert float(spell_rate(Fraction(1, 7))) == 1 / 7
    with pytest.raises(ValueError, match="a rate above 0"):
        parse_rate(Fraction(0))


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str) -> None:
    for parse in PARSERS:
        try:
            value = parse(text)
        except ValueError:
            continue
        assert value >= 0


@pytest.mark.parametrize(
    ("spelled", "spelling"),
    [
        (spell_duration(75.0), "75s"),
        (spell_duration(0.25), "250ms"),
        (spell_duration(86400.0), "24h"),
        (spell_duration(0.0), "0s"),
        (spell_size(100 << 20), "100MiB"),
        (spell_size(1000), "1000"),
        (spell_size(0), "0"),
        (spell_rate(Fraction(10)), "10/s"),
        (spell_rate(Fraction(1, 60)), "1/min"),
        (spell_rate(Fraction(1, 4)), "15/min"),
    ],
)
def test_a_value_is_spelled_as_people_write_it(spelled: str, spelling: str) -> None:
    assert spelled == spelling
