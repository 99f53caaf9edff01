"""The model of an inference engine, in virtual time: no clock, no input, no output; whoever drives it brings the time.

One step computes a token for every sequence that decodes and a chunk of the prompts that wait for their first token,
as vLLM's scheduler does; its length is linear in both. So a long prompt slows everybody's tokens down, a batch is
slower than a single sequence and yet more efficient, and what is still in the KV memory need not be computed.
"""

from collections import deque
from dataclasses import dataclass, field

from bench.model.cache import Cache

FINISHED, WAITING, RUNNING, ABORTED = "finished", "waiting", "running", "aborted"


@dataclass(frozen=True)
class Setting:
    """Seconds of a step: `(step + decode * sequences decoding + prefill * prompt tokens) / speed`.

    `batch` is the most sequences running at once, `budget` the most tokens of one step, `kv_tokens` the memory in
    blocks of `block` tokens. The defaults are those of a small model on one GPU.
    """

    step: float = 12e-3
    decode: float = 0.4e-3
    prefill: float = 60e-6
    batch: int = 32
    budget: int = 2048
    kv_tokens: int = 40_000
    block: int = 16
    speed: float = 1.0

    def seconds(self, decoding: int, prompt_tokens: int) -> float:
        """How long a step takes."""
        return (self.step + self.decode * decoding + self.prefill * prompt_tokens) / self.speed


@dataclass(eq=False)
class Sequence:
    """A request: `prompt` tokens given, `output` tokens wanted; `hashes` chain over the full blocks of both."""

    prompt: int
    output: int
    hashes: tuple[int, ...]
    submitted_at: float
    state: str = WAITING
    generated: int = 0
    computed: int = 0  # tokens in the KV memory
    known: int = 0  # of `hashes`, from the first on: blocks held together with others
    alone: int = 0  # blocks held alone
    cached: int | None = None  # prompt tokens that were there already when it first ran
    admitted_at: float = 0.0
    first_at: float = 0.0

    @property
    def missing(self) -> int:
        """Tokens to compute before the next one comes out; 1 while it decodes."""
        return self.prompt + self.generated - self.computed

    @property
    def decoding(self) -> bool:
        return self.generated > 0 and self.missing == 1


@dataclass
class Counts:
    """What an engine has done since it began."""

    prompt_tokens: int = 0
    generation_tokens: int = 0
    late_tokens: int = 0  # of these: came out of a step during which their sequence was aborted
    prefix_queries: int = 0  # tokens
    prefix_hits: int = 0  # tokens
    preemptions: int = 0
    finished: int = 0
    aborted: int = 0


@dataclass
class Engine:
    """First come, first served. `begin` plans a step and says how long it takes, `finish` gives what came of it."""

    setting: Setting = field(default_factory=Setting)
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.cache = Cache(self.setting.kv_tokens // self.setting.block)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []  # in the order in which they were admitted
        self._plan: dict[Sequence, int] = {}

    @property
    def usage(self) -> float:
        """The share of the KV memory that sequences hold."""
        return self.cache.held / self.cache.capacity

    def submit(self, prompt: int, output: int, hashes: tuple[int, ...], now: float) -> Sequence:
        """Queue a request; ValueError when its tokens could never be in the memory together, or there are none."""
        self.check(prompt, output)
        sequence = Sequence(prompt, output, hashes, now)
        self.waiting.append(sequence)
        return sequence

    def check(self, prompt: int, output: int) -> None:
        """ValueError when `submit` would raise one."""
        if prompt < 1 or output < 1:
            raise ValueError(f"a request has at least one token to read and one to write, not {prompt} and {output}")
        if prompt + output > self.cache.capacity * self.setting.block:
            room = self.cache.capacity * self.setting.block
            raise ValueError(f"{prompt} prompt tokens and {output} to write are more than this engine's {room}")

    def abort(self, sequence: Sequence) -> None:
        """Nobody wants it any more: its memory is free at once. What was said about it before stays said."""
        if sequence.state not in {WAITING, RUNNING}:
            return
        if sequence.state == RUNNING:
            self.running.remove(sequence)
            self._release(sequence)
        else:
            self.waiting.remove(sequence)
        sequence.state = ABORTED
        self.counts.aborted += 1

    def begin(self, now: float) -> float | None:
        """Plan the next step; its length in seconds, None when there is nothing to do."""
        budget = self.setting.budget
        self._plan = {}
        preempted = self.counts.preemptions
        for sequence in sorted(self.running, key=lambda each: not each.decoding):  # stable: then by admission
            tokens = min(sequence.missing, budget)
            if tokens and sequence.state == RUNNING and self._fit(sequence, tokens):
                self._plan[sequence] = tokens
                budget -= tokens
        if self.counts.preemptions == preempted:
            self._admit(budget, now)
        if not self._plan:
            return None
        decoding = sum(sequence.decoding for sequence in self._plan)
        return self.setting.seconds(decoding, sum(self._plan.values()) - decoding)

    def finish(self, now: float) -> list[Sequence]:
        """End the step that `begin` planned: the sequences that have one more token, the finished ones among them."""
        plan, self._plan = self._plan, {}
        return [sequence for sequence, tokens in plan.items() if self._advance(sequence, tokens, now)]

    def _advance(self, sequence: Sequence, tokens: int, now: float) -> bool:
        """`tokens` of `sequence` are computed; whether a new one came out of it for somebody."""
        complete = tokens == sequence.missing
        self.counts.generation_tokens += complete
        if sequence.state != RUNNING:  # aborted during the step
            self.counts.late_tokens += complete
            return False
        sequence.computed += tokens
        while (sequence.known + 1) * self.setting.block <= sequence.computed and sequence.known < len(sequence.hashes):
            self.cache.publish(sequence.hashes[sequence.known])
            sequence.known, sequence.alone = sequence.known + 1, sequence.alone - 1
        if not complete:
            return False
        if not sequence.generated:
            sequence.first_at = now
            self.counts.prompt_tokens += sequence.prompt
        sequence.generated += 1
        if sequence.generated == sequence.output:
            self.running.remove(sequence)
            self._release(sequence)
            sequence.state = FINISHED
            self.counts.finished += 1
        return True

    def _admit(self, budget: int, now: float) -> None:
        """Let in who waits, in order, while there is budget and memory for it."""
        while self.waiting and budget and len(self.running) < self.setting.batch:
            sequence = self.waiting[0]
            # At least one token is always computed: the next one comes out of it.
            matched = self.cache.match(sequence.hashes[: (sequence.missing - 1) // self.setting.block])
            known = sequence.hashes[:matched]
            tokens = min(sequence.missing - matched * self.setting.block, budget)
            blocks = self._blocks(matched * self.setting.block + tokens) - matched
            if blocks > self.cache.room(known):
                break
            self.waiting.popleft()
            self.cache.hold(known)
            self.cache.take(blocks)
            sequence.known, sequence.alone, sequence.computed = matched, blocks, matched * self.setting.block
            self._account(sequence, now)
            self.running.append(sequence)
            self._plan[sequence] = tokens
            budget -= tokens

    def _account(self, sequence: Sequence, now: float) -> None:
        """It runs; the first time, what it found in the memory is counted."""
        sequence.state = RUNNING
        if sequence.cached is None:
            sequence.cached, sequence.admitted_at = min(sequence.computed, sequence.prompt), now
            self.counts.prefix_queries += sequence.prompt
            self.counts.prefix_hits += sequence.cached

    def _fit(self, sequence: Sequence, tokens: int) -> bool:
        """Take the blocks for `tokens` more; the newest make place for the older, and are computed again later."""
        blocks = self._blocks(sequence.computed + tokens) - sequence.known - sequence.alone
        while blocks > self.cache.room(()):
            newest = self.running[-1]
            self._preempt(newest)
            if newest is sequence:
                return False
        self.cache.take(blocks)
        sequence.alone += blocks
        return True

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self._plan.pop(sequence, None)
        self._release(sequence)
        sequence.state, sequence.computed = WAITING, 0
        self.waiting.appendleft(sequence)
        self.counts.preemptions += 1

    def _release(self, sequence: Sequence) -> None:
        self.cache.release(sequence.hashes[: sequence.known], sequence.alone)
        sequence.known = sequence.alone = 0

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.setting.block)
