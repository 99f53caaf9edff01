"""Start-up refuses an installation with known holes."""

import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec

import pytest

from gateway import __version__, installation
from gateway.installation import FLOORS, UnsafeInstallationError, check_installation, is_compiled


def test_this_installation_is_safe() -> None:
    check_installation()


@pytest.mark.parametrize("library", FLOORS)
@pytest.mark.parametrize("installed", ["0.9", "3.14.3", "2.14.9rc1", "1.7.5", "4.5.3"])
def test_a_library_below_its_floor_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, library: str, installed: str
) -> None:
    floor = FLOORS[library]
    if tuple(int(part.partition("r")[0]) for part in installed.split(".")) >= floor:
        installed = "0.1"
    versions: Callable[[str], str] = lambda name: installed if name == library else "99"  # noqa: E731
    monkeypatch.setattr(installation, "version", versions)
    with pytest.raises(UnsafeInstallationError, match=f"{library} {installed} has known holes: install {library}>="):
        check_installation()


def test_H1_00_the_gateway_does_not_start_without_the_c_parser() -> None:
    """With aiohttp's extensions switched off, `serve` says what to do and exits with 1."""
    code = "import sys; from gateway.cli import main; sys.exit(main(['serve']))"
    environment = {
        "AIOHTTP_NO_EXTENSIONS": "1",
        "UPSTREAMS": "llm=http://127.0.0.1:1",
        "AUTH_TYPE": "none",
        "SERVER_PORT": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, env=environment, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 1
    assert "aiohttp's C parser is missing" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_log_says_at_the_start_which_version_this_is_and_that_it_is_not_compiled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO"):
        check_installation()
    (line,) = caplog.records
    assert (line.getMessage(), line.__dict__["compiled"]) == (f"version {__version__}", False)


def test_compiled_is_what_was_loaded_from_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_compiled()
    library = ModuleSpec("gateway.exchange", None, origin=f"/opt/gateway/exchange{EXTENSION_SUFFIXES[0]}")
    monkeypatch.setattr(installation, "find_spec", lambda name: library if name == "gateway.exchange" else None)
    assert is_compiled()
