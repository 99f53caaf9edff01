"""What rows are made of: messages, and a suite that stamps its name on them."""

from dataclasses import dataclass
from typing import Any

from table import Turn

from corpus.cases import Aborted, Answered, BadGateway, Case, Clean, Outcome, Refused, Waits

LINE = b"GET /v1/svc/x HTTP/1.1"
POST = b"POST /v1/svc/x HTTP/1.1"
HOST = b"Host: gw"
TE = b"Transfer-Encoding: chunked"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
LAST = b"0\r\n\r\n"
# What must never be taken for a request: it stands where a reader with another idea of the length would find one.
SMUGGLED = b"GET /v1/svc/smuggled HTTP/1.1\r\nHost: gw\r\n\r\n"


def request(*lines: bytes, line: bytes = LINE, host: bytes | None = HOST, body: bytes = b"") -> bytes:
    return b"\r\n".join((line, *((host,) if host is not None else ()), *lines, b"", body))


def post(*lines: bytes, body: bytes = b"", line: bytes = POST) -> bytes:
    return request(*lines, line=line, body=body)


def counted(body: bytes, *lines: bytes) -> bytes:
    return post(b"Content-Length: %d" % len(body), *lines, body=body)


def chunked(body: bytes, *lines: bytes) -> bytes:
    """A POST with chunks; `lines` come behind Transfer-Encoding."""
    return post(TE, *lines, body=body)


def reply(*lines: bytes, body: bytes = b"", status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((status, *lines, b"", body))


@dataclass(frozen=True)
class Suite:
    """Rows of one origin."""

    name: str

    def case(self, name: str, sends: bytes | tuple[bytes, ...], wanted: Outcome, **more: Any) -> Case:
        return Case(name, (sends,) if isinstance(sends, bytes) else sends, wanted, self.name, **more)

    def refused(self, name: str, sends: bytes | tuple[bytes, ...], *statuses: int, **more: Any) -> Case:
        return self.case(name, sends, Refused(0, statuses or (400,)), **more)

    def clean(self, name: str, sends: bytes | tuple[bytes, ...], *, times: int = 1, **more: Any) -> Case:
        own = {key: more.pop(key) for key in ("status", "body", "closes", "saw", "got") if key in more}
        return self.case(name, sends, Clean(times, **own), **more)

    def answered(self, name: str, sends: bytes | tuple[bytes, ...], *statuses: int, **more: Any) -> Case:
        return self.case(name, sends, Answered(1, statuses), **more)

    def waits(self, name: str, sends: bytes, **more: Any) -> Case:
        return self.case(name, sends, Waits(0), followed=False, **more)

    # --- the upstream's side: the client's request is plain ---

    def bad_gateway(self, name: str, says: bytes, then: str = "keep", **more: Any) -> Case:
        return self.case(name, request(), BadGateway(1), turns=(Turn(b"", says, then),), **more)

    def aborted(self, name: str, says: bytes, then: str = "close", passed: bytes = b"", **more: Any) -> Case:
        return self.case(name, request(), Aborted(0, passed), turns=(Turn(b"", says, then),), **more)

    def delivered(self, name: str, says: bytes, body: bytes, then: str = "keep", **more: Any) -> Case:
        """The reply reaches the client with this body; `spoils` sends the next request over a new connection."""
        sends = more.pop("sends", request())
        second = (Turn(b"", OK_AGAIN, on="new"),) if more.pop("spoils", False) else ()
        turns = (Turn(b"", says, then), *second)
        return self.clean(name, sends, body=body, turns=turns, **more)


OK_AGAIN = reply(b"Content-Length: 2", body=b"ok")


def saw(*lines: bytes, absent: tuple[bytes, ...] = ()) -> Any:
    """Whether a request arrived with these lines in this order, and without fields of the `absent` names."""

    def look(arrived: Any) -> bool:
        head = arrived.raw.partition(b"\r\n\r\n")[0]
        kept = [one for one in head.split(b"\r\n") if one in lines]
        names = {one.partition(b":")[0].lower() for one in head.split(b"\r\n")[1:]}
        return kept == list(lines) and not names & set(absent)

    return look


def got(*fields: tuple[bytes, bytes], absent: tuple[bytes, ...] = (), interim: tuple[int, ...] = ()) -> Any:
    """Whether a reply has these fields, none of the `absent` names, and these interim replies before it."""

    def look(reply: Any) -> bool:
        names = {name for name, _ in reply.fields}
        return all(one in reply.fields for one in fields) and not names & set(absent) and reply.interim == interim

    return look
