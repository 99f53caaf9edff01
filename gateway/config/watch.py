"""Notices that a file has changed, also when what changed is a link on the way to it, as a ConfigMap's does."""

import os
from typing import TypeAlias

Look: TypeAlias = tuple[int, int, int, int]


class Watch:
    """Looks at the file at `path` when told to; a change counts once it has stayed the same from one look to the next.

    So a file that is being written, or is missing for a moment while it is replaced, is left alone.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._known = self._last = self._look()

    def has_changed(self) -> bool:
        """True once for each change that has settled."""
        look, last = self._look(), self._last
        self._last = look
        if look is None or look != last or look == self._known:
            return False
        self._known = look
        return True

    def _look(self) -> Look | None:
        """What tells one version from another; None when there is none. Follows every link."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
