"""The file of API keys: what it may say, and what is said of one that may not."""

import hashlib
from pathlib import Path

import pytest

from gateway.config.api_keys import EMPTY, read_api_keys

DIGEST = hashlib.sha256(b"key").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    return str(path)


def test_a_list_of_names_digests_subjects_and_scopes(tmp_path: Path) -> None:
    first, second = read_api_keys(
        write(
            tmp_path,
            f"- name: ci\n  sha256: {DIGEST.upper()}\n  subject: robot\n  scopes: [chat, embed]\n"
            f"- {{name: ops, sha256: '{OTHER}', subject: \u017baneta}}\n",
        )
    )
    assert (first.name, first.sha256.hex(), first.subject, first.scopes) == ("ci", DIGEST, "robot", ("chat", "embed"))
    assert (second.name, second.subject, second.scopes) == ("ops", "\u017baneta", ())


def test_json_is_fine_and_an_empty_list_too(tmp_path: Path) -> None:
    assert len(read_api_keys(write(tmp_path, f'[{{"name":"a","sha256":"{DIGEST}","subject":"s"}}]'))) == 1
    assert len(read_api_keys(write(tmp_path, "[]"))) == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "a list of {name, sha256, subject, scopes}"),
        ("keys: []", "a list of {name, sha256, subject, scopes}"),
        ("just text", "a list of {name, sha256, subject, scopes}"),
        ("- [", "which is not YAML"),
        ("- !!python/object:os.system x", "which is not YAML"),
        (f"- {{name: a, sha256: {DIGEST}}}", "[0].subject: Field required"),
        (f"- {{name: a, sha256: {DIGEST}, subject: ''}}", "[0].subject: text without control characters"),
        (f"- {{name: a, sha256: {DIGEST}, subject: 7}}", "[0].subject: text without control characters"),
        (f"- {{name: a, sha256: {DIGEST}, subject: {'s' * 257}}}", "[0].subject: "),
        (f"- {{name: a, sha256: {DIGEST}, subject: s, key: x}}", "[0].key: Extra inputs are not permitted"),
        (f"- {{name: a, sha256: {DIGEST[:-1]}, subject: s}}", "[0].sha256: the 64 hexadecimal digits of: printf"),
        ("- {name: a, sha256: sk-secret, subject: s}", "[0].sha256: the 64 hexadecimal digits of: printf"),
        (f"- {{name: a, sha256: {EMPTY}, subject: s}}", "[0].sha256: the 64 hexadecimal digits of: printf"),
        (f"- {{name: a, sha256: {DIGEST}, subject: s, scopes: ['a b']}}", "[0].scopes[0]: a scope: visible ASCII"),
        (
            f"- {{name: a, sha256: {DIGEST}, subject: s}}\n- {{name: a, sha256: {OTHER}, subject: t}}",
            "the name 'a' is there twice",
        ),
        (
            f"- {{name: a, sha256: {DIGEST}, subject: s}}\n- {{name: b, sha256: {DIGEST.upper()}, subject: t}}",
            "one key has two names",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_without_quoting_a_key(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ValueError) as refusal:
        read_api_keys(write(tmp_path, text))
    message = str(refusal.value)
    assert message.startswith("the file '")
    assert fault in message
    assert "sk-secret" not in message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_api_keys(str(tmp_path / "none"))
