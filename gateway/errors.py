"""Every failure the gateway answers for, and the one table that turns a failure into a reply.

A failure says what went wrong (its class), what only the log may say (`detail`), and whether trying another upstream
would be safe (`unsent`).
"""

import errno
from dataclasses import dataclass


class GatewayError(Exception):
    """A failure with an answer of its own; `detail` goes to the log, `headers` to the client.

    `headers` are ready-made lines, each ending in CRLF, of what the configuration or the gateway says, never a request.
    `unsent` is true when no byte of the request can have reached an upstream, so that another one may be tried.
    """

    unsent = False

    def __init__(self, detail: str = "", *, headers: bytes = b"", rule: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers
        self.rule = rule

    @property
    def answer(self) -> "Answer":
        """The row of `ANSWERS` for this failure."""
        return ANSWERS[type(self)]

    def __str__(self) -> str:
        return f"{self.answer.type}: {self.detail}" if self.detail else self.answer.type


class BadRequest(GatewayError): ...


class Unauthenticated(GatewayError): ...


class Forbidden(GatewayError): ...


class NotFound(GatewayError): ...


class MethodNotAllowed(GatewayError): ...


class RequestTimeout(GatewayError): ...


class PayloadTooLarge(GatewayError): ...


class ExpectationFailed(GatewayError): ...


class HeadersTooLarge(GatewayError): ...


class TargetTooLong(GatewayError): ...


class RateLimited(GatewayError): ...


class InternalError(GatewayError): ...


class NoUpstream(GatewayError):
    unsent = True


class UpstreamError(GatewayError):
    """The upstream failed; `silent` is true when it said nothing at all, as a dead pooled connection does.

    `blameless` is true when that says nothing against it: the client did not read, or the time for the whole was up.
    """

    def __init__(
        self, detail: str = "", *, unsent: bool = False, silent: bool = False, blameless: bool = False
    ) -> None:
        super().__init__(detail)
        self.unsent = unsent
        self.silent = silent
        self.blameless = blameless


class UpstreamTimeout(UpstreamError): ...


class LoopDetected(GatewayError): ...


class ClientLeft(Exception):
    """The client's connection ended before its reply did; thrown into the pipeline at whatever it waits for."""


CLIENT_LEFT_STATUS = 499


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a client is told: the status, the `type` of the error object, and a fixed sentence without input."""

    status: int
    type: str
    message: str


ANSWERS: dict[type[GatewayError], Answer] = {
    BadRequest: Answer(400, "bad_request", "The request is malformed or ambiguous."),
    Unauthenticated: Answer(401, "unauthenticated", "Valid credentials are required."),
    Forbidden: Answer(403, "forbidden", "The credentials do not allow this."),
    NotFound: Answer(404, "not_found", "There is no such service or route."),
    MethodNotAllowed: Answer(405, "method_not_allowed", "The method is not allowed here."),
    RequestTimeout: Answer(408, "request_timeout", "The request arrived too slowly."),
    PayloadTooLarge: Answer(413, "payload_too_large", "The request body is too large."),
    TargetTooLong: Answer(414, "headers_too_large", "The request target is too long."),
    ExpectationFailed: Answer(417, "bad_request", "The expectation cannot be met."),
    HeadersTooLarge: Answer(431, "headers_too_large", "The request head is too large."),
    RateLimited: Answer(429, "rate_limited", "Too many requests."),
    InternalError: Answer(500, "internal", "The gateway failed."),
    UpstreamError: Answer(502, "upstream_error", "The upstream could not be reached or sent an invalid reply."),
    NoUpstream: Answer(503, "no_upstream", "No upstream is available."),
    LoopDetected: Answer(508, "loop_detected", "The request has passed this gateway before."),
    UpstreamTimeout: Answer(504, "upstream_timeout", "The upstream did not answer in time."),
}


def lacks_descriptors(error: BaseException) -> bool:
    """Whether it is this process, or its machine, that is out of descriptors, and no peer is to blame."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
