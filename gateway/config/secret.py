"""Secrets: texts that are never shown, and what makes one too weak to start with."""

import json
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import SecretStr

from gateway.config.kind import Kind

SHORTEST = 32  # RFC 7518, section 3.2: a key of at least the hash's size
FEWEST_CHARACTERS = 8  # different ones; 32 random hex digits have fewer once in 10^8

GENERATE = "make one with: openssl rand -base64 48"

# What documentation, compose files and jwt.io put where a secret belongs.
_PLACEHOLDER = re.compile(
    r"(change|replace)[ _-]?(me|this|it)|your[ _-](own|jwt|super|very|secret|256|512)|"
    r"secret[ _-]?(key|here)|at[ _-]least[ _-](32|256)|(my|super|top)[ _-]?secret|example|placeholder",
    re.IGNORECASE,
)


def secret(check: Callable[[str], None]) -> Kind:
    """A text that is never shown; `check` raises ValueError, without repeating it, when it will not do."""

    def read(value: object) -> SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str):
            check(text)
            return SecretStr(text)
        raise ValueError("text, in quotes where YAML would see a number")

    return Kind(read, {"type": "string", "writeOnly": True, "x-type": "secret"}, lambda _: "***")


def check_hmac_secret(text: str) -> None:
    """ValueError, naming the remedy, unless `text` can sign tokens with HMAC-SHA-256."""
    length = len(text.encode("utf-8", "surrogatepass"))
    if length < SHORTEST:
        raise ValueError(f"at least {SHORTEST} bytes, this has {length}; {GENERATE}")
    if _is_key_document(text):
        raise ValueError(f"a random text, and this looks like a PEM, SSH or JSON key; {GENERATE}")
    if len(set(text)) < FEWEST_CHARACTERS:
        raise ValueError(f"a random text, and this repeats few characters; {GENERATE}")
    if _PLACEHOLDER.search(text):
        raise ValueError(f"a random text of your own, and this looks like one from documentation; {GENERATE}")


def _is_key_document(text: str) -> bool:
    # A public key taken for an HMAC secret lets anyone sign (CVE-2022-29217, GHSA-xgmm-8j9v-c9wx).
    if "-----BEGIN" in text or text.startswith(("ssh-", "ecdsa-")):
        return True
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


HmacSecret = Annotated[SecretStr, secret(check_hmac_secret)]
