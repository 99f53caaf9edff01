"""A rule over the whole configuration that is broken."""

from typing import NamedTuple

from gateway.config.mistake import KeyPath


class Fault(NamedTuple):
    """Where, what is there, what to do."""

    path: KeyPath
    shown: str
    remedy: str
