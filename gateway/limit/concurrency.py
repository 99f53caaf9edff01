"""Requests in flight, in integers: at most L of one key at once.

A request takes a slot and gives it back when it ends, however it ends. At no moment are more than L slots taken.

Where several gateways share a store, each slot is a lease of `lease_us` that its gateway renews while the request runs:
a gateway that dies takes its slots with it for at most one lease, a request may run for hours. Only a gateway that
cannot reach the store for longer than a lease may find its slots taken by others; it registers them again as soon as it
can, and until enough requests have ended nobody else gets one.

How long to wait nobody can know: a refusal says one second.
"""

from gateway.limit.algorithm import MOST, NEVER, SECOND, Algorithm, State, View

LEASE_US = 30 * SECOND


class Concurrency(Algorithm):
    """At most `limit` at once. State and view are (slots taken). ValueError names what is out of range."""

    __slots__ = ("definition", "lease_us", "size", "window")

    holds = True
    integers = 1

    def __init__(self, limit: int, lease_us: int = LEASE_US) -> None:
        if not 1 <= limit <= MOST:
            raise ValueError(f"bucket_size {limit}: must be a whole number from 1 to {MOST}")
        self.size = limit
        self.lease_us = lease_us
        self.window = 0
        self.definition = ("concurrency", limit, lease_us)

    def __repr__(self) -> str:
        return f"<Concurrency {self.size} at once>"

    def fresh(self, now: int) -> State:
        return (0,)

    def advance(self, state: State, now: int) -> State:
        return state

    def view(self, state: State, now: int) -> View:
        return state

    def units(self, view: View) -> int:
        return max(0, self.size - view[0])

    def wait(self, state: State, now: int, cost: int) -> int:
        return SECOND if cost <= self.size else NEVER

    def debit(self, state: State, now: int, cost: int) -> State:
        return (state[0] + cost,)

    def after(self, view: View, cost: int) -> View:
        return (view[0] + cost,)

    def numbers(self, view: View) -> tuple[int, int, int]:
        soon = SECOND if view[0] else 0
        return self.units(view), soon, soon

    def divided(self, parts: int) -> "Concurrency":
        return Concurrency(max(1, self.size // parts), self.lease_us)

    def worse(self, one: State, other: State, now: int) -> State:
        return max(one, other)
