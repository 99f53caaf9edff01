"""Whether an upstream may be used now: what the checks, its faults and its own wishes say."""


class Standing:
    """Plain state; `group.py` writes it, times are `Runtime.clock` seconds.

    `healthy` is what active checks found, `ejected_until` ends a punishment for faults, `resting_until` the rest that
    the upstream asked for by 429 or 503. `faults` counts those since the last good reply, `ejections` and `rests` how
    often it was sent off in a row.
    """

    __slots__ = ("ejected_until", "ejections", "faults", "healthy", "resting_until", "rests")

    def __init__(self) -> None:
        self.healthy = True
        self.faults = 0
        self.ejected_until = 0.0
        self.ejections = 0
        self.resting_until = 0.0
        self.rests = 0

    def is_ejected(self, now: float) -> bool:
        return now < self.ejected_until

    def is_good(self, now: float) -> bool:
        """Not known to be broken; it may be resting."""
        return self.healthy and now >= self.ejected_until

    def is_available(self, now: float) -> bool:
        """Good, and not resting."""
        return self.healthy and now >= self.ejected_until and now >= self.resting_until

    def changes_at(self, now: float) -> float:
        """When time alone changes the above; `inf` = never."""
        return min((at for at in (self.ejected_until, self.resting_until) if at > now), default=float("inf"))

    def __repr__(self) -> str:
        state = "healthy" if self.healthy else "unhealthy"
        return f"<Standing {state} faults={self.faults} ejections={self.ejections} rests={self.rests}>"
