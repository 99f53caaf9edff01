"""Plays the corpus and writes docs/conformance.md: `make conformance`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from judge import Verdict, played

REMEDY = "docs/conformance.md is out of date: make conformance"
PROCESS, WIRE, HERE = "tests/process/test_process_", "tests/wire/", "tests/hostile/test_hostile_"
# Where the IDs of the packs are that are no rows of bytes: each file has a test or a row of that name.
ELSEWHERE = {
    "H1-00": "tests/test_installation.py",
    "H1-05": "tests/fuzz/test_fuzz_mutants.py",
    "H1-06": f"{HERE}origins.py",
    "H1-53": "tests/test_forward.py",
    "ED-01": f"{PROCESS}timers.py",
    "ED-02": f"{PROCESS}timers.py",
    "ED-03": f"{PROCESS}timers.py",
    "ED-04": f"{HERE}time.py",
    "ED-05": f"{PROCESS}operators.py",
    "ED-06": f"{PROCESS}timers.py",
    "ED-07": f"{WIRE}test_wire_downstream.py",
    "ED-10": f"{PROCESS}memory.py",
    "ED-13": f"{HERE}own_replies.py",
    "ED-14": f"{PROCESS}operators.py",
    "ED-20": f"{PROCESS}leaving.py",
    "ED-21": f"{WIRE}test_wire_downstream.py",
    "ED-22": f"{PROCESS}leaving.py",
    "ED-23": f"{PROCESS}leaving.py",
    "ED-24": f"{PROCESS}memory.py",
    "ED-25": f"{PROCESS}events.py",
    "ED-26": f"{PROCESS}timers.py",
    "ED-27": f"{PROCESS}dying_upstream.py",
    "ED-32": f"{HERE}ambient.py",
    "ED-40": f"{HERE}heap.py",
    "ED-41": f"{HERE}cost.py",
    "FT-08": f"{HERE}descriptors.py",
}
HEAD = """# HTTP/1.1 conformance

Printed by `make conformance`; a test fails when it is out of date. Every row is bytes sent to the gateway as a process,
with a scripted upstream behind it, and the outcome that they must have (`tests/hostile/corpus`). A row is played alone
and, where that means something, with a further request right behind it. After each one the standing oracle holds: the
upstream saw as many requests as were meant, to the letter of RFC 9112, and no smuggled one; the gateway answers, and
its descriptors and its memory are back where they were.

**Wanted**: what the reference asks for. **Allowed**: the second outcome that the reference leaves open. **Deviates**: a
SHOULD or MAY that the gateway does not follow, with its reason below. A MUST has no deviations.

"""
CHOICES = """## Stricter than the RFCs ask

Where the references above are stricter than the text of an RFC, the gateway is with the references:

| the RFC | the gateway | why |
| --- | --- | --- |
| 501 for a method nobody knows (SHOULD; RFC 9110, 15.6.2) | 405 with `Allow` | a closed set of methods is the contract ([decision 6](decisions/0006-methods.md)) |
| white space around `;` and `=` in a chunk's line is to be read and removed (MUST; RFC 9112, 7.1.1) | 400, from an upstream 502 | chunks pass as they came, and servers that read such lines otherwise are on the Garden's list |
| empty elements in a list are to be ignored (MUST; RFC 9110, 5.6.1) | `Transfer-Encoding: , chunked` is 400 | the same; in other lists they are ignored |
| a repeated equal Content-Length may be taken once (RFC 9112, 6.3) | 400, from an upstream 502 | nobody sends one in earnest |
| a bare LF may end a line (MAY; RFC 9112, 2.2) | 400, from an upstream 502 | the next reader may not read it so |
| a folded line may be unfolded (RFC 9112, 5.2) | 400, from an upstream 502 | the same |
| a client may end its sending side and read on (RFC 9112, 9.6) | it has left | [decision 4](decisions/0004-fin-is-leaving.md) |
| trailers may be passed on (RFC 9110, 6.5) | dropped | [decision 5](decisions/0005-trailers.md) |

"""  # noqa: E501


NO_ROWS = """## What is no row of bytes

Time, memory and the lives of connections, by their IDs. H1-01 to H1-04 are suites above (no package registry carries
dropseed's h1spec, so its 33 cases are rows too). ED-40 asks for 503 before memory runs out: the gateway counts
connections for that (`server.max_connections`), it does not look at its heap.

"""


def render(verdicts: list[Verdict]) -> str:
    """The document; raises AssertionError when a row has failed."""
    failed = [str(one.case) for one in verdicts if one.complaints]
    assert not failed, failed
    return HEAD + _table(verdicts) + _departures(verdicts) + CHOICES + _elsewhere()


def _table(verdicts: list[Verdict]) -> str:
    suites = list(dict.fromkeys(one.case.suite for one in verdicts))
    lines = ["| suite | rows | wanted | allowed | deviates | MUST |", "| --- | --: | --: | --: | --: | --: |"]
    for suite in suites:
        lines.append(_line(suite, [one for one in verdicts if one.case.suite == suite]))
    lines.append(_line("**all**", verdicts))
    return "\n".join(lines) + "\n\n"


def _line(name: str, some: list[Verdict]) -> str:
    met = [sum(one.met == how for one in some) for how in ("wanted", "allowed", "instead")]
    musts = [one for one in some if one.case.level == "MUST"]
    return f"| {name} | {len(some)} | {met[0]} | {met[1]} | {met[2]} | {len(musts)} of {len(musts)} |"


def _departures(verdicts: list[Verdict]) -> str:
    text = "## Deviations\n\n| row | level | asks for | the gateway | why |\n| --- | --- | --- | --- | --- |\n"
    for one in verdicts:
        if one.met == "instead":
            case = one.case
            text += f"| {case.suite}: {case.name} | {case.level} | {case.wanted} | {case.instead} | {case.reason} |\n"
    text += "\n## The second outcome\n\n| row | level | asks first for | the gateway |\n| --- | --- | --- | --- |\n"
    for one in verdicts:
        if one.met == "allowed":
            text += (
                f"| {one.case.suite}: {one.case.name} | {one.case.level} | {one.case.wanted} | {one.case.allowed} |\n"
            )
    return text + "\n"


def _elsewhere() -> str:
    rows = "".join(f"| {name} | `{place}` |\n" for name, place in ELSEWHERE.items())
    return f"{NO_ROWS}| ID | tested in |\n| --- | --- |\n{rows}"


def main(document: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        verdicts, _ = asyncio.run(played(Path(directory)))
    for one in verdicts.values():
        for complaint in one.complaints:
            print(f"{one.case}: {complaint}", file=sys.stderr)
    Path(document).write_text(render(list(verdicts.values())))


if __name__ == "__main__":
    main(sys.argv[1])
