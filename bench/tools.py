"""The programs that come from the system's packages."""

import re
import shutil
import subprocess
from collections.abc import Sequence

# Package managers, and the packages whose name is not the program's.
INSTALLERS = {
    "apt-get": "sudo apt-get install -y",
    "dnf": "sudo dnf install -y",
    "apk": "sudo apk add",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
    "brew": "brew install",
}
NUMBER = re.compile(r"\d+(?:\.\d+)+")


def find(name: str) -> str | None:
    """The path of the program `name`; Debian keeps nginx where a user's PATH does not look."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def needed(name: str) -> str:
    """The path of the program `name`; RuntimeError with the remedy when it is not here."""
    path = find(name)
    if path is None:
        raise RuntimeError(missing([name]))
    return path


def missing(names: Sequence[str]) -> str | None:
    """A sentence that names the programs of `names` that are not here and how to get them; None if all are."""
    absent = [name for name in names if find(name) is None]
    if not absent:
        return None
    installer = next((command for tool, command in INSTALLERS.items() if shutil.which(tool)), None)
    remedy = f"install with: {installer} {' '.join(absent)}" if installer else "install from the system's packages"
    return f"bench needs {' and '.join(absent)}; {remedy}"


def version_of(command: Sequence[str]) -> str:
    """The first number with dots that `command` prints, or `unknown`."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = NUMBER.search(done.stdout + done.stderr)
    return found[0] if found else "unknown"
