"""What the tests run of the gateway, counted in lines: a table by rooms, and a failure where too few are."""

import sys
from collections.abc import Iterator
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[1]
# Lines in a hundred, of a room, of a file, of all.
FLOORS = {
    "gateway/wire/": 95,
    "gateway/auth/": 95,
    "gateway/limit/": 95,
    "gateway/balance/": 95,
    "gateway/errors.py": 95,
    "gateway/forward.py": 95,
    "gateway/": 90,
}
Counts = dict[str, tuple[int, str, int]]


def main() -> int:
    """Print the table; 1 when something is below its floor."""
    counts = _counts()
    below = []
    print(f"{'lines run':20} {'%':>6}  floor")
    for place, floor in FLOORS.items():
        share = _share(counts, place)
        print(f"{place:20} {share:6.2f}  {floor}")
        below += [place] if share < floor else []
    for line in _remedy(counts, below):
        print(line, file=sys.stderr)
    return 1 if below else 0


def _counts() -> Counts:
    """Of each source file: how many lines there are, which of them did not run, and how many those are."""
    coverage = Coverage()
    coverage.load()
    counts = {}
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        _, lines, _, missing, shown = coverage.analysis2(str(path))
        counts[str(path.relative_to(ROOT))] = (len(lines), shown, len(missing))
    return counts


def _share(counts: Counts, place: str) -> float:
    inside = [count for path, count in counts.items() if path.startswith(place)]
    return 100 - 100 * sum(missing for _, _, missing in inside) / sum(lines for lines, _, _ in inside)


def _remedy(counts: Counts, below: list[str]) -> Iterator[str]:
    if below:
        yield f"below the floor: {', '.join(below)}; test these lines, or do without them:"
    for path, (_, shown, missing) in counts.items():
        if missing and path.startswith(tuple(below)):
            yield f"{path}: {shown}"


if __name__ == "__main__":
    sys.exit(main())
