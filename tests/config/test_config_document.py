"""The table of options in docs/configuration.md."""

from pathlib import Path

import pytest

from gateway.config.document import BEGIN, END, main, table, updated
from gateway.config.variables import variables

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_document_has_the_table_of_today() -> None:
    text = DOCUMENT.read_text()
    assert updated(text) == text, "run: python -m gateway.config.document docs/configuration.md"


def test_the_table_has_every_variable_and_key() -> None:
    text = table()
    for name, variable in variables().items():
        assert f"| `{'.'.join(variable.path)}` | `{name}`" in text
    assert "| `jwt.secret` | `JWT_SECRET`, `JWT_SECRET_FILE` | secret | none | the shared secret" in text
    assert "| `services.<name>.upstreams[].url` | `UPSTREAMS` | URL | needed | where requests go" in text
    assert "| `server.max_body_size` | `SERVER_MAX_BODY_SIZE` | size | `100MiB` | largest request body" in text


def test_every_row_has_five_cells_and_says_something() -> None:
    rows = [line for line in table().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 5, row
        assert all(cells[:1] + cells[2:]), row


def test_the_command_prints_the_table_or_puts_it_between_the_markers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == table()
    file = tmp_path / "page.md"
    file.write_text(f"before\n{BEGIN}old\n{END}after\n")
    assert main([str(file)]) == 0
    assert file.read_text() == f"before\n{BEGIN}{table()}{END}after\n"


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers"):
        updated("text")
