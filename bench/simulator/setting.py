"""What is simulated: the settings, and the random numbers that make a world of one."""

import random
from dataclasses import dataclass

MEAN_WORK = 0.1  # seconds on a core of speed 1; normal with as much deviation, cut at zero
TIMEOUT = 5.0
FAILING_TAKES = 0.001


@dataclass(frozen=True)
class Setting:
    """One scenario: `load` is the offered work as a share of the mean capacity.

    `speeds` are dealt to the servers by lot. Antagonists take a share of a server for a while, then leave it.
    `sinkholes` fail every request at once. `deaths` and `joins` are times; the last servers join, the first ones die.
    """

    title: str
    servers: int = 100
    gateways: int = 1
    load: float = 0.9
    speeds: tuple[float, ...] = (1.0,)
    antagonists: bool = False
    sinkholes: int = 0
    deaths: tuple[float, ...] = ()
    joins: tuple[float, ...] = ()
    cores: int = 4
    warm_up: float = 10.0
    seconds: float = 30.0


MIXED = (1.0, 1.0, 0.5, 0.25)
ANTAGONIST_LEAVES = 0.4
ANTAGONIST_STAYS = 3.0
ANTAGONIST_AWAY = 7.0
BUSY_SHARE = ANTAGONIST_STAYS / (ANTAGONIST_STAYS + ANTAGONIST_AWAY)

SETTINGS = {
    "mixed": Setting("100 servers of mixed speed with antagonists, load 0.9", speeds=MIXED, antagonists=True),
    "mixed-10-gateways": Setting(
        "the same behind 10 gateways that do not know of each other", gateways=10, speeds=MIXED, antagonists=True
    ),
    "mixed-60": Setting(
        "60 servers of mixed speed with antagonists, load 0.9", servers=60, speeds=MIXED, antagonists=True
    ),
    "equal": Setting("100 equal servers, load 0.9"),
    "equal-0.7": Setting("100 equal servers, load 0.7", load=0.7),
    "sinkholes": Setting("20 equal servers, 2 of them fail at once, load 0.7", servers=20, load=0.7, sinkholes=2),
    "come-and-go": Setting(
        "20 equal servers, load 0.7; one dies at 20 s, one joins at 30 s",
        servers=21,
        load=0.7,
        deaths=(20.0,),
        joins=(30.0,),
    ),
}


def work(rng: random.Random) -> float:
    """Seconds of work of one request."""
    while True:
        seconds = rng.gauss(MEAN_WORK, MEAN_WORK)
        if seconds > 0:
            return seconds


def mean_work() -> float:
    rng = random.Random(0)
    return sum(work(rng) for _ in range(20_000)) / 20_000
