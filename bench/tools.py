"""The programs that come from the system's packages."""

import shutil

# nginx and wrk have the same package name everywhere.
INSTALLERS = {
    "apt-get": "sudo apt-get install -y",
    "dnf": "sudo dnf install -y",
    "apk": "sudo apk add",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
    "brew": "brew install",
}


def find(name: str) -> str | None:
    """The path of the program `name`; Debian keeps nginx where a user's PATH does not look."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def missing(names: list[str]) -> str | None:
    """A sentence that names the programs of `names` that are not here and how to get them; None if all are."""
    absent = [name for name in names if find(name) is None]
    if not absent:
        return None
    installer = next((command for tool, command in INSTALLERS.items() if shutil.which(tool)), None)
    remedy = f"install with: {installer} {' '.join(absent)}" if installer else "install from the system's packages"
    return f"bench needs {' and '.join(absent)}; {remedy}"
