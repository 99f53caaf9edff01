"""What the operators' documents say is so: links, keys, metrics, variables, commands, values, and every error type."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from gateway_process import GatewayProcess
from test_ship_rules import headings

from gateway.cli import _parser
from gateway.config import schema
from gateway.config.load import load
from gateway.config.variables import variables
from gateway.errors import ANSWERS
from ship.chart import ROOT, render

DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
OPERATORS = [
    ROOT / "docs" / f"{name}.md" for name in ("deployment", "runbook", "troubleshooting", "upgrade", "security")
]
TASKS = ("rotate-secrets", "add-an-upstream", "drain-a-node", "redis-failover", "raise-a-limit")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
METRIC = re.compile(
    r"\b(?:http_requests|http_request_duration|rate_limit|auth|upstream|gateway|event_loop|process|log_lines|config_reloads|trace_spans)_[a-z_]+\b"
)
SECTIONS = "|".join(schema.keys_at(()))
KEY = re.compile(rf"`((?:{SECTIONS})\.[a-z0-9_.<>]+)")
VARIABLE = re.compile(rf"\b((?:{SECTIONS})_[A-Z_]+)\b", re.IGNORECASE)
# Keys, error types and a field of the access log look like metrics.
KEYS = (
    {"upstream_ms"}
    | {answer.type for answer in ANSWERS.values()}
    | {key for node in schema.structure()["$defs"].values() for key in node.get("properties", ())}
)
SECRET = "a7Qp0Zx-" * 6

each_operators = pytest.mark.parametrize("document", OPERATORS, ids=lambda path: path.stem)


def blocks(document: Path, language: str) -> Iterator[str]:
    for found, text in BLOCK.findall(document.read_text()):
        if found == language:
            yield text


def commands() -> Iterator[str]:
    """Every shell command of the operators' documents, with its continuation lines joined."""
    for document in OPERATORS:
        for text in blocks(document, "sh"):
            yield from (line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip())
        yield from (inline.replace("\\|", "|") for inline in re.findall(r"`(curl -s [^`]+)`", document.read_text()))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)):
        if "://" in target:
            continue
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in headings(path), f"{target}#{anchor}"


@each_operators
def test_configuration_keys_exist(document: Path) -> None:
    for key in KEY.findall(document.read_text()):
        path = tuple(step.rstrip(".") for step in key.rstrip(".").split("."))
        assert schema.at(path) is not None, key


@each_operators
def test_variables_exist(document: Path) -> None:
    known = set(variables()) | {f"{name}_FILE" for name in variables()}
    for name in VARIABLE.findall(document.read_text()):
        assert not name.isupper() or name in known, name


def test_every_error_type_is_explained() -> None:
    explained = set(re.findall(r"^### `(\w+)`$", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE))
    assert explained == {answer.type for answer in ANSWERS.values()}


def test_every_explanation_asks_and_has_a_remedy() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        assert "| question | command | remedy |" in section, section[:40]


def test_every_everyday_task_has_its_section() -> None:
    assert set(TASKS) <= headings(ROOT / "docs/runbook.md")


def test_gateway_commands_are_understood() -> None:
    parser = _parser()
    found = [command[command.index("ai-api-gateway ") :] for command in commands() if "ai-api-gateway " in command]
    spoken = [command for command in found if re.match(r"ai-api-gateway (?:serve|check|token|schema|demo)\b", command)]
    assert len(spoken) >= 4
    for command in spoken:
        assert parser.parse_args(shlex.split(command)[1:]).run is not None


def test_example_values_render_and_example_files_load(tmp_path: Path) -> None:
    examples = [text for document in OPERATORS for text in blocks(document, "yaml")]
    assert len(examples) >= 5
    for text in examples:
        values: dict[str, Any] = yaml.safe_load(text)
        if "# values.yaml" in text:
            assert render(values).one("Deployment")
        else:
            (tmp_path / "gateway.yaml").write_text(text)
            environ = {"JWT_SECRET": SECRET, "UPSTREAMS": "llm=http://a:1"}
            assert load(str(tmp_path / "gateway.yaml"), environ)


async def test_commands_that_ask_the_gateway_work_and_ask_for_what_exists(tmp_path: Path) -> None:
    asking = {command for command in commands() if command.startswith("curl -s localhost:9090/")}
    assert len(asking) > 15
    config = {
        "auth": {"type": "none"},
        "tracing": {"enabled": True},
        "services": {"llm": {"upstreams": [{"url": "http://127.0.0.1:1"}]}},
    }
    with GatewayProcess.serving(config, tmp_path) as gateway:
        shown = subprocess.run(
            ["curl", "-s", f"127.0.0.1:{gateway.port}/metrics"], capture_output=True, text=True, check=True
        ).stdout
        for command in asking:
            line = command.replace("localhost:9090", f"127.0.0.1:{gateway.port}")
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
            assert (done.stderr, done.returncode in (0, 1)) == ("", True), command
    types = set(re.findall(r"^# TYPE (\S+) ", shown, re.MULTILINE))
    for document in OPERATORS:
        for name in {name.rstrip("_") for name in METRIC.findall(document.read_text())} - KEYS:
            known = {re.sub(r"_(bucket|sum|count)$", "", name), name}
            assert known & types or any(each.startswith(name) for each in types), f"{document.name}: {name}"


def test_what_the_deployment_guide_says_was_tried_has_a_test_of_its_number() -> None:
    text = (ROOT / "docs/deployment.md").read_text().partition("## What was tried")[2]
    told = set(re.findall(r"\b(?:K8|FT)-\d+\b", text))
    assert told >= {f"K8-{number:02}" for number in range(1, 15)}
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"\b(?:k8|ft)_\d+", " ".join(re.findall(r"def test_(\w+)", tests)).replace("_k8", " k8")))
    assert {name.lower().replace("-", "_") for name in told} <= named
