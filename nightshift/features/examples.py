"""Training rows: every event since the first night, with the features that were known strictly before it.

Event-time statistics are exact at the row's moment; model-written content comes from the newest nightly snapshot at or
before the row's day. Events before the first snapshot serve as history only.

A list (`group_id`) is a request where the source has requests, otherwise the rows of one user at the very same moment.
A day would be the tempting list, and a leak: rank and z-score inside it would compare a morning row with an evening
row whose features already know the morning's label. For the same reason all rows of a request take the moment of its
first row. Splits are global in time: train before t1, valid between, test from t2.
"""

import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl

from nightshift.errors import SourceError
from nightshift.features.builder import Builder
from nightshift.features.content import Snapshot
from nightshift.features.rows import Columns, FeatureFunction, Rows
from nightshift.features.settings import ExampleSettings
from nightshift.history import EventLog, without_duplicates
from nightshift.tables import MOMENT, RANKING_EXAMPLES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExampleInputs:
    """Everything training rows are made of."""

    items: pl.DataFrame
    """The `items` table."""
    interactions: pl.DataFrame
    """The `interactions` table: all events before the training night."""
    snapshots: dict[date, Snapshot] = field(default_factory=dict)
    """What the models had written, by night; a row never sees a night after its own day."""
    extra: dict[str, FeatureFunction] = field(default_factory=dict)
    """More feature families by name, held to the same proofs."""

    def builder(self, settings: ExampleSettings) -> Builder:
        """A builder for these inputs; pass it along to reuse the nights' content and the refits."""
        return Builder(self.items, self.snapshots, settings.features, settings.seed, self.extra)


def asked_rows(interactions: pl.DataFrame) -> pl.DataFrame:
    """Events as rows to describe: user_id, item_id, timestamp, label, moment (int, microseconds), group_id, real_list.

    Sorted by moment, user, item; `moment` is the timestamp, or that of the request's first row.
    """
    real = pl.col("request_id").is_not_null()
    first = pl.when(real).then(pl.col("timestamp").min().over("user_id", "request_id")).otherwise(pl.col("timestamp"))
    own = pl.format("{}|{}", "user_id", pl.col("timestamp").to_physical())
    rows = without_duplicates(interactions).with_columns(
        first.cast(MOMENT).to_physical().alias("moment"),
        pl.when(real).then("request_id").otherwise(own).alias("group_id"),
        real.alias("real_list"),
    )
    return rows.select("user_id", "item_id", "timestamp", "label", "moment", "group_id", "real_list").sort("moment", "user_id", "item_id")


def _cut(moment: datetime | None, share: float, times: np.ndarray) -> int:
    """A cut in microseconds since 1970: the given moment (UTC unless it says otherwise), or the time below which `share` of events lie."""
    if moment is None:
        return int(np.quantile(times, share, method="higher")) if len(times) else 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)


def cuts(interactions: pl.DataFrame, settings: ExampleSettings) -> tuple[int, int]:
    """t1 and t2 in microseconds since 1970: first moment of validation and of the test. Raises SourceError when out of order."""
    times = interactions["timestamp"].cast(MOMENT).to_physical().to_numpy()
    first, second = _cut(settings.train_until, settings.train_share, times), _cut(settings.valid_until, settings.valid_share, times)
    if len(times) and first >= second:
        raise SourceError(f"validation would start at {first} and the test at {second} (microseconds); set train_until before valid_until")
    return first, second


def build_features(events: EventLog, asked: pl.DataFrame, builder: Builder) -> Columns:
    """Feature columns of asked rows (see `asked_rows`) from a log of events."""
    return builder.columns(events, Rows.of(asked, events))


def build_examples(inputs: ExampleInputs, settings: ExampleSettings | None = None, builder: Builder | None = None) -> pl.DataFrame:
    """The `ranking_examples` table. Logs how many events came before the first night and are history only."""
    settings = settings or ExampleSettings()
    builder = builder or inputs.builder(settings)
    everything = asked_rows(inputs.interactions)
    asked = everything.filter(pl.Series(builder.night_of(everything["moment"].to_numpy()) >= 0, dtype=pl.Boolean))
    dropped = everything.height - asked.height
    log.info("%d training rows; %d events before the first night are history only", asked.height, dropped)
    if not asked.height:
        return RANKING_EXAMPLES.empty()
    columns = build_features(builder.log(inputs.interactions), asked, builder)
    return RANKING_EXAMPLES.conform(_frame(asked, columns, builder, *cuts(inputs.interactions, settings)))


def _frame(asked: pl.DataFrame, columns: Columns, builder: Builder, first: int, second: int) -> pl.DataFrame:
    moment = pl.col("moment")
    split = pl.when(moment < first).then(pl.lit("train")).when(moment < second).then(pl.lit("valid")).otherwise(pl.lit("test"))
    nights = pl.Series("as_of", builder.dates, dtype=pl.Date).gather(builder.night_of(asked["moment"].to_numpy()))
    named: dict[str, Any] = dict(columns)
    rows = asked.with_columns(split.alias("split"), nights).drop("moment", "real_list")
    return rows.hstack(pl.DataFrame(named)) if named else rows
