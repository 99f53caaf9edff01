"""What is generated is what is committed."""

from pathlib import Path

import pytest

from ship.files import generated


@pytest.mark.parametrize(("path", "text"), [pytest.param(*each, id=each[0].name) for each in generated()])
def test_generated_file_has_not_drifted(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, f"{path} is stale: run `make manifests`"
