"""What a published format is: where it is had, which files it has, and how they become a catalogue and
events."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from nightshift.sources.datasets.published.original import Original
from nightshift.sources.settings import InteractionsSource, ItemsSource, SourcesSettings

ITEMS_FILE, EVENTS_FILE = "items.parquet", "interactions.parquet"


@dataclass(frozen=True)
class Tables:
    """A data set, opened: its two tables frame by frame, and how to map them."""

    items: Iterator[pl.DataFrame]
    """The catalogue; every frame has the same columns."""
    events: Iterator[pl.DataFrame]
    """The events: `user_id`, `item_id`, `timestamp`, and what else the data set has."""
    mapping: SourcesSettings
    """How the two Parquet files are read back."""


@dataclass(frozen=True)
class Format:
    """A layout in which data sets are published."""

    name: str
    """The name on the command line."""
    title: str
    """What it is, in a few words."""
    home: str
    """Where it is had: a URL."""
    files: str
    """What `--from` should name, and which files must be there."""
    licence: str
    """What its authors ask of users, in short; their own text decides."""
    read: Callable[[Original], Tables]
    """Opens it. Raises SourceError when a file is missing; iterating raises it when a line cannot be read."""
    notes: tuple[str, ...] = field(default=())
    """What was chosen or left out, and why; becomes comments in nightshift.yaml."""


def mapped(items: Mapping[str, object], events: Mapping[str, object]) -> SourcesSettings:
    """The mapping of the two files, given what differs from one id, `title`, one user and a `timestamp` in
    UTC."""
    return SourcesSettings(
        items=ItemsSource.model_validate(
            {"path": ITEMS_FILE, "item_id": "item_id", "title": "title", **items}
        ),
        interactions=InteractionsSource.model_validate(
            {
                "path": EVENTS_FILE,
                "user_id": "user_id",
                "item_id": "item_id",
                "timestamp": "timestamp",
                **events,
            }
        ),
    )


STARS = {"feedback": "explicit", "label": "rating", "positive_from": 4}
"""Ratings of one to five stars, of which four and five count as positive."""


def moment(column: str, unit: str) -> pl.Expr:
    """Whole numbers since 1970 as UTC."""
    scale = {"s": 1_000_000, "ms": 1_000}[unit]
    return (pl.col(column).cast(pl.Int64) * scale).cast(pl.Datetime("us", "UTC")).alias("timestamp")
