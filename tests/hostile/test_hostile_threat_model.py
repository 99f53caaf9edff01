"""`docs/threat-model.md` names a test for every attack, and each of them is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text()
ATTACKERS = TEXT.partition("\n## Attackers\n")[2].partition("\n## ")[0].split("\n### ")[1:]
NAMED = re.compile(r"`(tests/[\w/]+\.py)`")


def rows(section: str) -> list[list[str]]:
    """The cells of the table's rows, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_kind_of_attacker_is_there() -> None:
    names = " ".join(section.partition("\n")[0] for section in ATTACKERS)
    for who in ("client", "upstream", "issuer", "Redis", "neighbour", "operator", "supply chain"):
        assert who in names


@pytest.mark.parametrize("section", ATTACKERS, ids=lambda section: section.partition("\n")[0])
def test_every_attack_has_a_test(section: str) -> None:
    assert rows(section)
    for attack, answer, tests in rows(section):
        assert attack
        assert answer
        assert NAMED.search(tests), attack


@pytest.mark.parametrize("name", sorted(set(NAMED.findall(TEXT))))
def test_every_test_file_that_is_named_is_there(name: str) -> None:
    assert re.search(r"^(?:async )?def test_", (ROOT / name).read_text(), re.MULTILINE)


def test_every_test_of_hostile_input_is_named() -> None:
    """Those of this directory at least; what checks the documents and the tests themselves stands for nothing."""
    here = {f"tests/hostile/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    besides = {f"tests/hostile/test_hostile_{name}.py" for name in ("conformance", "oracle", "threat_model")}
    assert here - besides <= set(NAMED.findall(TEXT))


@pytest.mark.parametrize("document", ["README.md", "docs/security.md"])
def test_readers_are_led_to_it(document: str) -> None:
    assert "threat-model.md)" in (ROOT / document).read_text()
