"""The watched file: changes count once they have settled, through every link on the way."""

import os
from pathlib import Path

import pytest

from gateway.config.watch import Watch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text("one")
    return file


def looks(watch: Watch, number: int = 3) -> list[bool]:
    return [watch.has_changed() for _ in range(number)]


def touch(file: Path, text: str) -> None:
    """Write, at a time that no other write has."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_unchanged_file_has_not_changed(file: Path) -> None:
    assert looks(Watch(str(file))) == [False] * 3


def test_change_counts_once_and_when_it_has_settled(file: Path) -> None:
    watch = Watch(str(file))
    touch(file, "two")
    assert looks(watch) == [False, True, False]


def test_half_written_file_is_left_alone(file: Path) -> None:
    watch = Watch(str(file))
    seen = []
    for text in ("t", "tw", "two"):
        touch(file, text)
        seen += looks(watch, 1)
    assert seen + looks(watch) == [False, False, False, True, False, False]


def test_file_that_is_missing_for_a_moment_is_waited_for(file: Path) -> None:
    watch = Watch(str(file))
    file.unlink()
    assert looks(watch) == [False] * 3
    touch(file, "two")
    assert looks(watch) == [False, True, False]


def test_file_that_comes_back_as_it_was_has_not_changed(file: Path) -> None:
    watch = Watch(str(file))
    away = file.with_suffix(".away")
    file.rename(away)
    assert looks(watch, 1) == [False]
    away.rename(file)
    assert looks(watch) == [False] * 3


def test_swapped_link_of_a_config_map(tmp_path: Path) -> None:
    """Kubernetes: gateway.yaml -> ..data/gateway.yaml, and ..data is renamed over to another directory."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "gateway.yaml").write_text("same size")
    (tmp_path / "..data").symlink_to("v1")
    link = tmp_path / "gateway.yaml"
    link.symlink_to("..data/gateway.yaml")
    watch = Watch(str(link))
    (tmp_path / "..data_tmp").symlink_to("v2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert looks(watch) == [False, True, False]
