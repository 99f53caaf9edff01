"""What a run says of the machine it ran on."""

import platform
import sys
from pathlib import Path

import pytest

from bench.machine import facts


def test_the_interpreter_is_named_by_version_and_by_how_it_is_linked() -> None:
    shared = "/libpython" in Path("/proc/self/maps").read_text()
    linked = "in a shared library" if shared else "one static program"
    assert facts()["python"] == f"{sys.version.split()[0]}, {linked}"


def test_a_system_without_a_name_is_told_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise OSError

    assert "Linux" in str(facts()["kernel"])
    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    assert facts()["system"] == "Linux"
