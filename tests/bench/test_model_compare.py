"""The comparison of strategies: what is asked, what is counted, and that the command does it all."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model import figures, text
from bench.model.compare import STRATEGIES, leavers
from bench.model.engine import Setting
from bench.model.fleet import gateway_config
from bench.model.load import Ask, Seen, body, plan, play
from bench.model.server import ModelServer, listening
from gateway.balance.registry import STRATEGIES as KNOWN
from gateway.config.tree import Config

ROOT = Path(__file__).parents[2]
COUNTED = {
    "vllm:generation_tokens_total": 30.0,
    "vllm:prefix_cache_hits_total": 30.0,
    "vllm:prefix_cache_queries_total": 40.0,
    "lag_ms": 5.0,
    "mean_lag_ms": 0.5,
}


def prompt(ask: Ask, number: int) -> bytes:
    return text.encode((each["role"], each["content"]) for each in json.loads(body(ask, number))["messages"])


@given(st.integers(0, 2**32))
def test_requests_come_in_time_and_are_the_same_for_the_same_seed(seed: int) -> None:
    asks = plan(5.0, 20.0, 4, 320, 48, 0.5, seed)
    assert asks == plan(5.0, 20.0, 4, 320, 48, 0.5, seed)
    times = [ask.at for ask in asks]
    assert times == sorted(times)
    assert all(0 < at < 5.0 for at in times)
    assert all(ask.leave_tokens is None or 0 < ask.leave_tokens < ask.output for ask in asks)


def test_prompts_of_a_group_begin_alike_and_others_do_not() -> None:
    first, second, other = Ask(0, 1, 320, 40, 10), Ask(0, 1, 320, 60, 10), Ask(0, 2, 320, 40, 10)
    hashes = [text.hashes(prompt(ask, number), 16) for number, ask in enumerate((first, second, other))]
    assert [len(prompt(ask, 0)) // text.TOKEN for ask in (first, second)] == pytest.approx([366, 386], abs=5)
    assert hashes[0][:20] == hashes[1][:20]
    assert not set(hashes[0][21:]) & set(hashes[1])
    assert not set(hashes[0]) & set(hashes[2])


async def test_clients_read_leave_and_give_up_as_planned() -> None:
    server = ModelServer("demo", Setting(step=0.005, decode=0.0, prefill=1e-6))
    asks = [
        Ask(0.0, 0, 32, 16, 12),
        Ask(0.0, 0, 32, 16, 12, streamed=False),
        Ask(0.01, 0, 32, 16, 2000, leave_tokens=3),
        Ask(0.02, 0, 32, 16, 2000, streamed=False, leave_seconds=0.05),
    ]
    async with listening(server) as port:
        seen = await play(f"http://127.0.0.1:{port}/v1", asks, lambda _: None)
        assert [each.tokens for each in seen] == [12, 12, 3, 0]
        assert [each.complete for each in seen] == [True, True, False, False]
        assert not any(each.fault for each in seen)
        assert seen[0].first is not None
        assert 0 < seen[0].first == seen[0].arrivals[0] < seen[0].arrivals[-1]
        (refused,) = await play(f"http://127.0.0.1:{port}/nowhere", asks[:1], lambda _: None)
        assert refused.fault == "status 404"
    (unreachable,) = await play(f"http://127.0.0.1:{port}/v1", asks[:1], lambda _: None)
    assert unreachable.fault == "ClientConnectorError"


def test_who_never_had_a_token_counts_with_the_longest_time() -> None:
    ask = Ask(1.0, 0, 1, 1, 10)
    seen = [
        Seen(ask, 0.1, 2, True, "", [0.1, 0.3]),
        Seen(ask, 0.4, 3, True, "", [0.4, 0.5, 1.0]),
        Seen(ask, fault="status 503"),
    ]
    figure = figures.strategy(seen, COUNTED)
    assert (figure.first_p50, figure.first_p99, figure.gap_p99) == (0.4, 0.4, 0.5)
    assert (figure.requests, figure.unanswered, figure.faults) == (3, 1, {"status 503": 1})
    assert (figure.nobody, figure.prefix_hits, figure.tokens_per_second) == (25, 0.75, 2.5)


def test_a_way_is_measured_against_the_direct_one() -> None:
    direct, between = figures.Way(10, 20, 40, 20, {}, 1, 0.1), figures.Way(10, 20, 90, 70, {}, 1, 0.1)
    table = figures.way_table({"direct": direct, "between": between, "absent": "absent is not installed"})
    assert "| between | 10 | 20 | 90 | 70 | 7.0 | +5.0 |" in table
    assert "| absent | skipped: absent is not installed |" in table


def test_every_strategy_compared_is_one_that_the_gateway_has() -> None:
    for name in STRATEGIES:
        assert name in KNOWN
        config = Config.model_validate(gateway_config([1, 2], name))
        assert config.services["llm"].strategy == name


def test_leavers_are_of_three_kinds_and_all_leave() -> None:
    asks = leavers(2)
    assert len({(ask.leave_tokens, ask.leave_seconds, ask.streamed) for ask in asks}) == 3
    assert len(asks) == 6
    assert all(ask.leaves for ask in asks)


def test_the_command_prints_both_tables_and_keeps_figures_and_picture(tmp_path: Path) -> None:
    """And who leaves through the gateway costs the model no more than a few tokens of the 1,200 asked for."""
    load = ["--seconds", "1", "--speeds", "1", "--prefix", "200", "--leavers", "2", "--into", str(tmp_path)]
    ways = ["--strategies", "adaptive", "--ways", "gateway"]
    command = [sys.executable, "-m", "bench.model.compare", *ways, *load]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^\| `adaptive` \| \d+ \| \d+ ", ran.stdout, re.MULTILINE)
    (directory,) = tmp_path.iterdir()
    assert f"in {directory}" in ran.stdout
    figure = json.loads((directory / "model.json").read_text())
    assert (directory / "first-token.svg").read_text().startswith("<svg")
    assert figure["strategies"]["adaptive"]["tokens_per_second"] > 0
    assert 20 <= figure["ways"]["gateway"]["generated"] < 250


def test_a_name_that_is_not_there_is_an_error() -> None:
    command = [sys.executable, "-m", "bench.model.compare", "--strategies", "best"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert "no such name: best; there are round_robin" in ran.stderr
