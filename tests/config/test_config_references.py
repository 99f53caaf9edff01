"""`${env:NAME}` and `${file:PATH}` in the texts of the file."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.draft import Draft
from gateway.config.references import LARGEST_FILE, read_text_file, resolve


def resolved(values: dict[str, Any], **environ: str) -> tuple[dict[str, Any], list[str]]:
    draft = Draft(environ)
    draft.values = values
    resolve(draft)
    return draft.values, [str(mistake) for mistake in draft.mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:A}", "one"),
        ("Bearer ${env:A}-${env:B}", "Bearer one-two"),
        ("$${env:A}", "${env:A}"),
        ("$$", "$$"),
        ("$A {A}", "$A {A}"),
        ("${env:NESTED}", "${env:A}"),
        ("${env:EMPTY}", ""),
    ],
)
def test_references_are_replaced_once(text: str, value: str) -> None:
    values, mistakes = resolved({"admin": {"x": [text]}}, A="one", B="two", NESTED="${env:A}", EMPTY="")
    assert values == {"admin": {"x": [value]}}
    assert mistakes == []


def test_a_file_comes_without_its_one_trailing_newline(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for data, text in ((b"x\n", "x"), (b"x\r\n", "x"), (b"x\n\n", "x\n"), (b"x", "x"), (b"", ""), (b" x ", " x ")):
        file.write_bytes(data)
        assert read_text_file(str(file)) == text
        assert resolved({"a": f"<${{file:{file}}}>"})[0] == {"a": f"<{text}>"}


def test_keys_and_other_values_are_left_alone() -> None:
    values = {"${env:A}": 5, "b": None, "c": True, "d": 0.5}
    assert resolved(values, A="x") == (values, [])


@pytest.mark.parametrize(
    "text", ["${", "${env:A", "${A}", "${env:}", "${file:}", "${}", "${ENV:A}", "${secret:A}", "x ${{A}}"]
)
def test_other_forms_are_mistakes(text: str) -> None:
    _, [mistake] = resolved({"log": {"level": text}}, A="one")
    assert (
        mistake == f"log.level: got {text!r}: ${{env:NAME}} or ${{file:PATH}}; $${{ is a plain ${{ (or LOG_LEVEL=...)"
    )


def test_every_missing_one_is_a_mistake_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST_FILE + 1))
    values = {
        "server": {"host": "${env:NOPE}", "tls_cert": f"${{file:{tmp_path}/none}}"},
        "jwt": {"secret": "abc${env:NOPE}"},
        "log": {"level": f"${{file:{tmp_path}}}", "format": f"${{file:{tmp_path}/binary}}"},
        "auth": {"type": f"${{file:{tmp_path}/large}}"},
    }
    _, mistakes = resolved(values)
    for mistake, pieces in zip(
        mistakes,
        [
            ("server.host: got '${env:NOPE}': ", "NOPE, which is not set", "SERVER_HOST"),
            ("server.tls_cert: got ", "cannot be read: No such file", "SERVER_TLS_CERT"),
            ("jwt.secret: got ***: ", "NOPE, which is not set", "JWT_SECRET_FILE"),
            ("log.level: got ", "cannot be read: Is a directory", "LOG_LEVEL"),
            ("log.format: got ", "not UTF-8", "LOG_FORMAT"),
            ("auth.type: got ", "larger than 1 MiB", "AUTH_TYPE"),
        ],
        strict=True,
    ):
        assert mistake.startswith(pieces[0])
        assert pieces[1] in mistake
        assert pieces[2] in mistake
