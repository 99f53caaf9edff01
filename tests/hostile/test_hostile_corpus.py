"""Every row of the corpus, by name; and what the whole of it shows."""

import re
from collections import Counter

import pytest
from corpus import CORPUS
from corpus.cases import Case, Waits
from judge import Verdict

AMPLIFICATION = 100  # Envoy's threat model: more is a hole


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_row(case: Case, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[str(case)]
    assert not verdict.complaints, "\n".join(verdict.complaints)


def test_names_are_distinct_and_every_pack_is_there() -> None:
    assert max(Counter(map(str, CORPUS)).values()) == 1
    assert len(CORPUS) >= 330
    ids = {match[0] for case in CORPUS if (match := re.match(r"(?:H1|ED)-\d\d", case.name))}
    missing = {f"H1-{number}" for number in (*range(10, 25), *range(30, 36), *range(40, 53))} - ids
    assert missing == set()


def test_only_a_should_or_a_may_deviates_and_says_why() -> None:
    for case in CORPUS:
        assert bool(case.instead) == bool(case.reason), case
        assert case.level in (("SHOULD", "MAY") if case.instead else ("MUST", "SHOULD", "MAY")), case


def test_ED_41_no_row_costs_more_than_a_hundred_plain_gets_a_byte(corpus: tuple[dict[str, Verdict], float]) -> None:
    verdicts, plain = corpus
    dear = [
        f"{one.case}: {one.cpu / one.sent:.0f} ns a byte"
        for one in verdicts.values()
        if one.sent and not isinstance(one.case.wanted, Waits) and one.cpu / one.sent > AMPLIFICATION * plain
    ]
    assert dear == [], f"a plain GET costs {plain:.0f} ns a byte"
