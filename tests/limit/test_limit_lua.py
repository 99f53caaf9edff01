"""The script in a real Redis against the same arithmetic in Python: equal answers, number by number (RL-10)."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import redis
from limit_reference import SECOND, VirtualClock
from redis_servers import RedisServer

from gateway.drive import Parked
from gateway.limit.algorithm import Algorithm, Verdict
from gateway.limit.approximate_window import ApproximateWindow
from gateway.limit.base import Rule, Slots
from gateway.limit.batch import Batch, Waiting
from gateway.limit.concurrency import Concurrency
from gateway.limit.leaky_bucket import LeakyBucket
from gateway.limit.leases import Leases
from gateway.limit.memory import MemoryStore
from gateway.limit.script import source
from gateway.limit.sliding_window import SlidingWindow
from gateway.limit.token_bucket import TokenBucket

HISTORIES = 10_000
AT_ONCE = 200  # histories in one round trip
FOREVER = 10**9  # milliseconds: in a history of virtual time, real time must not make a key leave
REPLICA = "me"


def with_virtual_time(script: str) -> str:
    """The script, with the clock in ARGV[3] and keys that leave only when the test lets them."""
    clock = "local now = (time[1] - EPOCH) * SECOND + time[2]"
    lives = "number(ceil(ttl, 1000) + 1)"
    assert script.count(clock) == script.count(lives) == 1
    return script.replace(clock, "local now = tonumber(ARGV[3])").replace(lives, f"number({FOREVER})")


def some_algorithm(rng: random.Random) -> Algorithm:
    size, rate = rng.choice([1, 2, 3, 5, 20, 1000]), Fraction(rng.randint(1, 50), rng.randint(1, 50))
    window = rng.choice([1, 50, 1000, SECOND, 3 * SECOND, 60 * SECOND, rng.randint(1, 10**7)])
    return rng.choice(
        [
            lambda: TokenBucket(size, rate),
            lambda: TokenBucket(10**6, Fraction(10**6, 7)),
            lambda: LeakyBucket(size, rate),
            lambda: LeakyBucket(size, rate, rng.choice([0, 1, SECOND // 3, 5 * SECOND])),
            lambda: SlidingWindow(size, window),
            lambda: SlidingWindow(size, window, log=True),
            lambda: ApproximateWindow(size, window),
            lambda: Concurrency(size, 10**12),
        ]
    )()


def some_gap(rng: random.Random) -> int:
    return rng.choice(
        [
            lambda: 0,
            lambda: rng.randint(0, 2000),
            lambda: rng.randint(0, 3 * SECOND),
            lambda: rng.randint(0, 120 * SECOND),
            lambda: -rng.randint(0, 3600 * SECOND) if rng.random() < 0.2 else 1,
        ]
    )()


class Step(NamedTuple):
    """One batch, when it is asked, which keys have left Redis before, and what each who waits has to be told."""

    batch: Batch
    now: int
    left: list[str]
    expected: list[tuple[Waiting, Sequence[Verdict], Slots]]


class History:
    """Random requests against a memory store, and the batches that ask Redis the same."""

    def __init__(self, number: int) -> None:
        self.rng = rng = random.Random(number)
        self.clock = VirtualClock()
        self.clock.us = 10**13 + rng.randint(0, 10**12)
        self.memory = MemoryStore(self.clock.runtime())
        self.rules = [
            Rule(f"{number}-{index}", some_algorithm(rng), lambda exchange, identity: "", shadow=rng.random() < 0.2)
            for index in range(rng.choice([1, 1, 1, 2, 3]))
        ]
        self.leases = Leases()
        self.held: list[tuple[Slots, Slots]] = []  # of one request, in memory and in Redis
        self.leaves: dict[str, int] = {}  # when a key may have left Redis

    def steps(self) -> Iterator[tuple[Step, list[str], str]]:
        """Each step with the arguments of its call."""
        for _ in range(self.rng.choice([1, 2, 4, 8])):
            gap = some_gap(self.rng)
            left = self._forgotten() if gap < 0 else []
            self.clock.us += gap
            left += [name for name, at in self.leaves.items() if at <= self.clock.us and self.rng.random() < 0.5]
            for _ in range(min(len(self.held), self.rng.randint(0, 2))):
                mine, theirs = self.held.pop(self.rng.randrange(len(self.held)))
                self.memory.release(mine)
                self.leases.free(theirs)
            step = Step(Batch(0.0), self.clock.us, left, [])
            for _ in range(self.rng.choice([1, 1, 2, 3, 12])):
                self._ask(step)
            arguments = step.batch.arguments(self.leases)
            self._hold(step)
            yield step, *arguments

    def _forgotten(self) -> list[str]:
        """What is as good as fresh leaves both stores: after a step of the clock, one that remembers would differ."""
        kept = set()
        for rule in self.rules:
            table = self.memory._tables.get(rule.scope)
            for key in list(table.rows) if table is not None else ():
                if rule.algorithm.reset_us(table.look(key), self.clock.us):
                    kept.add(rule.scope + key)
                else:
                    table._forget(key)
                    table._order.remove(key)
        return [name for name in self.leaves if name not in kept]

    def _ask(self, step: Step) -> None:
        rules = self.rng.sample(self.rules, self.rng.randint(1, len(self.rules)))
        checks = [(rule, self.rng.choice("ab")) for rule in sorted(rules, key=self.rules.index)]
        slots: Slots = []
        waiting = Waiting(Parked(), [])
        step.expected.append((waiting, self.memory.decide(checks, slots), slots))
        step.batch.add(checks, waiting)
        for rule, key in checks:
            if not rule.algorithm.holds:
                state = self.memory._tables[rule.scope].look(key)
                full_at = step.now + rule.algorithm.reset_us(state, step.now)
                self.leaves[rule.scope + key] = -(-full_at // 1000) * 1000 + 1000

    def _hold(self, step: Step) -> None:
        numbers = {
            id(waiting): entry.first_slot + index
            for entry in step.batch.entries
            for index, waiting in enumerate(entry.waiting)
        }
        for waiting, _, mine in step.expected:
            if mine:
                self.held.append((mine, [(rule, key, numbers[id(waiting)]) for rule, key, _ in mine]))


def compare(step: Step, reply: bytes) -> None:
    answers = {id(waiting): (verdicts, slots) for waiting, verdicts, slots in step.batch.answers(reply)}
    assert len(answers) == len(step.expected)
    for waiting, expected, mine in step.expected:
        verdicts, theirs = answers[id(waiting)]
        assert list(map(tuple, verdicts)) == list(map(tuple, expected))
        assert [(rule, key) for rule, key, _ in theirs] == [(rule, key) for rule, key, _ in mine]
    assert step.batch.malformed == 0


def test_RL_10_memory_and_redis_give_equal_answers_on_ten_thousand_histories(redis_server: RedisServer):
    with redis.Redis(port=redis_server.port) as client:
        digest = client.script_load(with_virtual_time(source()))
        asked = 0
        for first in range(0, HISTORIES, AT_ONCE):
            pipeline, steps = client.pipeline(transaction=False), []
            for number in range(first, first + AT_ONCE):
                for step, keys, words in History(number).steps():
                    pipeline.delete("none", *step.left)
                    pipeline.evalsha(digest, len(keys), *keys, words, REPLICA, step.now)
                    steps.append(step)
                    asked += len(step.expected)
            for step, reply in zip(steps, pipeline.execute()[1::2], strict=True):
                compare(step, reply)
            client.flushall()
        assert asked > 10 * HISTORIES
