"""What a ranker may read beside the flat rows: histories and item contents, both as of each row's moment.

Trees need none of it. DIN attends to the history itself and reads similarities and semantic ids of an
arm's own views, so an arm's permission is part of the context: `base` sees no view, `text` the raw one,
`llm` what the model wrote, and `permuted` the same dealt to other items.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import polars as pl

from nightshift.features.builder import Builder
from nightshift.features.content import ItemCodes, NightContent, View
from nightshift.features.dealings import dealing_of
from nightshift.features.examples import ExampleInputs
from nightshift.features.history import EventLog, Ints
from nightshift.features.settings import ExampleSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """The event log, the nights' content, and the families whose views may be read."""

    log: EventLog
    builder: Builder
    families: tuple[str, ...] = ("base", "text", "llm", "permuted")

    @classmethod
    def of(cls, inputs: ExampleInputs, settings: ExampleSettings | None = None) -> Self:
        """The context of the rows that `build_examples` makes of the same inputs and settings."""
        builder = inputs.builder(settings or ExampleSettings())
        return cls(builder.log(inputs.interactions), builder)

    def seeing(self, families: tuple[str, ...]) -> "Context":
        """The same events, with the views of these families only."""
        return replace(self, families=families)

    @property
    def items(self) -> pl.DataFrame:
        """The catalogue; item codes are places in it."""
        return self.builder.items

    def night_of(self, moment: Ints) -> Ints:
        """(rows,) number of the night each row reads; rows before the first night read the first."""
        return self.builder.night_of(moment).clip(0)

    def views(self, night: int) -> dict[str, View]:
        """The vectors that may be read, named `<family>__<view>`."""
        return self._named(night, lambda content: content.views)

    def codes(self, night: int) -> dict[str, ItemCodes]:
        """The semantic ids that may be read, named `<family>__<view>`."""
        return self._named(night, lambda content: content.codes)

    def _named(self, night: int, read: Callable[[NightContent], Mapping[str, T]]) -> dict[str, T]:
        opened = [(family, names, read(content)) for family, names, content in self._open(night)]
        return {
            f"{family}__{name}": found[name]
            for family, names, found in opened
            for name in names
            if name in found
        }

    def _open(self, night: int) -> list[tuple[str, tuple[str, ...], NightContent]]:
        """(family, its views, the content to read them from) of every family that has views."""
        dealt, spec = {family: dealing_of(family) for family in self.families}, self.builder.spec
        return [
            (family, spec.similar("llm"), self.builder.placebo(self.log, night, dealing))
            if dealing is not None
            else (family, spec.similar(family), self.builder.nights[night])
            for family, dealing in dealt.items()
        ]
