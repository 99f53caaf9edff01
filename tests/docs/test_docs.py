"""The documents tell the truth, as far as a machine can say: links lead somewhere, and recipes run."""

import asyncio
import dataclasses
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.measure import KINDS
from bench.results import Outcome, Results
from gateway.balance.base import Options
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted({ROOT / "README.md", ROOT / "bench" / "README.md", *(ROOT / "docs").rglob("*.md")})
SOURCE = re.compile(r"`((?:gateway|bench|tests|auth|limit|balance|wire|observe|config)/[\w/]+\.py)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_file_that_is_named_exists(document: Path) -> None:
    for name in re.findall(
        r"`((?:gateway|bench|tests|auth|limit|balance|wire|observe|config)/[\w/]+\.py)`", document.read_text()
    ):
        assert (ROOT / name).exists() or (ROOT / "gateway" / name).exists(), f"{document.name} names {name}"


def test_the_readme_shows_commands_that_make_knows() -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"(?:^ +|`)make ([a-z]+)\b", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert shown >= {"run", "test"}
    assert shown <= made


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    assert all(f"({path.name})" in index for path in folder.glob("0*.md"))


def test_prices_name_a_benchmark_that_exists() -> None:
    for name in re.findall(r"bench[./]micro[./](\w+)", (ROOT / "docs" / "hot-path.md").read_text()):
        assert name == "NAME" or (ROOT / "bench" / "micro" / f"{name}.py").exists()


def test_the_bench_s_readme_says_what_every_shown_figure_and_every_field_of_its_results_is() -> None:
    section = (ROOT / "bench" / "README.md").read_text().partition("### raw.json")[2]
    fields = section.partition("| figure |")[0]
    known = [field.name for field in (*dataclasses.fields(Results), *dataclasses.fields(Outcome))]
    assert not [name for name in known if not re.search(rf"\b{name}\b", fields)]
    table = section.partition("| figure |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`(\S+)`", row.partition(" | ")[0])]
    listed = re.compile("|".join(name.replace("...", r"\w+") for name in named))
    figures = {figure for kind in KINDS.values() for figure in (kind.cost, *kind.shown)}
    assert not [figure for figure in figures if not listed.fullmatch(figure)]


async def test_the_strategy_of_the_recipe_keeps_the_promise_of_strategies() -> None:
    """The code block of docs/extending.md is a strategy: the fewest in flight, never one that was tried."""
    text = (ROOT / "docs" / "extending.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {
        "Sequence": Sequence, "Collection": Collection, "Upstream": Upstream, "Runtime": Runtime, "Exchange": Exchange,
        "Options": Options,
    }  # fmt: skip
    exec(compile(code, "docs/extending.md", "exec"), names)
    upstreams = [Upstream(f"http://10.0.0.{number}:8000") for number in (1, 2, 3)]
    for upstream, number in zip(upstreams, (2, 0, 1), strict=True):
        upstream.in_flight = number
    strategy = names["Fewest"](upstreams, Runtime(), Options())
    exchange: Any = None
    assert strategy.pick(exchange) is upstreams[1]
    assert strategy.pick(exchange, [upstreams[1]]) is upstreams[2]
    assert strategy.pick(exchange, upstreams) is None
    await asyncio.sleep(0)
