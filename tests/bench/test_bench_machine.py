"""What a run says of the machine it ran on."""

import platform
import sys

import pytest

from bench import machine
from bench.machine import facts

PROGRAM = "5581a0-5581b0 r-xp 00000000 fe:00 1  /usr/bin/python3.13"
LIBRARY = "7f12a0-7f12b0 r-xp 00000000 fe:00 2  /usr/local/lib/libpython3.13.so.1.0"


@pytest.mark.parametrize(
    ("maps", "linked"),
    [([PROGRAM], "one static program"), ([PROGRAM, LIBRARY], "in a shared library"), ([], "linked in a way unknown")],
)
def test_the_interpreter_is_named_by_version_and_by_how_it_is_linked(
    monkeypatch: pytest.MonkeyPatch, maps: list[str], linked: str
) -> None:
    monkeypatch.setattr(machine, "_read", lambda path: maps if path == "/proc/self/maps" else [])
    assert facts()["python"] == f"{sys.version.split()[0]}, {linked}"


def test_a_system_without_a_name_is_told_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise OSError

    assert "Linux" in str(facts()["kernel"])
    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    assert facts()["system"] == "Linux"
