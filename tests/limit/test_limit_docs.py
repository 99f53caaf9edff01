"""What docs/rate-limits.md shows is what the code does."""

import re
from pathlib import Path

import pytest

from bench.limit_plots import FILE, LIMIT, PANELS, drawn, gone_on
from gateway.config.load import load

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rate-limits.md").read_text(encoding="utf-8")


def test_the_figure_is_drawn_by_todays_arithmetic():
    assert FILE.read_text(encoding="utf-8") == drawn(), "draw it again: python -m bench.limit_plots"


@pytest.mark.parametrize("panel", PANELS)
def test_the_bounds_of_the_document_hold_in_the_figure(panel):
    passed = gone_on(PANELS[panel])
    most = max(sum(start <= at < start + 5 for at in passed) for start in passed)
    if "approximate" in panel:
        assert LIMIT < most < 2 * LIMIT
    elif "window" in panel:
        assert most == LIMIT
    elif "queue" in panel:
        assert most <= 1 + 2 * 5
    else:
        assert LIMIT < most <= LIMIT + 2 * 5


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_load(tmp_path: Path, number: int):
    example = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)[number]
    file = tmp_path / "gateway.yaml"
    file.write_text(f"auth: {{type: none}}\nservices: {{llm: {{upstreams: [{{url: 'http://a'}}]}}}}\n{example}")
    config = load(str(file), {})
    assert [rule.name for rule in config.ratelimit.rules][:2] == (["per-caller", "per-minute"] if number else [])
