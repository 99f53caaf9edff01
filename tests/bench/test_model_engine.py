"""The engine behaves as inference engines do, whatever requests come and go."""

import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model.engine import ABORTED, FINISHED, RUNNING, WAITING, Engine, Sequence, Setting

USUAL = Setting()
SMALL = Setting(batch=4, budget=64, kv_tokens=512)
fresh = count(1)


def blocks(tokens: int) -> tuple[int, ...]:
    """Hashes of a prompt that shares nothing with any other."""
    return tuple(next(fresh) for _ in range(tokens // 16))


class Drive:
    """Runs an engine in virtual time and remembers when each sequence got its tokens."""

    def __init__(self, setting: Setting) -> None:
        self.engine = Engine(setting)
        self.now = 0.0
        self.tokens: dict[Sequence, list[float]] = {}
        self.steps: list[float] = []

    def submit(self, prompt: int, output: int, hashes: tuple[int, ...] | None = None) -> Sequence:
        known = blocks(prompt + output) if hashes is None else hashes
        sequence = self.engine.submit(prompt, output, known, self.now)
        self.tokens[sequence] = []
        return sequence

    def step(self) -> bool:
        took = self.engine.begin(self.now)
        if took is None:
            return False
        self.now += took
        self.steps.append(took)
        for sequence in self.engine.finish(self.now):
            self.tokens[sequence].append(self.now)
        return True

    def run(self) -> None:
        while self.step():
            pass

    def first(self, sequence: Sequence) -> float:
        return self.tokens[sequence][0] - sequence.submitted_at


def alone(prompt: int, setting: Setting = USUAL) -> float:
    """Time to the first token of a prompt that has the engine to itself."""
    drive = Drive(setting)
    sequence = drive.submit(prompt, 1)
    drive.run()
    return drive.first(sequence)


def test_a_prompt_takes_the_time_of_its_tokens() -> None:
    assert alone(1000) == pytest.approx(0.012 + 1000 * 60e-6)
    assert alone(1000, Setting(speed=0.5)) == pytest.approx(2 * alone(1000))


def test_a_prompt_longer_than_the_budget_goes_in_chunks_beside_those_that_decode() -> None:
    """Two decoders and 20,000 tokens with a budget of 8,192 make 8,190, 8,190 and 3,620; the third step answers."""
    setting = Setting(budget=8192, kv_tokens=100_000)
    drive = Drive(setting)
    decoders = [drive.submit(16, 100) for _ in range(2)]
    drive.step()
    long = drive.submit(20_000, 2)
    for _ in range(3):
        assert not drive.tokens[long]
        drive.step()
    assert drive.steps[1:] == pytest.approx([setting.seconds(2, tokens) for tokens in (8190, 8190, 3620)])
    assert len(drive.tokens[long]) == 1
    assert [len(drive.tokens[each]) for each in decoders] == [4, 4]


def test_a_long_prompt_slows_the_tokens_of_the_others() -> None:
    drive = Drive(Setting())
    decoder = drive.submit(16, 20)
    drive.step()
    drive.step()
    drive.submit(2000, 1)
    drive.step()
    first, second, third = drive.tokens[decoder]
    assert third - second > 5 * (second - first)


def test_throughput_grows_with_the_batch_and_then_no_more() -> None:
    def tokens_per_second(clients: int) -> float:
        drive = Drive(Setting())
        for _ in range(clients):
            drive.submit(64, 100)
        drive.run()
        return clients * 100 / drive.now

    one, eight, full, double = (tokens_per_second(clients) for clients in (1, 8, 32, 64))
    assert eight > 5 * one
    assert full > 2 * eight
    assert double == pytest.approx(full, rel=0.05)


def test_a_batch_is_slower_for_each_one_in_it() -> None:
    setting = Setting()
    assert setting.seconds(32, 0) > 2 * setting.seconds(1, 0)


@given(st.lists(st.integers(1, 39_000), min_size=2, max_size=6, unique=True))
def test_the_first_token_comes_later_the_longer_the_prompt(lengths: list[int]) -> None:
    times = [alone(length) for length in sorted(lengths)]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_first_token_waits_for_uncached_tokens_only(shared: int, own: int) -> None:
    """A prompt whose first blocks are known takes the time of the rest, and of one token at least."""
    setting = Setting()
    prefix = blocks(shared * 16)
    drive = Drive(setting)
    if shared:
        drive.submit(shared * 16, 1, prefix)
    drive.run()
    second = drive.submit((shared + own) * 16 + 1, 1, prefix + blocks(own * 16))
    drive.run()
    assert second.cached == shared * 16
    assert drive.first(second) == pytest.approx(setting.seconds(0, own * 16 + 1))


def test_at_least_one_token_is_computed_though_all_are_known() -> None:
    drive = Drive(Setting())
    prefix = blocks(160)
    drive.submit(160, 1, prefix)
    drive.run()
    again = drive.submit(160, 1, prefix)
    drive.run()
    assert again.cached == 144


def test_what_was_generated_is_known_to_the_next_turn() -> None:
    drive = Drive(Setting())
    conversation = blocks(320)
    drive.submit(160, 97, conversation[:16])
    drive.run()
    following = drive.submit(300, 1, conversation[:18])
    drive.run()
    assert following.cached == 256


def test_a_prefix_is_not_known_before_it_is_computed() -> None:
    drive = Drive(Setting(budget=4096))
    prefix = blocks(1600)
    twins = [drive.submit(1600, 1, prefix) for _ in range(2)]
    drive.run()
    assert [twin.cached for twin in twins] == [0, 0]


def test_the_prefix_used_last_is_kept_longest_and_its_beginning_longer_than_its_end() -> None:
    drive = Drive(SMALL)
    first, second, third = (blocks(192) for _ in range(3))
    for prefix in (first, second, first, third):
        drive.submit(192, 1, prefix)
        drive.run()
    known = [drive.engine.cache.match(prefix) for prefix in (first, second, third)]
    assert known[0] == known[2] == 12
    assert 0 < known[1] < 12


def test_who_comes_first_is_served_first_also_when_a_smaller_one_would_fit() -> None:
    drive = Drive(SMALL)
    drive.submit(400, 2)
    big, small = drive.submit(300, 1), drive.submit(16, 1)
    drive.run()
    assert drive.tokens[big][0] <= drive.tokens[small][0]
    assert big.admitted_at <= small.admitted_at


def test_requests_queue_when_the_memory_is_full() -> None:
    drive = Drive(SMALL)
    drive.submit(400, 50)
    waiting = drive.submit(200, 1)
    for _ in range(10):
        drive.step()
    assert (waiting.state, len(drive.engine.waiting)) == (WAITING, 1)
    drive.run()
    assert waiting.state == FINISHED


def test_an_abort_gives_the_memory_back_at_once() -> None:
    drive = Drive(SMALL)
    leaving = drive.submit(400, 100)
    for _ in range(10):
        drive.step()
    assert drive.engine.usage > 0.7
    drive.engine.abort(leaving)
    assert (drive.engine.usage, leaving.state) == (0, ABORTED)
    assert drive.engine.begin(drive.now) is None


def test_who_is_aborted_while_waiting_never_costs_a_token() -> None:
    drive = Drive(SMALL)
    drive.submit(400, 10)
    waiting = drive.submit(400, 10)
    drive.step()
    drive.engine.abort(waiting)
    drive.run()
    assert (waiting.computed, drive.engine.counts.generation_tokens) == (0, 10)


def test_a_token_in_the_making_when_its_client_left_is_counted_and_given_to_nobody() -> None:
    drive = Drive(SMALL)
    leaving = drive.submit(16, 10)
    drive.step()
    assert drive.engine.begin(drive.now) is not None
    drive.engine.abort(leaving)
    assert drive.engine.finish(drive.now) == []
    assert drive.engine.counts.generation_tokens == 2


def test_the_newest_is_preempted_and_says_nothing_twice() -> None:
    """Two that fit while they are short do not when they are long; both end with every token, each once."""
    drive = Drive(SMALL)
    older, newer = drive.submit(200, 200, ()), drive.submit(200, 200, ())
    while not drive.engine.counts.preemptions:
        assert drive.step()
    assert (older.state, newer.state) == (RUNNING, WAITING)
    drive.run()
    assert [len(drive.tokens[each]) for each in (older, newer)] == [200, 200]
    assert drive.tokens[older][-1] < drive.tokens[newer][-1]


@pytest.mark.parametrize(("prompt", "output"), [(500, 13), (513, 1), (0, 1), (1, 0)])
def test_what_can_never_run_is_refused(prompt: int, output: int) -> None:
    with pytest.raises(ValueError, match=r"more than this engine's 512|at least one token"):
        Engine(SMALL).submit(prompt, output, (), 0.0)


@given(st.integers(0, 2**32))
def test_no_token_is_lost_and_the_memory_never_overflows(seed: int) -> None:
    """Any traffic, some of it leaving: memory within bounds at each step, all of it back, every token given once."""
    rng = random.Random(seed)
    drive = Drive(SMALL)
    prefixes = [blocks(128) for _ in range(3)]
    admitted: list[Sequence] = []
    for _ in range(rng.randint(1, 30)):
        for _ in range(rng.randint(0, 3)):
            prompt = rng.randint(1, 300)
            drive.submit(prompt, rng.randint(1, 60), (rng.choice(prefixes) + blocks(400))[: (prompt + 60) // 16])
        for _ in range(rng.randint(0, 8)):
            drive.step()
            check(drive, admitted)
        for sequence in list(drive.tokens):
            if rng.random() < 0.1:
                drive.engine.abort(sequence)
    while drive.step():
        check(drive, admitted)
    for sequence, tokens in drive.tokens.items():
        assert sequence.state in {FINISHED, ABORTED}
        assert len(tokens) == sequence.generated == (sequence.output if sequence.state == FINISHED else len(tokens))
    assert (drive.engine.usage, len(drive.engine.running), len(drive.engine.waiting)) == (0, 0, 0)
    assert sum(map(len, drive.tokens.values())) == drive.engine.counts.generation_tokens


def check(drive: Drive, admitted: list[Sequence]) -> None:
    """What holds after every step; `admitted` collects who ran, which is in the order of arrival."""
    engine, cache = drive.engine, drive.engine.cache
    assert 0 <= cache.held <= cache.stored <= cache.capacity
    assert len(engine.running) <= SMALL.batch
    for sequence in engine.running:
        assert sequence.state == RUNNING
        assert (sequence.known + sequence.alone) * SMALL.block >= sequence.computed
    order = list(drive.tokens)
    arrivals = [order.index(sequence) for sequence in engine.running]
    assert arrivals == sorted(arrivals)
    admitted += [each for each in engine.running if each not in admitted]
    if engine.waiting and engine.running:
        assert order.index(engine.waiting[0]) > max(arrivals)
