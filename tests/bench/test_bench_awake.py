"""--awake: idle cores poll while it runs, and whatever happens all is as before."""

from pathlib import Path

import pytest

from bench.awake import WANTED, awake, idle_cores

HALTING = {"guest_halt_poll_ns": "0", "guest_halt_poll_allow_shrink": "Y"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the kernel shows its parameters, with a line end."""
    (tmp_path / "governor").write_text("haltpoll\n")
    for name, value in HALTING.items():
        (tmp_path / name).write_text(value + "\n")
    return tmp_path


def settings(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text().strip() for name in HALTING}


def test_cores_poll_inside_and_halt_again_after(folder: Path) -> None:
    governor = folder / "governor"
    assert idle_cores(folder, governor).startswith("halt")
    with awake(folder, governor):
        assert settings(folder) == WANTED
        assert idle_cores(folder, governor) == "poll for 200 us, then halt"
    assert settings(folder) == HALTING


def test_all_is_as_before_when_the_run_is_interrupted(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), awake(folder, folder / "governor"):
        raise KeyboardInterrupt
    assert settings(folder) == HALTING


@pytest.mark.parametrize("governor", ["menu", ""])
def test_a_machine_that_haltpoll_does_not_govern_is_told(folder: Path, governor: str) -> None:
    (folder / "other").write_text(governor)
    assert idle_cores(folder, folder / "other") == "as the kernel likes"
    assert idle_cores(folder, folder / "none") == "as the kernel likes"
    with pytest.raises(RuntimeError, match="go without it"), awake(folder, folder / "other"):
        pass


def test_who_may_not_write_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", read_only)
    with pytest.raises(RuntimeError, match="Read-only file system"), awake(folder, folder / "governor"):
        pass
