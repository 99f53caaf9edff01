"""Whether what was observed is what a row wants; and all rows played, each alone and with a request right behind it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from corpus import CORPUS
from corpus.cases import Case, Observed, Outcome, Waits
from ground import Ground, names
from play import play

FOLLOWED = b"/follow"


@dataclass
class Verdict:
    """`as_wanted`, else `as_allowed`, else `deviates` as its row says; failed when `complaints` says why.

    `cpu` is nanoseconds of the event loop's thread, `sent` bytes, for the row played alone.
    """

    case: Case
    complaints: list[str]
    met: str = ""
    cpu: int = 0
    sent: int = 0


async def played(directory: Path) -> tuple[dict[str, Verdict], float]:
    """The verdict on each row of the corpus, and what a byte of a plain GET costs (ns of CPU)."""
    async with Ground(directory, names(2 * len(CORPUS) + 1)) as ground:
        plain = await plain_cost(ground)
        return {str(one.case): one for one in await judge_all(ground, CORPUS)}, plain


async def judge_all(ground: Ground, cases: Iterable[Case]) -> list[Verdict]:
    """Those that wait wait together; the others one after the other, with the standing oracle after each."""
    cases = list(cases)
    patient = [case for case in cases if isinstance(case.wanted, Waits)]
    waited = await asyncio.gather(*(_judge(ground, case) for case in patient))
    alive = await ground.alive()
    for verdict in waited:
        verdict.complaints += alive
    verdicts = {id(one.case): one for one in waited}
    for case in cases:
        if id(case) not in verdicts:
            verdict = verdicts[id(case)] = await _judge(ground, case)
            verdict.complaints += await ground.alive()
    return [verdicts[id(case)] for case in cases]


async def _judge(ground: Ground, case: Case) -> Verdict:
    before = ground.cpu
    alone = await play(ground, case, followed=False)
    verdict = Verdict(case, [], cpu=ground.cpu - before, sent=sum(map(len, case.sends)))
    plays = [(False, alone)]
    if case.followed:
        plays.append((True, await play(ground, case, followed=True)))
    complaints = {}
    for name, outcome in (("wanted", case.wanted), ("allowed", case.allowed), ("instead", case.instead)):
        if outcome is not None:
            complaints[name] = [text for followed, seen in plays if (text := _complaint(outcome, seen, followed))]
    met = [name for name, found in complaints.items() if not found]
    verdict.met = met[0] if met else ""
    verdict.complaints = [text for _, seen in plays for text in seen.mishaps]
    if not met:
        verdict.complaints += [f"not {case.wanted}: {text}" for text in complaints["wanted"]]
    elif verdict.met != "instead" and case.instead is not None:
        verdict.complaints.append("no longer deviates: take out `instead`")
    return verdict


def _complaint(outcome: Outcome, seen: Observed, followed: bool) -> str:
    if not followed or not outcome.lives:
        return outcome.complaint(seen)
    last = seen.requests[-1:]
    if not last or not last[0].target.endswith(FOLLOWED) or not seen.replies or seen.replies[-1].status != 200:
        return f"the next request is not answered: {seen.received[-300:]!r}"
    without = replace(seen, requests=seen.requests[:-1], replies=seen.replies[:-1])
    return outcome.complaint(without)


async def plain_cost(ground: Ground, times: int = 200) -> float:
    """Nanoseconds of CPU for each byte of a plain GET, its connection included."""
    host, port = "127.0.0.1", ground.gateway.port
    name, _ = ground.service()
    data = b"GET /v1/%b/x HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n" % name.encode()
    before = ground.cpu
    for _ in range(times):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(data)
        await reader.read()
        writer.close()
    cost = (ground.cpu - before) / times / len(data)
    ground.forget(name)
    return cost
