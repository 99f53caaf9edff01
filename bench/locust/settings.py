"""What all locust files here read from the environment.

| variable | default | |
| --- | --- | --- |
| `TOKEN` | none | sent as `Authorization: Bearer` |
| `SERVICE` | `demo` | requests go below `/v1/$SERVICE`, unless `--host` has a path (`http://127.0.0.1:8000/v1`) |
| `MODEL` | `demo` | |
| `MAX_TOKENS` | 64 | length of a reply |
| `PROMPT` | 1000 | median size of a prompt in bytes; sizes are log-normal |
| `SPREAD` | 1.0 | their sigma: 68 % lie between 1/e and e times the median; 0 makes all equal |
| `PROMPT_MAX` | 100000 | no prompt is longer |
| `THINK` | 1 | mean seconds between two requests of a user, exponential; 0 for none |
| `LEAVE_AFTER` | 5 | tokens after which `leaving.py` hangs up, on average |
"""

import os
import random
from urllib.parse import urlsplit

TOKEN = os.environ.get("TOKEN", "")
SERVICE = os.environ.get("SERVICE", "demo")
MODEL = os.environ.get("MODEL", "demo")


def number(name: str, default: float) -> float:
    """The variable `name`, which is a number and not negative; SystemExit names it when it is not."""
    text = os.environ.get(name, "") or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0:
        raise SystemExit(f"{name}={text}: not a number from 0 on")
    return value


MAX_TOKENS = int(number("MAX_TOKENS", 64))
PROMPT, SPREAD, PROMPT_MAX = number("PROMPT", 1000), number("SPREAD", 1.0), number("PROMPT_MAX", 100_000)
THINK = number("THINK", 1.0)
LEAVE_AFTER = number("LEAVE_AFTER", 5)
WORDS = ("the", "reader", "asks", "how", "words", "are", "passed", "on", "while", "a", "writer", "waits")


def base(host: str) -> str:
    """The path that requests begin with, for `--host`."""
    return "" if urlsplit(host).path.strip("/") else f"/v1/{SERVICE}"


def prompt() -> str:
    """Words, log-normal in their length; no two prompts begin the same."""
    size = min(random.lognormvariate(0, SPREAD) * PROMPT, PROMPT_MAX)
    words = [f"{random.getrandbits(32):08x}"]
    length = len(words[0])
    while length < size:
        word = random.choice(WORDS)
        words.append(word)
        length += 1 + len(word)
    return " ".join(words)


def think(_: object) -> float:
    """Seconds until a user's next request."""
    return random.expovariate(1 / THINK) if THINK else 0.0
