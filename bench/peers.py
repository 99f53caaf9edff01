"""Installing peers from the registries that ship them: build/peers/NAME, each by itself."""

import subprocess
import sys
from collections.abc import Sequence

from bench.contenders import CONTENDERS
from bench.contenders.base import PEERS, Package
from bench.tools import find, missing

INSTALLED = {name: contender.package for name, contender in CONTENDERS.items() if contender.package}


def install(names: Sequence[str]) -> int:
    """Those called `names`, or all; gives 1 when one of them failed. Nothing is done again."""
    unknown = [name for name in names if name not in INSTALLED]
    if unknown:
        raise ValueError(f"no such peer: {', '.join(unknown)}; there are {', '.join(INSTALLED)}")
    system = missing(["nginx", "wrk", "haproxy", "redis-server", "node"])
    if system:
        print(f"besides: {system}")
    return max((_install(name, INSTALLED[name]) for name in names or INSTALLED), default=0)


def _install(name: str, package: Package) -> int:
    if package.path(name).exists():
        print(f"{name}: already there, {package.name}")
        return 0
    print(f"{name}: installing {package.name}", flush=True)
    for command in commands(name, package):
        if find(command[0]) is None:
            print(f"{name}: {missing([command[0]])}")
            return 1
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: {' '.join(command)} failed:\n{(done.stdout + done.stderr)[-1000:]}")
            return 1
    return 0


def commands(name: str, package: Package) -> list[list[str]]:
    """What installs it; scripts of npm packages are not run."""
    folder = str(PEERS / name)
    if package.installer == "npm":
        return [["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", package.name]]
    pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package.name]
    return [[sys.executable, "-m", "venv", folder], pip]
