"""Where an enrichment's inputs come from: a night that is being published, or one that is only foreseen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from nightshift.enrichments.engine import Step, assembled
from nightshift.enrichments.entities import Reader
from nightshift.storage.store import Store
from nightshift.tables import Table


@dataclass(frozen=True)
class Published:
    """Tables as the night's run has published them so far."""

    store: Store
    tables: dict[str, Table]
    as_of: date

    def read(self, name: str) -> pl.DataFrame:
        """Tonight's rows. Raises TableError before the table was published."""
        return self.store.read(self.tables[name], self.as_of)

    def last(self, name: str) -> pl.DataFrame:
        """The rows of the newest night before; none where there was none."""
        table = self.tables[name]
        return self.store.read_or_empty(table, self.store.before(table, self.as_of))

    def known(self, name: str, day: date) -> pl.DataFrame | None:
        """The rows of the newest night at or before a day, never younger than tonight."""
        night = self.store.newest(self.tables[name], min(day, self.as_of))
        return None if night is None else self.store.read(self.tables[name], night)


@dataclass(frozen=True)
class Foreseen:
    """Tables as a run would publish them now: the sources as they are, enrichments as the ledger has them.

    Nothing is written, and a table is put together only when another one reads it.
    """

    published: Published
    sources: dict[str, pl.DataFrame]
    """Tables that are there already, by name: those of the sources."""
    begin: Callable[[str, Reader], Step]
    """An enrichment's step, from these tables."""
    _steps: dict[str, Step] = field(default_factory=dict)
    _made: dict[str, pl.DataFrame] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        """An enrichment's rows and requests, as a run would have them."""
        if name not in self._steps:
            self._steps[name] = self.begin(name, self)
        return self._steps[name]

    def read(self, name: str) -> pl.DataFrame:
        """What a table would hold."""
        if name in self.sources:
            return self.sources[name]
        if name not in self._made:
            self._made[name] = assembled(self.step(name)).frame
        return self._made[name]

    def last(self, name: str) -> pl.DataFrame:
        """The rows of the newest night before."""
        return self.published.last(name)

    def known(self, name: str, day: date) -> pl.DataFrame | None:
        """The rows of the newest night at or before a day."""
        return self.published.known(name, day)
