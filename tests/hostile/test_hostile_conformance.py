"""`docs/conformance.md` says what the corpus shows, and nothing else."""

import re
from pathlib import Path

import pytest
from conformance import ELSEWHERE, REMEDY, render
from corpus import CORPUS
from judge import Verdict

ROOT = Path(__file__).parents[2]


def test_the_document_is_what_the_command_prints(verdicts: dict[str, Verdict]) -> None:
    assert (ROOT / "docs" / "conformance.md").read_text() == render(list(verdicts.values())), REMEDY


def test_every_id_of_the_packs_has_its_place() -> None:
    h1 = (0, *range(5, 7), *range(10, 25), *range(30, 36), *range(40, 54))
    ed = (*range(1, 17), *range(20, 28), *range(30, 42))
    ids = {f"H1-{number:02}" for number in h1} | {f"ED-{number:02}" for number in ed}
    rows = {case.name[:5] for case in CORPUS}
    assert ids - rows - set(ELSEWHERE) == set()


@pytest.mark.parametrize(("name", "file"), ELSEWHERE.items())
def test_what_is_no_row_is_tested_where_the_document_says(name: str, file: str) -> None:
    pack, _, number = name.partition("-")
    assert re.search(
        rf"(?:def test_|[\"']){pack}[_-]{number}\b", (ROOT / file).read_text().replace(f"{number}_", f"{number} ")
    )
