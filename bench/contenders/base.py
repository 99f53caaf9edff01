"""What a contender is: how to get it, which version it has, and how to start it for a job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.process import Process
from bench.stage import ROOT, Stage

PEERS = ROOT / "build" / "peers"


@dataclass(frozen=True)
class Certificate:
    """PEM files for a proxy that speaks TLS; `both` holds the two in one."""

    chain: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class Job:
    """What a proxy is to do: pass `/v1/llm/REST` on as `/v1/REST` to `upstreams`, evenly.

    `streaming`: events have to go on at once. `options` are the scenario's for this contender alone.
    """

    upstreams: tuple[int, ...]
    streaming: bool = False
    certificate: Certificate | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A proxy that listens on `port`; `process` is None where there is no proxy, in the direct run."""

    port: int
    process: Process | None
    base: str = "/v1/llm"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Package:
    """How a peer is installed: by `pip` into a virtual environment, by `npm` into a folder, or by the `system`.

    Versions are pinned: a run is to be repeatable, and nobody wants a release of this morning on his machine.
    """

    installer: str
    name: str
    program: str

    def path(self, contender: str) -> Path:
        """Where `bench peers install` puts the program of a contender."""
        folder = PEERS / contender
        return folder / (f"bin/{self.program}" if self.installer == "pip" else f"node_modules/{self.program}")


@dataclass(frozen=True)
class Contender:
    """`absent` tells why it cannot run here, or gives nothing; `prepare` does once what takes long, before all else;
    `awaited` says so while that is still to be done.

    `abilities` are among `tls` and `chat-only`, for those that know only the path /v1/chat/completions.
    """

    title: str
    absent: Callable[[], str | None]
    version: Callable[[], str]
    start: Callable[[Stage, Job], Running]
    package: Package | None = None
    abilities: frozenset[str] = frozenset()
    prepare: Callable[[], None] = lambda: None
    awaited: Callable[[], str] = lambda: ""


def not_installed(name: str, package: Package) -> Callable[[], str | None]:
    """The `absent` of a peer in build/peers."""

    def absent() -> str | None:
        return None if package.path(name).exists() else f"not installed: python -m bench peers install {name}"

    return absent
