"""What can be measured: python -m bench.micro"""

import importlib
import pkgutil

import bench.micro

HELPERS = {"__main__", "stopwatch"}


def main() -> None:
    """Print each micro-benchmark's command and what it is about."""
    for name in sorted(module.name for module in pkgutil.iter_modules(bench.micro.__path__)):
        if name not in HELPERS:
            about = (importlib.import_module(f"bench.micro.{name}").__doc__ or "").partition(": python")[0]
            print(f"python -m bench.micro.{name:12}{about}")


if __name__ == "__main__":
    main()
