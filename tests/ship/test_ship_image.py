"""The image as far as it can be had without an engine: linted, its steps done in a directory, started from there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from dockerfile import DOCKERFILE, build, instructions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gateway import __version__
from ship.chart import ROOT

USER = 65532
SYSTEM_PYTHON = "/usr/bin/python3"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)", re.MULTILINE)


def of(word: str, stage: str = "") -> list[str]:
    return [found.rest for found in instructions() if (found.stage, found.word) == (stage, word)]


def test_linter_has_no_complaint() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or "hadolint"
    done = subprocess.run([linter, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_k8_14_image_runs_as_a_number_without_a_compiler() -> None:
    assert of("USER") == [f"{USER}:{USER}"]
    assert of("RUN") == []
    assert [packages(rest) for rest in of("RUN", "runtime")] == [["ca-certificates", "python3"]]
    assert [rest.split()[0] for rest in of("COPY")] == ["--from=build"]


def packages(run: str) -> list[str]:
    """What a RUN instruction takes from Debian; it does nothing else."""
    update, install, *tidy = run.split(" && ")
    assert update == "apt-get update --quiet"
    assert tidy in ([], ["rm -rf /var/lib/apt/lists/*"])
    installed = install.removeprefix("DEBIAN_FRONTEND=noninteractive apt-get install ")
    return [word for word in installed.split() if not word.startswith("-")]


def test_k8_11_signals_reach_the_gateway() -> None:
    assert json.loads(of("ENTRYPOINT")[0]) == ["ai-api-gateway"]
    assert json.loads(of("CMD")[0]) == ["serve"]


def test_base_is_an_argument_and_both_stages_have_the_python_of_one_that_is_named_once() -> None:
    stages = ["${BASE} AS runtime", "runtime AS build", "runtime"]
    assert [each.rest for each in instructions() if each.word == "FROM"] == stages
    (base,) = [each.rest for each in instructions() if each.word == "ARG" and "BASE" in each.rest]
    assert base == "BASE=debian:trixie-slim"  # a release, never the stable of the day
    assert packages(of("RUN", "build")[0]) == ["gcc", "libc6-dev", "make", "python3-dev", "python3-venv"]


def test_hot_path_is_compiled_by_the_recipe_that_is_tested() -> None:
    """`make compiled`, with the build stage's tools; the slow variant of the tests below carries it out."""
    assert "COMPILED=1" in of("ARG", "build")
    (command,) = [rest for rest in of("RUN", "build") if "COMPILED" in rest]
    made = re.search(r"make compiled BIN=\S+ STAMP=", command)
    assert made is not None
    done = subprocess.run([*made[0].split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{ROOT}/tools/bin/mypyc --strict gateway/wire/" in done.stdout
    assert ".venv" not in done.stdout
    assert " gateway/exchange.py " in done.stdout  # that which is_compiled looks at


def test_labels_say_what_it_is() -> None:
    (labels,) = of("LABEL")
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert f"VERSION={__version__}" in of("ARG")


def test_k8_14_every_dependency_is_locked_and_hashed() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lock = (ROOT / "requirements.lock").read_text()
    pins = {name.lower(): version for name, version in PINNED.findall(lock)}
    for line in setup["options"]["install_requires"].splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert pins.get(wanted.name.lower(), "") in wanted.specifier, f"{line}: run `make lock`"
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", lock) if "==" in block.split("\n")[0])


def test_what_builds_the_wheel_is_locked() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pins = dict(PINNED.findall((ROOT / "requirements-build.lock").read_text()))
    for line in wanted:
        assert pins[Requirement(line).name] in Requirement(line).specifier


def test_engine_gets_what_is_copied_and_nothing_else() -> None:
    copied = {source for rest in of("COPY", "build") for source in rest.split()[:-1]}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed


@pytest.fixture(scope="module", params=["0", "1"], ids=["python", "compiled"])
def installed(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The build stage's result, in a directory that the image's user can read."""
    if request.param == "1" and not os.environ.get("SHIP_COMPILED"):
        pytest.skip("gcc takes two minutes: set SHIP_COMPILED=1")
    python = SYSTEM_PYTHON if os.path.exists(SYSTEM_PYTHON) else sys.executable
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield build(Path(directory), python, COMPILED=request.param)


def test_version_tells_what_was_built(installed: Path, request: pytest.FixtureRequest) -> None:
    done = subprocess.run([installed / "bin/ai-api-gateway", "--version"], capture_output=True, text=True, check=True)
    compiled = " (compiled)" if "compiled" in request.node.name else ""
    assert done.stdout == f"ai-api-gateway {__version__}{compiled}\n"


def test_k8_14_image_holds_what_is_locked(installed: Path) -> None:
    command = [installed / "bin/python", "-c", FREEZE]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    there = {canonicalize_name(name) for name in listed}
    locked = {canonicalize_name(name) for name, _ in PINNED.findall((ROOT / "requirements.lock").read_text())}
    assert there <= locked | {"ai-api-gateway"}
    assert not (installed / "bin/pip").exists()


FREEZE = "from importlib.metadata import distributions as d; print(*{i.metadata['Name'] for i in d()})"


def test_k8_02_k8_11_starts_as_its_user_writes_nothing_and_ends_with_0(installed: Path, tmp_path: Path) -> None:
    """Started like the container is, and stopped like a pod: TERM, then exit code 0."""
    (place := installed.parent / "cwd").mkdir()
    place.chmod(0o555)
    as_user = {"user": USER, "group": USER, "extra_groups": ()} if os.getuid() == 0 else {}
    before = set(installed.rglob("*"))
    entry, arguments = json.loads(of("ENTRYPOINT")[0])[0], json.loads(of("CMD")[0])
    with subprocess.Popen(
        [installed / "bin" / entry, *arguments],
        cwd=place,
        env={
            "PYTHONDONTWRITEBYTECODE": "1",
            "JWT_SECRET": "a7Qp0Zx-" * 6,
            "UPSTREAMS": "llm=http://127.0.0.1:1",
            "SERVER_HOST": "127.0.0.1",
            "SERVER_PORT": "0",
        },
        stdout=subprocess.PIPE,
        text=True,
        **as_user,  # type: ignore[call-overload]
    ) as gateway:
        try:
            assert gateway.stdout is not None
            port = next(filter(None, (re.search(r"listening on \S+ port (\d+)", line) for line in gateway.stdout)))[1]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
                assert json.load(reply) == {"status": "ok", "version": __version__}
            with pytest.raises(urllib.error.HTTPError, match="401"):  # through the hot path
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/llm/models", timeout=5)
            (check,) = of("HEALTHCHECK")
            probe = json.loads(check.partition(" CMD ")[2])
            subprocess.run([installed / "bin/python", *probe[1:]], env={"SERVER_PORT": port}, check=True)
            gateway.send_signal(signal.SIGTERM)
            assert gateway.wait(10) == 0
        finally:
            gateway.kill()
    assert set(installed.rglob("*")) == before
    assert list(place.iterdir()) == []
