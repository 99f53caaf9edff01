"""Strategies before engines in virtual time: everybody is served, the same every time, and learners learn."""

import json

import pytest

from bench.model import text
from bench.model.compare import STRATEGIES
from bench.model.figures import percentile
from bench.model.load import Ask, body, plan
from bench.model.virtual import WARM_UP, World, blocks

SPEEDS = (2.0, 1.0, 1.0, 0.5)


def played(strategy: str, asks: list[Ask], *, late: bool = False, seed: int = 1) -> World:
    world = World(strategy, SPEEDS, seed, late_head=late)
    world.run(asks)
    return world


def requests(seconds: float, seed: int = 1) -> list[Ask]:
    return plan(WARM_UP + seconds, 14.0, 20, 2000, 48, 0.1, seed)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_everybody_gets_a_first_token_and_the_upstreams_are_idle_in_the_end(strategy: str) -> None:
    asks = requests(3.0)
    world = played(strategy, asks)
    assert len(world.firsts) == sum(ask.at >= WARM_UP for ask in asks) > 0
    assert min(world.firsts) > 0
    assert [upstream.in_flight for upstream in world._upstreams] == [0] * 4
    assert [engine.usage for engine in world._engines] == [0] * 4
    assert world.firsts == played(strategy, asks).firsts


def test_a_prefix_that_stays_with_its_model_is_found_there() -> None:
    asks = requests(10.0)
    assert played("consistent_hash", asks).hits > 1.5 * played("round_robin", asks).hits


def test_adaptive_beats_who_does_not_learn_when_heads_tell_the_time_to_the_first_token() -> None:
    def tail(strategy: str) -> float:
        worlds = [played(strategy, requests(30.0, seed), late=True, seed=seed) for seed in range(3)]
        return sum(percentile(world.firsts, 0.99) for world in worlds)

    assert tail("adaptive") < 0.8 * tail("least_connections")


def test_hashes_are_those_of_the_texts_that_clients_send() -> None:
    """As many, give or take what the roles' names add, and alike where the texts are."""
    ask = Ask(0.0, 3, 320, 40, 24)
    prompt = text.encode((each["role"], each["content"]) for each in json.loads(body(ask, 7))["messages"])
    real = text.hashes(text.whole(prompt, "".join(text.reply(prompt, ask.output))), 16)
    assert len(blocks(ask, 7, 16)) == pytest.approx(len(real), abs=1)
    assert blocks(ask, 7, 16)[:20] == blocks(ask, 8, 16)[:20]
    assert not set(blocks(ask, 7, 16)[20:]) & set(blocks(ask, 8, 16))
