"""JSON that two readers could read differently is not read at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.strict_json import read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"foo",
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b"{",
        b"{} {}",
        b'{"a":1,}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\xff"}',
        b'{"a":"\n"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":[{"b":"\\ud800"}]}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"[" * 5_000,
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_not_one_plain_object_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_object(data)


@pytest.mark.parametrize(
    "data",
    [b'{"sub":"a","sub":"b"}', b'{"a":{"b":1,"b":1}}', b'{"a":[{"b":1,"b":1}]}', b'{"s\\u0075b":1,"sub":1}'],
)
def test_JW_08_a_member_may_appear_once_at_any_depth_and_in_any_spelling(data: bytes) -> None:
    with pytest.raises(ValueError, match="duplicate"):
        read_object(data)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.booleans())
def test_every_ordinary_object_is_read_as_it_was_written(value: dict[str, object], ascii_only: bool) -> None:
    assert read_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value
