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
    key = list(each.entity.key_columns)
    rows = night.store.read_or_empty(each.table, night.as_of)
    own = rows.filter(pl.col("origin").is_in(OWN)).select(key).n_unique()
    asked = night.store.read_or_empty(ITEMS, night.as_of) if each.entity.name == "item" else rows
    return Covered(each.name, each.entity.name, own, asked.select(key).n_unique())


def told_headline(night: Night, lift: pl.DataFrame) -> str:
    """`headline` of a night's `lift`: after it, how many rows the model made; a model that made none is
    credited with nothing."""
    covered = coverage(night)
    credited = any(each.own for each in covered)
    said = headline(lift, published_caveat(night.store, night.as_of), credited)
    return f"{said} Made by the model itself: {', '.join(map(str, covered))}." if covered else said
