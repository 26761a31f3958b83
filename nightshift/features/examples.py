"""Training rows: every event since the first night, with the features that were known strictly before it.

Event-time statistics are exact at the row's moment; model-written content comes from the newest nightly
snapshot at or before the row's day. Events before the first snapshot serve as history only.

A list (`group_id`) is a request where the source has requests, otherwise the rows of one user at the very
same moment. A day would be the tempting list, and a leak: rank and z-score inside it would compare a
morning row with an evening row whose features already know the morning's label. For the same reason all
rows of a request take the moment of its first row. Splits are global in time: train before t1, valid
between, test from t2.

Implicit feedback says nothing of what was not chosen: its rows are the candidates of the moments at which
users chose (nightshift.features.candidates.lists).
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
from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.features.history import EventLog, without_duplicates
from nightshift.features.rows import Columns, FeatureFunction, Rows
from nightshift.features.settings import ExampleSettings
from nightshift.tables import MOMENT, RANKING_EXAMPLES

log = logging.getLogger(__name__)

ASKED_ORDER = ("moment", "user_id", "item_id", "group_id")
"""How asked rows are sorted."""


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
    implicit: bool = False
    """Every event is a choice; what else could have been chosen comes from the candidate stage."""
    spec: ContentSpec = field(default_factory=first_spec)
    """What is read of the snapshots."""

    def builder(self, settings: ExampleSettings) -> Builder:
        """A builder for these inputs; pass it along to reuse the nights' content and the refits."""
        from nightshift.features.candidates.stage import (
            Stage,  # which looks at rows and nights, as the builder does
        )

        stage = Stage(settings.candidates) if self.implicit else None
        return Builder(
            self.items, self.snapshots, settings.features, settings.seed, self.extra, stage, self.spec
        )


def asked_rows(interactions: pl.DataFrame) -> pl.DataFrame:
    """Events as rows to describe: user_id, item_id, timestamp, label, moment (int, microseconds),
    group_id, real_list.

    Sorted by moment, user, item, list; an item that was shown in two lists at once has a row in each.
    `moment` is the timestamp, or that of the request's first row.
    """
    real = pl.col("request_id").is_not_null()
    first = (
        pl.when(real)
        .then(pl.col("timestamp").min().over("user_id", "request_id"))
        .otherwise(pl.col("timestamp"))
    )
    own = pl.format("{}|{}", "user_id", pl.col("timestamp").to_physical())
    rows = without_duplicates(interactions, by_list=True).with_columns(
        first.cast(MOMENT).to_physical().alias("moment"),
        pl.when(real).then("request_id").otherwise(own).alias("group_id"),
        real.alias("real_list"),
    )
    return rows.select("user_id", "item_id", "timestamp", "label", "moment", "group_id", "real_list").sort(
        *ASKED_ORDER
    )


def _cut(moment: datetime | None, share: float, times: np.ndarray) -> int:
    """A cut in microseconds since 1970: the given moment (UTC unless it says otherwise), or the time below
    which `share` of events lie."""
    if moment is None:
        return int(np.quantile(times, share, method="higher")) if len(times) else 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)


def cuts(interactions: pl.DataFrame, settings: ExampleSettings) -> tuple[int, int]:
    """t1 and t2 in microseconds since 1970: first moment of validation and of the test. Raises SourceError
    when out of order."""
    times = interactions["timestamp"].cast(MOMENT).to_physical().to_numpy()
    first, second = (
        _cut(settings.train_until, settings.train_share, times),
        _cut(settings.valid_until, settings.valid_share, times),
    )
    if len(times) and first >= second:
        raise SourceError(
            f"validation would start at {first} and the test at {second} (microseconds); set "
            f"train_until before valid_until"
        )
    return first, second


def build_features(events: EventLog, asked: pl.DataFrame, builder: Builder) -> Columns:
    """Feature columns of asked rows (see `asked_rows`) from a log of events. A missed item stands in no
    list: nobody had shown it."""
    apart = (
        pl.when(pl.col("retrieved").not_())
        .then(pl.col("group_id") + "|missed")
        .otherwise("group_id")
        .alias("group_id")
    )
    listed = asked.with_columns(apart) if "retrieved" in asked.columns else asked
    return builder.columns(events, Rows.of(listed, events))


def build_examples(
    inputs: ExampleInputs, settings: ExampleSettings | None = None, builder: Builder | None = None
) -> pl.DataFrame:
    """The `ranking_examples` table. Logs how many events came before the first night and are history only."""
    settings = settings or ExampleSettings()
    builder = builder or inputs.builder(settings)
    events = builder.log(inputs.interactions)
    asked = (
        _candidate_rows(inputs, settings, builder, events)
        if inputs.implicit
        else _shown_rows(inputs, settings, builder)
    )
    if not asked.height:
        return RANKING_EXAMPLES.empty()
    return RANKING_EXAMPLES.conform(_frame(asked, build_features(events, asked, builder), builder))


def _split(interactions: pl.DataFrame, settings: ExampleSettings) -> pl.Expr:
    """train, valid or test of rows with user_id and moment."""
    moment = pl.col("moment")
    if settings.split == "last":
        back = moment.rank("dense", descending=True).over("user_id")
        return (
            pl.when(back == 1)
            .then(pl.lit("test"))
            .when(back == 2)
            .then(pl.lit("valid"))
            .otherwise(pl.lit("train"))
            .alias("split")
        )
    first, second = cuts(interactions, settings)
    split = (
        pl.when(moment < first)
        .then(pl.lit("train"))
        .when(moment < second)
        .then(pl.lit("valid"))
        .otherwise(pl.lit("test"))
    )
    return split.alias("split")


def _since_the_first_night(rows: pl.DataFrame, builder: Builder) -> pl.DataFrame:
    asked = rows.filter(pl.Series(builder.night_of(rows["moment"].to_numpy()) >= 0, dtype=pl.Boolean))
    log.info(
        "%d events to learn from; %d before the first night are history only",
        asked.height,
        rows.height - asked.height,
    )
    return asked


def _shown_rows(inputs: ExampleInputs, settings: ExampleSettings, builder: Builder) -> pl.DataFrame:
    rows = asked_rows(inputs.interactions).with_columns(
        _split(inputs.interactions, settings), retrieved=pl.lit(None, pl.Boolean)
    )
    return _since_the_first_night(rows, builder)


def _candidate_rows(
    inputs: ExampleInputs, settings: ExampleSettings, builder: Builder, events: EventLog
) -> pl.DataFrame:
    from nightshift.features.candidates.lists import chosen_lists, listed, lists_of, moments

    assert builder.stage is not None
    chosen = moments(inputs.interactions, settings.candidates.repeats).with_columns(
        _split(inputs.interactions, settings)
    )
    chosen = _since_the_first_night(chosen, builder)
    lists = chosen_lists(lists_of(chosen), settings.candidates, settings.seed)
    return listed(events, lists, chosen, builder, builder.stage, settings.seed).with_columns(
        real_list=pl.lit(False)
    )


def _frame(asked: pl.DataFrame, columns: Columns, builder: Builder) -> pl.DataFrame:
    nights = pl.Series("as_of", builder.dates, dtype=pl.Date).gather(
        builder.night_of(asked["moment"].to_numpy())
    )
    named: dict[str, Any] = dict(columns)
    rows = asked.with_columns(nights).drop("moment", "real_list")
    return rows.hstack(pl.DataFrame(named)) if named else rows
