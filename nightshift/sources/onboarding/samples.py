"""The first rows of both sources, as measured columns. Bounded, whatever the size of the files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.columns import id_of
from nightshift.sources.files import SourceFile, find_files, guarded
from nightshift.sources.onboarding.columns import Column
from nightshift.sources.swallowed import settled
from nightshift.sources.text_lists import read_lists
from nightshift.sources.wording import unsplit

ITEM_ROWS, EVENT_ROWS = 20_000, 50_000
"""Rows looked at, spread evenly over the files of a source."""
UUID_BYTES = 16
ASKED_IDS = 1_000
"""Event ids that are looked up in the whole catalogue."""


@dataclass(frozen=True)
class Sample:
    """The first rows of a source."""

    block: str
    path: str
    files: tuple[SourceFile, ...]
    frame: pl.DataFrame
    whole: bool
    """Every row is in the sample."""

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Name to column, in the order of the file."""
        return {name: Column(name, self.frame[name]) for name in self.frame.columns}

    @property
    def rows(self) -> str:
        """How many rows were looked at: `the first 20,000 rows`, `all 812 rows`."""
        return f"{'all' if self.whole else 'the first'} {self.frame.height:,} rows"

    @classmethod
    def of(cls, block: str, path: str, root: Path, most: int) -> "Sample":
        """Read the sample. Raises SourceError when there is no such file, it cannot be read, or it has no
        rows."""
        files, _ = settled(find_files(block, path, root))
        _check_separator(files[0])
        heads = [
            guarded(file, lambda one: one.scan().head(most // len(files) + 1).collect()) for file in files
        ]
        frame = pl.concat(heads, how="diagonal_relaxed").head(most)
        if frame.is_empty():
            raise SourceError(f"{files[0].place} has no rows: sources.{block}.path names an empty file")
        if block == "items":
            frame = frame.with_columns(
                read_lists(frame[name]) for name, dtype in frame.schema.items() if dtype == pl.String
            )
        return cls(
            block,
            path,
            tuple(files),
            frame.select(map(_measurable, frame)),
            all(head.height <= most // len(files) for head in heads),
        )


def _measurable(column: pl.Series) -> pl.Series:
    """Decimals as numbers, the longest of them and the 16 bytes of a UUID as an id is written."""
    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        whole = column.cast(pl.Int64, strict=False) if not dtype.scale else column.cast(pl.Float64)
        if whole.null_count() == column.null_count():
            return whole
    uuids = (
        isinstance(dtype, pl.Binary)
        and column.len() > column.null_count()
        and bool((column.bin.size() == UUID_BYTES).all())
    )
    if not isinstance(dtype, pl.Decimal) and not uuids:
        return column
    return column.to_frame().select(id_of("", column.name, dtype, "").alias(column.name)).to_series()


def _check_separator(file: SourceFile) -> None:
    """Raise SourceError when a file has one column whose name looks like a header that was not split."""
    names = guarded(file, lambda one: one.scan().collect_schema().names())
    if mark := unsplit(names):
        raise SourceError(
            f"{file.place} has one column, {names[0]!r}: its values are separated by {mark}. Save it "
            f"as Parquet, or with commas"
        )


@dataclass(frozen=True, eq=False)
class Samples:
    """Both sources."""

    items: Sample
    events: Sample

    @classmethod
    def of(cls, items: str, events: str, root: Path) -> "Samples":
        """Read both; paths are relative to `root`. Raises SourceError with the place and the way out."""
        return cls(
            Sample.of("items", items, root, ITEM_ROWS), Sample.of("interactions", events, root, EVENT_ROWS)
        )

    def overlap(self, item_column: str, event_column: str) -> tuple[float, int]:
        """Share of sampled event ids that the catalogue has, and how many were looked up."""
        return _overlap(self, item_column, event_column)


@lru_cache(maxsize=64)
def _overlap(found: Samples, item_column: str, event_column: str) -> tuple[float, int]:
    asked = found.events.columns[event_column].keys.head(ASKED_IDS)
    known = found.items.columns[item_column].keys
    share = asked.is_in(known.implode()).mean() if len(asked) else 0.0
    if not found.items.whole and isinstance(share, float) and share < 0.5:
        share = _in_whole(found.items, item_column, asked)
    return (float(share), len(asked)) if isinstance(share, (int, float)) else (0.0, len(asked))


def _in_whole(items: Sample, column: str, asked: pl.Series) -> float:
    """The share that the whole files have: one column is read, no more."""
    wanted = pl.col(column).is_in(asked.implode())
    seen = [
        guarded(file, lambda one: _ids(one, column).filter(wanted).unique().collect())[column]
        for file in items.files
    ]
    return pl.concat(seen).n_unique() / max(len(asked), 1)


def _ids(file: SourceFile, column: str) -> pl.LazyFrame:
    rows = file.scan()
    found = id_of("sources.items.item_id", column, rows.collect_schema()[column], file.place)
    return rows.select(found.str.replace(r"\.0$", "").alias(column))
