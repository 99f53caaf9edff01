"""What replies took lately, as far as a percentile needs it."""

KEPT = 512
# How many new ones come between two looks: sorting 512 numbers takes 30 us.
LOOK_EVERY = 64


class Recent:
    """The `percentile` (0 to 1) of the last 512 values, looked at now and then; `value` is `inf` until there are 64."""

    __slots__ = ("_added", "_percentile", "_values", "value")

    def __init__(self, percentile: float) -> None:
        self.value = float("inf")
        self._percentile = percentile
        self._values: list[float] = []
        self._added = 0

    def add(self, value: float) -> None:
        if len(self._values) < KEPT:
            self._values.append(value)
        else:
            self._values[self._added % KEPT] = value
        self._added += 1
        if not self._added % LOOK_EVERY:
            self.value = sorted(self._values)[int(self._percentile * len(self._values))]

    def __repr__(self) -> str:
        return f"<Recent {self._percentile} is {self.value} of {len(self._values)}>"
