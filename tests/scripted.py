"""The scripted upstream, whatever carries its bytes: it replies turn by turn and records what it sees."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import strict
from table import Turn


class Carrier(Protocol):
    """One connection: plays `data` to the gateway, and then ends as `then` says."""

    def play(self, data: bytes, then: str) -> None: ...


class Script:
    """Replies turn by turn, over however many connections the gateway opens; `seen` are the requests, in order.

    Bytes that the strict reader does not take, and connections used otherwise than asked, go to `violations`.
    """

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = deque(turns)
        self.seen: list[bytes] = []
        self.violations: list[object] = []
        self._last: Conversation | None = None

    @property
    def played(self) -> bool:
        return not self._turns

    def next_turn(self, conversation: "Conversation", used: bool) -> Turn | None:
        """The turn that begins now, over `conversation`; None when there is none left."""
        turn = self._turns.popleft() if self._turns else None
        last, self._last = self._last, conversation
        if turn is not None and ((turn.on == "new" and used) or (turn.on == "same" and last is not conversation)):
            self.violations.append(f"came over a {'used' if used else 'new'} connection: {turn}")
        return turn


class Conversation:
    """What came over one connection, told apart into requests by the strict reader."""

    def __init__(self, script: Script, carrier: Carrier) -> None:
        self._script = script
        self._carrier = carrier
        self._place = -1  # of the request that is arriving, in script.seen
        self._turn: Turn | None = None
        self._replied = False
        self._raw = False
        self._used = False

    def received(self, data: bytes) -> None:
        while data:
            if self._place < 0:
                self._place = len(self._script.seen)
                self._script.seen.append(b"")
                self._turn, self._replied = self._script.next_turn(self, self._used), False
                self._used = True
            self._script.seen[self._place] += data
            data = self._look(self._script.seen[self._place])

    def _look(self, arrived: bytes) -> bytes:
        """Reply if it is time to; what is left of `arrived` behind a whole request."""
        turn = self._turn
        if self._raw or (turn is not None and turn.at == "raw"):
            if turn is not None and turn.sees == arrived:
                self._reply()
                self._place = -1
            return b""
        if turn is not None and turn.at == "head" and b"\r\n\r\n" in arrived:
            self._reply()
        request = self._read(arrived)
        if request is None:
            return b""
        self._script.seen[self._place] = request.raw
        self._reply()
        self._place = -1
        return arrived[len(request.raw) :]

    def _read(self, arrived: bytes) -> strict.StrictRequest | None:
        try:
            return strict.read_request(arrived)
        except strict.Violation as violation:
            self._script.violations.append(violation)
            return None

    def _reply(self) -> None:
        if self._turn is not None and not self._replied and self._turn.at != "never":
            self._replied = True
            self._raw = self._raw or self._turn.reply.startswith(b"HTTP/1.1 101")
            self._carrier.play(self._turn.reply, self._turn.then)
