"""How times and foreign text are written."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.notation import Stamp, encodable, escaped, one_line


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (951782400.001, "2000-02-29T00:00:00.001Z"),
        (1e9 - 1e-4, "2001-09-09T01:46:39.999Z"),
    ],
)
def test_time_is_rfc_3339_in_utc_with_milliseconds(wall: float, text: str) -> None:
    assert Stamp().at(wall) == text.encode()


@given(st.lists(st.floats(0, 4e9)))
def test_times_in_any_order_are_those_of_datetime(walls: list[float]) -> None:
    stamp = Stamp()
    for wall in walls:
        parsed = datetime.fromisoformat(stamp.at(wall).decode())
        assert parsed.tzinfo == UTC
        assert 0 <= wall - parsed.timestamp() < 0.001001


@given(st.binary())
def test_any_bytes_become_text_that_can_be_written(raw: bytes) -> None:
    escaped(raw).encode("utf-8")


@given(st.text(st.characters()))
def test_any_text_becomes_one_line_that_can_be_written(text: str) -> None:
    encodable(text).encode("utf-8")
    line = one_line(text)
    line.encode("utf-8")
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line


def test_ordinary_text_stays_as_it_is() -> None:
    assert one_line("naïve 東京") == encodable("naïve 東京") == "naïve 東京"
    assert escaped("é".encode()) == "é"
