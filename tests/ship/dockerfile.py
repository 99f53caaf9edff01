"""A Dockerfile's instructions, and its build stage carried out in a directory instead of an engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ship.chart import ROOT

DOCKERFILE = ROOT / "Dockerfile"


class Instruction(NamedTuple):
    """One instruction and the name of its stage, which is "" in the last."""

    stage: str
    word: str
    rest: str


def instructions() -> list[Instruction]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found, stage = [], ""
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.partition(" AS ")[2]
        found.append(Instruction(stage, word, re.sub(r"\s+", " ", rest)))
    return found


def build(directory: Path, python: str, **arguments: str) -> Path:
    """Do what the build stage does, with its paths below `directory` and its interpreter `python`; gives the result.

    What it takes from Debian is what this machine has.

    `arguments` are those of `docker build --build-arg`. Raises CalledProcessError.
    """
    work, result = directory / "build", directory / "opt/gateway"
    work.mkdir(parents=True)
    variables: dict[str, str] = {}
    for stage, word, rest in instructions():
        if stage == "build" and word == "ARG":
            name, _, default = rest.partition("=")
            variables[name] = arguments.get(name, default)
        elif stage == "build" and word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                _copy(ROOT / source, work / target)
        elif stage == "build" and word == "RUN" and not rest.startswith("apt-get update"):
            command = rest.replace("/opt/gateway", str(result))
            subprocess.run(["sh", "-ec", _with(command, python)], cwd=work, env=os.environ | variables, check=True)
    return result


def _with(command: str, python: str) -> str:
    """`command` where `python` makes the wheels and runs the result; pip may come from another interpreter."""
    venv = {"python3 -m venv --without-pip": python, "python3 -m venv tools": sys.executable}
    if command.startswith("python3 "):
        (start,) = filter(command.startswith, venv)
        command = f"{venv[start]}{command.removeprefix('python3')}"
    makes = "env PYTHONPATH=$(echo $PWD/tools/lib/python*/site-packages)"
    return command.replace("tools/bin/python -m pip wheel", f"{makes} {python} -m pip wheel")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target / source.name if target.is_dir() else target)
