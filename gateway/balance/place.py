"""Where an upstream is: what the configuration says, or what was found behind a name that it says."""

from typing import NamedTuple


class Place(NamedTuple):
    """One address. `url` names it as its Host header and its certificate do, `host` and `port` are where to connect.

    `weight` and `priority` are beside those of the entry that it comes from: the first multiplies, the second adds.
    """

    url: str
    host: str
    port: int
    weight: int = 1
    priority: int = 0
