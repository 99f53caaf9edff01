"""YAML as people mean it: no sexagesimal numbers, no Norway, no second key, no code."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.yaml_file import MOST_VALUES, NotYaml, parse


def value_of(text: str) -> Any:
    return parse(f"key: {text}")[0]["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("y", "y"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("2026-11-24", "2026-11-24"),
        ("1h", "1h"),
        ("9" * 30, "9" * 30),
        ("=", "="),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.2.3", "1.2.3"),
        ("'8080'", "8080"),
        ('"true"', "true"),
        ("!!str 8080", "8080"),
        ("${env:NAME}", "${env:NAME}"),
        ("|\n  text\n", "text\n"),
        ("''", ""),
    ],
)
def test_what_yaml_1_1_would_misread_is_a_text(text: str, value: str) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is str


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("8080", 8080),
        ("-5", -5),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_numbers_booleans_null_and_collections(text: str, value: object) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "\n\n"])
def test_an_empty_file_is_no_values(text: str) -> None:
    assert parse(text) == ({}, [])


def test_keys_are_texts_as_written() -> None:
    assert parse("8080: a\non: b\nnull: c\n")[0] == {"8080": "a", "on": "b", "null": "c"}


def test_every_key_that_comes_twice_is_reported_with_its_path_and_line() -> None:
    text = "server:\n  port: 1\n  port: 2\nlog: {level: info, level: debug}\nserver: {}\nlist:\n  - {a: 1, a: 2}\n"
    assert parse(text)[1] == [
        (("server", "port"), 3),
        (("log", "level"), 4),
        (("server",), 5),
        (("list", 0, "a"), 7),
    ]


def test_aliases_stand_for_their_anchor() -> None:
    assert parse("a: &times {idle: 1s}\nb: *times\n")[0] == {"a": {"idle": "1s"}, "b": {"idle": "1s"}}


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("a: b: c", "line 1, column 5", "mapping values are not allowed"),
        ("a: [1", "line 1, column 6", "expected ',' or ']'"),
        ("a:\n\t- b", "line 2, column 1", "cannot start any token"),
        ("a: 'b", "line 1, column 6", "unexpected end of stream"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1", "but found another document"),
        ("- a\n", "a text without keys", "server:"),
        ("text", "a text without keys", "server:"),
        ("5", "a text without keys", "server:"),
        ("a: !!python/object/apply:os.system [id]", "line 1, column 4", "a tag at a;"),
        ("a: !secret x", "line 1, column 4", "a tag at a;"),
        ("a: !!set {x}", "line 1, column 4", "a tag at a;"),
        ("[a]: 1", "line 1, column 1", "a key is a plain text"),
        ("a: \x01", "a character at position 3", "control characters"),
        ("[" * 5000, "a text nested too deeply", "a few levels"),
        ("a: &x [*x]", "a text nested too deeply", "a few levels"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text: str, where: str, why: str) -> None:
    with pytest.raises(NotYaml, match=r".") as refusal:
        parse(text)
    assert refusal.value.where == where
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["a: *S3cr3t-P4ss", "a: !S3cr3t!x y", "a: &S3cr3t 1\nb: &S3cr3t 2\nc: *S3cr3tx", 'a: "\\S3cr3t"']
)
def test_a_message_does_not_quote_what_may_be_a_secret(text: str) -> None:
    with pytest.raises(NotYaml, match="quote texts") as refusal:
        parse(text)
    assert "S3cr3t" not in str(refusal.value) + refusal.value.where


def test_aliases_that_multiply_end_early() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 12):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    with pytest.raises(NotYaml, match="aliases that multiply") as refusal:
        parse(bomb)
    assert str(MOST_VALUES) in refusal.value.where


@given(st.text(alphabet="ab: -[]{}&*!|>'\"%@`#,?\n\t0.1\\~<=$\x00\u00e9"))
def test_ft_03_any_text_is_read_or_refused(text: str) -> None:
    try:
        values, repeated = parse(text)
    except NotYaml:
        return
    assert isinstance(values, dict)
    assert isinstance(repeated, list)
