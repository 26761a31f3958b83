"""What every destination shares: the night it reads and the shape of its own description."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

import polars as pl

from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import built_in, tables_of
from nightshift.errors import InputError, VectorMismatch
from nightshift.export.folder import Folder
from nightshift.features.content_spec import ContentSpec
from nightshift.storage.store import Store
from nightshift.tables import Table

PLACEBO = re.compile(r"(permuted\d*|template)__")
"""How columns of the placebos begin: they prove a gain and are of no use to a ranker, so no export carries
them."""


@dataclass(frozen=True)
class Published:
    """A published night, and the nights before it."""

    store: Store
    as_of: date
    tables: Mapping[str, Table] = field(default_factory=lambda: tables_of(built_in()))
    """Every table that a night may have, those of a user's own enrichments among them."""

    spec: ContentSpec = field(default_factory=lambda: content_spec(built_in()))
    """Which views the night has, and what of them rankers read."""

    def scan(self, table: Table) -> pl.LazyFrame:
        """The table as this night has it, without the placebos' columns."""
        return without_placebo(self.store.scan(table, self.as_of))

    def newest(self, table: Table) -> pl.LazyFrame | None:
        """The table's newest night at or before this one, for tables that are not made every night; None
        where there is none."""
        night = self.store.newest(table, self.as_of)
        return None if night is None else without_placebo(self.store.scan(table, night))

    def nights(self, table: Table) -> list[date]:
        """Nights of the table up to this one, oldest first."""
        return [night for night in self.store.nights(table) if night <= self.as_of]


@dataclass(frozen=True)
class Destination:
    """A tool that an export is made for."""

    name: str
    about: str
    """One line: which files, for what."""
    needs: tuple[Table, ...]
    """Tables that the exported night must have; what else there is goes along."""
    write: Callable[[Published, Folder], str]
    """Writes the files; returns how to load them, as Markdown for the README of the folder."""


def choose_night(store: Store, needs: tuple[Table, ...], on_or_before: date | None) -> date:
    """The newest night, at or before a day, that has all the tables. Raises InputError that says what
    there is instead."""
    nights = {
        table.name: [night for night in store.nights(table) if on_or_before is None or night <= on_or_before]
        for table in needs
    }
    shared = set.intersection(*map(set, nights.values()))
    if shared:
        return max(shared)
    until = f" at or before {on_or_before}" if on_or_before else ""
    found = ", ".join(f"{name}: {days[-1] if days else 'none'}" for name, days in nights.items())
    command = (
        "nightshift train"
        if "ranking_examples" in nights and not nights["ranking_examples"]
        else "nightshift run"
    )
    raise InputError(
        f"no night{until} under {store.home} has {' and '.join(nights)} (newest of {found}); make "
        f"one: {command}"
    )


def without_placebo(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The columns that a ranker may want."""
    return frame.select(name for name in frame.collect_schema().names() if not PLACEBO.match(name))


def features_of(frame: pl.LazyFrame) -> list[str]:
    """Names of the feature columns, `<family>__<column>`."""
    return [name for name in frame.collect_schema().names() if "__" in name]


def midnight(night: date) -> datetime:
    """The moment before which a night's features know events, and from which on they may be used."""
    return datetime.combine(night, time(), UTC)


def vectors(frame: pl.LazyFrame, key: str) -> dict[str, pl.DataFrame]:
    """View to its vectors: columns `key`, encoder_id, vector as fixed-size lists, sorted by key.

    Raises VectorMismatch when a view holds vectors of two encoders or of two lengths.
    """
    found = frame.collect().partition_by("view", as_dict=True, include_key=False)
    return {
        str(view): _fixed(str(view), part.select(key, "encoder_id", "vector").sort(key))
        for (view,), part in sorted(found.items())
    }


def _fixed(view: str, part: pl.DataFrame) -> pl.DataFrame:
    encoders, sizes = (
        part["encoder_id"].unique().sort().to_list(),
        part["vector"].list.len().unique().sort().to_list(),
    )
    if len(encoders) > 1 or len(sizes) > 1:
        raise VectorMismatch(
            f"view {view} mixes vectors of {encoders} with {sizes} dimensions; run the night again to its end"
        )
    return part.with_columns(pl.col("vector").list.to_array(sizes[0]))
