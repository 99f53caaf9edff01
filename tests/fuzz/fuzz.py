"""The long run: mutants against the gateway as a process, then each harness under atheris. `make fuzz`."""

import os
import subprocess
import sys
import time

from harnesses import HARNESSES
from mutant_run import Tally, run_replies, run_requests

REQUESTS, REPLIES = 20_000, 5_000


def main() -> int:
    """FUZZ_SEED makes other mutants, FUZZ_SECONDS is the time for each harness."""
    seed = int(os.environ.get("FUZZ_SEED", "1"))
    seconds = os.environ.get("FUZZ_SECONDS", "60")
    found = _show("requests", run_requests(REQUESTS, seed)) + _show("replies", run_replies(REPLIES, seed))
    for name in HARNESSES:
        started = time.monotonic()
        code = subprocess.run(
            [sys.executable, "-m", "fuzz_target", name, seconds], check=False, stderr=_quiet()
        ).returncode
        print(f"{name}: {'nothing found' if code == 0 else 'see above'} in {time.monotonic() - started:.0f} s")
        found += code != 0
    return 1 if found else 0


def _quiet() -> int | None:
    return None if os.environ.get("FUZZ_VERBOSE") else subprocess.DEVNULL


def _show(what: str, tally: Tally) -> int:
    print(f"mutants of {what}: {dict(tally.outcomes)}, {tally.smuggled} smuggled, {len(tally.complaints)} misread")
    for complaint in tally.complaints[:20]:
        print(f"  {complaint}")
    return len(tally.complaints)


if __name__ == "__main__":
    sys.exit(main())
