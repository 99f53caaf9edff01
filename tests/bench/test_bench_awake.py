"""--awake: idle cores poll while it runs, and whatever happens all is as before."""

from pathlib import Path

import pytest

from bench.awake import WANTED, awake, idle_cores

HALTING = {"guest_halt_poll_ns": "0", "guest_halt_poll_allow_shrink": "Y"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the kernel shows its parameters, with a line end."""
    for name, value in HALTING.items():
        (tmp_path / name).write_text(value + "\n")
    return tmp_path


def settings(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text().strip() for name in HALTING}


def test_cores_poll_inside_and_halt_again_after(folder: Path) -> None:
    assert idle_cores(folder).startswith("halt")
    with awake(folder):
        assert settings(folder) == WANTED
        assert idle_cores(folder).startswith("poll")
    assert settings(folder) == HALTING


def test_all_is_as_before_when_the_run_is_interrupted(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), awake(folder):
        raise KeyboardInterrupt
    assert settings(folder) == HALTING


def test_a_machine_without_haltpoll_is_told(tmp_path: Path) -> None:
    assert idle_cores(tmp_path) == "as the kernel likes"
    with pytest.raises(RuntimeError, match="go without it"), awake(tmp_path / "none"):
        pass
