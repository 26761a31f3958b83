"""What every dataset gives: the two tables, and the same rows as source files that a mapping can read."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nightshift.sources.settings import SourcesSettings


@dataclass(frozen=True)
class Dataset:
    """A catalogue and its events, as tables and as they would look in a user's own files."""

    name: str
    """The dataset's name."""
    items: pl.DataFrame
    """The catalogue; conforms to `ITEMS`."""
    interactions: pl.DataFrame
    """The events; conforms to `INTERACTIONS`, sorted by timestamp, user and item."""
    source_items: pl.DataFrame
    """The catalogue with the dataset's own columns."""
    source_interactions: pl.DataFrame
    """The events with the dataset's own columns."""
    mapping: SourcesSettings
    """How the two source frames, written by `write_sources`, are read back; paths are relative to their
    folder."""
    users: pl.DataFrame | None = None
    """What is known about users. None where the loader leaves demographics out, as it does by default."""


def write_sources(dataset: Dataset, folder: Path) -> SourcesSettings:
    """Write `items.parquet` and `interactions.parquet` as plain source files; returns the mapping that
    reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, source in (
        (dataset.source_items, dataset.mapping.items),
        (dataset.source_interactions, dataset.mapping.interactions),
    ):
        partial = folder / f"{source.path}.partial"
        frame.write_parquet(partial)
        partial.replace(folder / source.path)
    return dataset.mapping
