"""Progress bars on a terminal, lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from bench.run import Say


class Bars:
    """One bar for the whole run and one for the scenario; drawn by hand, since a thread would disturb `fork`."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._whole = progress.add_task("everything", total=total)
        self._part = progress.add_task("", total=1.0)
        self._done = 0

    def scenario(self, name: str) -> Say:
        """What the scenario called `name` reports to."""
        self._progress.reset(self._part, description=name)
        last = [""]

        def say(text: str, share: float) -> None:
            self._progress.update(self._part, completed=share, description=f"{name}: {text}")
            self._progress.update(self._whole, completed=self._done + share)
            self._progress.refresh()
            if not self._progress.console.is_terminal and text.partition(",")[0] != last[0]:
                last[0] = text.partition(",")[0]
                self._progress.console.print(f"{name}: {text}", highlight=False)

        return say

    def finished(self) -> None:
        self._done += 1
        self._progress.update(self._whole, completed=self._done)
        self._progress.refresh()


@contextmanager
def bars(total: int) -> Iterator[Bars]:
    """For `total` scenarios, on standard error."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal)
    with progress:
        yield Bars(progress, total)
