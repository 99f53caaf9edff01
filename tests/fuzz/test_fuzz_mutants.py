"""Mutants against the gateway as a process: a sample of what `make fuzz` plays."""

from mutant_run import run_replies, run_requests
from mutations import mutants
from seeds import REQUESTS

# As many as these are enough for each kind of mutation to meet each kind of line.
SAMPLE, REPLIES = 1500, 500


def test_mutants_are_the_same_for_the_same_seed() -> None:
    assert list(mutants(REQUESTS, 50, 1)) == list(mutants(REQUESTS, 50, 1)) != list(mutants(REQUESTS, 50, 2))


def test_H1_05_mutants_of_requests_are_passed_on_as_they_are_meant_or_not_at_all() -> None:
    tally = run_requests(SAMPLE, seed=5)
    assert tally.complaints == []
    assert tally.smuggled == 0
    assert tally.outcomes["passed on"] >= SAMPLE * 0.15, tally.outcomes
    assert tally.outcomes["refused"] >= SAMPLE * 0.3, tally.outcomes


def test_H1_49_mutants_of_replies_are_502_or_delivered_as_they_are_meant_or_cut_short() -> None:
    tally = run_replies(REPLIES, seed=49)
    assert tally.complaints == []
    assert tally.outcomes["delivered"] >= REPLIES * 0.1, tally.outcomes
    assert tally.outcomes["502 or 504"] >= REPLIES * 0.3, tally.outcomes
