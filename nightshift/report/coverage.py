"""How much of what rankers read a model wrote or scored itself: said before a gain is credited to it.

A template or a group's sentence fills a row that no model was asked about. Where a budget left most rows to
them, the arm `llm` is mostly an encoder reading templates.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from nightshift.enrichments.base import Enrichment
from nightshift.features.starvation import published_caveat
from nightshift.lift.headline import headline
from nightshift.night.night import Night
from nightshift.tables import ITEMS, many

OWN = ("llm", "carried")
"""Origins of a row that a model made, this night or before."""


@dataclass(frozen=True)
class Covered:
    """Of how many items (users, ...) a table has a row that a model made."""

    table: str
    noun: str
    own: int
    of: int

    def __str__(self) -> str:
        return f"{self.table} {self.own:,} of {many(self.of, self.noun)}"


def coverage(night: Night) -> list[Covered]:
    """Every enrichment that comes from answers and that a ranker reads, in the order of the night."""
    return [
        _covered(night, each)
        for each in night.registry.values()
        if each.is_written and (each.views or each.features)
    ]


def _covered(night: Night, each: Enrichment[Any]) -> Covered:
    store, key = night.store, list(each.entity.key_columns)
    published = store.has(each.table, night.as_of)
    rows = store.scan(each.table, night.as_of) if published else each.table.empty().lazy()
    rows = rows.select(*key, own=pl.col("origin").is_in(OWN))
    of = store.manifest(ITEMS, night.as_of).rows if each.entity.name == "item" else _count(rows, key)
    return Covered(each.name, each.entity.name, _count(rows.filter("own"), key), of)


def _count(rows: pl.LazyFrame, key: list[str]) -> int:
    """How many different keys there are."""
    return int(rows.select(key).unique().select(pl.len()).collect().item())


def told_headline(night: Night, lift: pl.DataFrame) -> str:
    """`headline` of a night's `lift`: after it, how many rows the model made; a model that made none is
    credited with nothing."""
    covered = coverage(night)
    credited = any(each.own for each in covered)
    said = headline(lift, published_caveat(night.store, night.as_of), credited)
    return f"{said} Made by the model itself: {', '.join(map(str, covered))}." if covered else said
