"""What a row of the corpus is: bytes, and the outcome that they must have.

A row says what the client sends, what the upstream answers, and which outcome is wanted. Where a reference allows a
second outcome, it stands in `allowed`; where the gateway departs from a SHOULD, `instead` says what it does and
`reason` why. A MUST has no `instead`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from meant import Meant, Reply
from strict import StrictRequest
from table import Turn

Fields = Sequence[tuple[bytes, bytes]]


@dataclass
class Observed:
    """One playing of a row; `requests` are what the upstream saw whole, `partial` the beginning of one more.

    `mishaps` are breaches of the standing oracle. `meant` is what the client's bytes mean. `end` is how the gateway
    ended the client's connection, "" when it did not, after `seconds`; `reused` whether the upstream saw a connection
    used twice.
    """

    received: bytes
    replies: list[Reply]
    rest: bytes  # of what was received, behind the replies
    end: str
    seconds: float
    requests: list[StrictRequest]
    partial: bytes
    meant: list[Meant]
    reused: bool = False
    mishaps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome(ABC):
    """`replies` is how many final replies tell that it is over, 0 when only the end of the connection does."""

    replies: int

    @property
    def lives(self) -> bool:
        """Whether the client's connection can carry a further request."""
        return False

    @abstractmethod
    def complaint(self, seen: Observed) -> str:
        """What is wrong, or nothing."""


@dataclass(frozen=True)
class Refused(Outcome):
    """At most one reply, with one of `statuses`, and the end of the connection; no upstream saw a whole request."""

    statuses: tuple[int, ...]

    def __str__(self) -> str:
        return "refused with " + " or ".join(map(str, self.statuses))

    def complaint(self, seen: Observed) -> str:
        if seen.requests:
            return f"passed on: {seen.requests[0].raw[:200]!r}"
        if not seen.end or seen.seconds > 2:
            return f"the connection lives on: {seen.received[:300]!r}, end {seen.end!r} after {seen.seconds:.2f} s"
        if len(seen.replies) > 1 or seen.rest:
            return f"more than one reply: {seen.received[:300]!r}"
        if seen.replies and seen.replies[0].status not in self.statuses:
            return f"status {seen.replies[0].status}"
        return ""


@dataclass(frozen=True)
class Clean(Outcome):
    """Every request arrives once, as it was meant, and is answered; `closes` when the connection ends with it."""

    status: int = 200
    body: bytes | None = b"ok"
    closes: bool = False
    saw: Callable[[StrictRequest], bool] = lambda request: True
    got: Callable[[Reply], bool] = lambda reply: True

    @property
    def lives(self) -> bool:
        return not self.closes

    def __str__(self) -> str:
        return "passed on as it was meant"

    def complaint(self, seen: Observed) -> str:
        meant = [(one.method.decode("latin-1"), one.body) for one in seen.meant[: self.replies]]
        if [(one.method, one.body) for one in seen.requests] != meant:
            return f"meant {meant!r}, arrived {[one.raw[:300] for one in seen.requests]!r}"
        for arrived, sent in zip(seen.requests, seen.meant, strict=False):
            if not arrived.target.endswith(sent.target[len(b"/v1/svc") :]):
                return f"target {sent.target[:100]!r} became {arrived.target[:100]!r}"
        if not all(self.saw(one) for one in seen.requests):
            return f"arrived {seen.requests[0].raw[:500]!r}"
        return self._reply_complaint(seen)

    def _reply_complaint(self, seen: Observed) -> str:
        if len(seen.replies) != self.replies or seen.rest or bool(seen.end) != self.closes:
            return f"{len(seen.replies)} replies, end {seen.end!r}, {seen.received[:300]!r}"
        for reply in seen.replies:
            if reply.status != self.status or not self.got(reply) or self.body not in (None, reply.body):
                return f"got {reply}"
        return ""


@dataclass(frozen=True)
class Answered(Outcome):
    """The gateway itself answers with one of `statuses`, no upstream is asked, and the connection lives on."""

    statuses: tuple[int, ...]
    closes: bool = False

    @property
    def lives(self) -> bool:
        return not self.closes

    def __str__(self) -> str:
        return "answered here with " + " or ".join(map(str, self.statuses))

    def complaint(self, seen: Observed) -> str:
        if seen.requests or seen.partial:
            return "an upstream was asked"
        if len(seen.replies) != 1 or seen.replies[0].status not in self.statuses:
            return f"{seen.received[:300]!r}"
        if bool(seen.end) != self.closes or seen.rest:
            return f"{seen.received[:300]!r}, end {seen.end!r}"
        return ""


@dataclass(frozen=True)
class Waits(Outcome):
    """The gateway waits for the rest: no reply, no end, and no upstream saw a whole request."""

    def __str__(self) -> str:
        return "waits for the rest"

    def complaint(self, seen: Observed) -> str:
        return f"{seen.received[:300]!r}, end {seen.end!r}" if seen.received or seen.end or seen.requests else ""


@dataclass(frozen=True)
class BadGateway(Outcome):
    """502 in the gateway's own words; the client's connection lives on."""

    @property
    def lives(self) -> bool:
        return True

    def __str__(self) -> str:
        return "502"

    def complaint(self, seen: Observed) -> str:
        ours = [one for one in seen.replies if one.status == 502 and b'"upstream_error"' in one.body]
        return "" if len(ours) == 1 and len(seen.replies) == 1 and not seen.rest else f"{seen.received[:300]!r}"


@dataclass(frozen=True)
class Aborted(Outcome):
    """The reply begins and breaks off: `passed` has arrived at least, and nobody can take it for whole."""

    passed: bytes = b""

    def __str__(self) -> str:
        return "cut short"

    def complaint(self, seen: Observed) -> str:
        if seen.replies or not seen.end or b"\r\n0\r\n\r\n" in seen.rest:
            return f"{seen.received[:300]!r}, end {seen.end!r}"
        return "" if self.passed in seen.rest else f"{self.passed!r} is missing in {seen.rest[:300]!r}"


@dataclass(frozen=True)
class Early(Outcome):
    """The upstream's reply with `status` arrives although the request never did, and the connection ends."""

    status: int

    def __str__(self) -> str:
        return f"the upstream's {self.status}"

    def complaint(self, seen: Observed) -> str:
        whole = len(seen.replies) == 1 and seen.replies[0].status == self.status and not seen.requests
        return "" if whole and seen.end else f"{seen.received[:300]!r}, end {seen.end!r}"


@dataclass(frozen=True)
class CleanThenRefused(Outcome):
    """The first request is answered, and what follows it is refused with one of `statuses`."""

    statuses: tuple[int, ...]

    def __str__(self) -> str:
        return "passed on, and what follows refused"

    def complaint(self, seen: Observed) -> str:
        statuses = [one.status for one in seen.replies]
        if len(seen.requests) != 1 or len(statuses) != 2 or statuses[0] != 200 or statuses[1] not in self.statuses:
            return f"{len(seen.requests)} passed on, answered with {statuses}"
        return "" if seen.end else "the connection lives on"


@dataclass(frozen=True)
class Case:
    """One row; in `sends` and `turns`, `/v1/svc` stands for a service of the row's own.

    `level` is MUST, SHOULD or MAY. `followed` is False where a request behind it would change what it means.
    """

    name: str
    sends: tuple[bytes, ...]
    wanted: Outcome
    suite: str
    level: str = "MUST"
    turns: tuple[Turn, ...] = ()
    allowed: Outcome | None = None
    instead: Outcome | None = None
    reason: str = ""
    followed: bool = True

    def __str__(self) -> str:
        return f"{self.suite}: {self.name}"

    @property
    def outcomes(self) -> list[Outcome]:
        return [one for one in (self.wanted, self.allowed, self.instead) if one is not None]
