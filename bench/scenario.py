"""What is measured, as data: scenarios.toml, read and checked."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.contenders import CONTENDERS
from bench.measure import KINDS
from bench.upstreams import UPSTREAMS

FILE = Path(__file__).with_name("scenarios.toml")


class Part(BaseModel):
    """A table of the file; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Upstream(Part):
    """What the proxies pass requests on to, by its name in `UPSTREAMS`, on `count` ports."""

    kind: str = "constant"
    count: int = Field(4, ge=1)
    options: dict[str, Any] = {}


class Variant(Part):
    """One of several ways to run a contender; `upstreams` = only so many of them, `load` and `options` add up."""

    name: str
    upstreams: int | None = Field(None, ge=1)
    load: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}


class Scenario(Part):
    """`contenders` in the order of their turns; `options` by contender.

    `baseline` is the contender that ratios are of; with `variants`, the ratio is to the same contender's first variant.
    """

    title: str
    kind: str
    contenders: list[str]
    baseline: str = "nginx"
    upstream: Upstream = Upstream()
    load: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    variants: list[Variant] = []
    streaming: bool = False
    tls: bool = False
    redis: bool = False
    rounds: int | None = Field(None, ge=1)
    longer: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _names_are_known(self) -> "Scenario":
        _known("kind", [self.kind], KINDS)
        _known("upstream.kind", [self.upstream.kind], UPSTREAMS)
        _known("contenders", [*self.contenders, *self.options], CONTENDERS)
        for variant in self.variants:
            _known(f"options of variant {variant.name!r}", variant.options, CONTENDERS)
        self.entries(self.contenders)
        return self

    def entries(self, chosen: Sequence[str]) -> list["Entry"]:
        """Everything that takes turns; ValidationError when the load does not fit the kind."""
        variants = self.variants or [Variant(name="")]
        return [self._entry(name, variant) for name in self.contenders if name in chosen for variant in variants]

    def _entry(self, contender: str, variant: Variant) -> "Entry":
        load = KINDS[self.kind].load.model_validate({**self.load, **variant.load})
        options = {**self.options.get(contender, {}), **variant.options.get(contender, {})}
        label = f"{contender}, {variant.name}" if variant.name else contender
        baseline = f"{contender}, {self.variants[0].name}" if variant.name else self.baseline
        return Entry(label, contender, load, options, baseline, variant.upstreams or self.upstream.count)


@dataclass(frozen=True)
class Entry:
    """A contender, or one variant of it, as it takes its turns in a scenario."""

    label: str
    contender: str
    load: Any
    options: Mapping[str, Any]
    baseline: str
    upstreams: int


def _known(what: str, names: Sequence[str] | Mapping[str, Any], registry: Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in registry]
    if unknown:
        raise ValueError(f"{what}: no such name: {', '.join(unknown)}; there are {', '.join(registry)}")


def read(text: str) -> dict[str, Scenario]:
    """The scenarios in TOML, in their order; ValueError names each wrong key, what is wrong and what may be there."""
    found, wrong = {}, []
    for name, table in tomllib.loads(text).items():
        try:
            found[name] = Scenario.model_validate(table)
        except ValidationError as error:
            wrong += [f"{name}.{_place(each['loc'])}: {each['msg']}" for each in error.errors()]
    if wrong:
        raise ValueError("\n".join(wrong))
    return found


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "*"


def load(file: Path = FILE) -> dict[str, Scenario]:
    """The scenarios of `file`."""
    return read(file.read_text(encoding="utf-8"))
