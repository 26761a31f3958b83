"""The user's events -> `INTERACTIONS`: mapped, checked, nothing at or after the night, each event once."""

import dataclasses
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.columns import id_of, label_of, rating_of
from nightshift.sources.files import FILE, SourceFile, columns_of, find_files, guarded, numbered
from nightshift.sources.quoting import Span
from nightshift.sources.ratings import odd_ratings
from nightshift.sources.reads import (
    CONTRADICTED,
    FUTURE,
    NO_ITEM,
    NO_LABEL,
    NO_TIME,
    NO_USER,
    REASON,
    RESPELT,
    TOO_EARLY,
    UNKNOWN,
    VALUE,
    EventsRead,
    Oddity,
    check_share,
    counts,
    rejects,
)  # fmt: skip
from nightshift.sources.repeats import AGAINST, REPEATED, told_apart
from nightshift.sources.settings import InteractionsSource
from nightshift.sources.spelling import catalogue_spelling
from nightshift.sources.swallowed import counted_with, settled, swallowed_by, swallowed_rejects
from nightshift.sources.times import PLAUSIBLE_FROM, check_unit, moment_of, utc
from nightshift.sources.wording import shown
from nightshift.tables import INTERACTIONS

LAST_IN_ORDER = datetime(2000, 12, 31, 12, tzinfo=UTC)
"""Where the last event of every user is laid when a source has an order and no times."""


def read_interactions(
    source: InteractionsSource, root: Path, items: pl.DataFrame, *, before: datetime | None, now: datetime
) -> EventsRead:
    """The events strictly before `before` (None: all of them); paths are relative to `root`, the folder of
    nightshift.yaml.

    `items` is the catalogue (only `item_id` is used), `now` the wall clock: what claims to be later than
    it is dropped.
    Raises SourceError when a file, column, type or unit is missing or wrong, or too many rows cannot be read.
    """
    files, spans = settled(find_files("interactions", source.path, root))
    read = pl.concat([guarded(file, partial(_read_file, source, utc(now))) for file in files])
    if read.is_empty():
        raise SourceError(f"{files[0].place} has no rows: sources.interactions.path names no events")
    rows = _positive(source, files, read)
    _check_units(source, files, rows, utc(now))
    odd = odd_ratings(source, rows, files)
    rows, respelt = _as_the_catalogue_spells(rows, items, files)
    known = rows["item_id"].is_in(items["item_id"].implode())
    rows = rows.with_columns(_reason(known, utc(now), _too_early(source, rows, utc(now))).alias(REASON))
    rows = rows.with_columns(_value().alias(VALUE))
    found = _result(
        source, files, _laid_back(rows) if source.timestamp_unit == "order" else rows, items, before, spans
    )
    return dataclasses.replace(found, other_kinds=read.height - rows.height, odd=found.odd | odd | respelt)


def _read_file(source: InteractionsSource, now: datetime, file: SourceFile) -> pl.DataFrame:
    settings = ("user_id", "item_id", "timestamp", "label", "group", "kind")
    schema = dict(
        columns_of(
            "interactions", file, [(name, column) for name in settings if (column := getattr(source, name))]
        )
    )
    unit = (
        "us" if source.timestamp_unit == "order" else source.timestamp_unit
    )  # an order becomes moments in `_laid_back`
    time = moment_of(
        "sources.interactions.timestamp", source.timestamp, schema[source.timestamp], unit, file.place
    )
    label = label_of(source, schema, file.place)
    columns = {
        "user_id": id_of("sources.interactions.user_id", source.user_id, schema[source.user_id], file.place),
        "item_id": id_of("sources.interactions.item_id", source.item_id, schema[source.item_id], file.place),
        "timestamp": time,
        "label": label,
        "kind": pl.col(source.kind).cast(pl.String) if source.kind else pl.lit(None, pl.String),
        "request_id": _group(source, schema, file),
        "_raw_time": pl.when(time.is_null() | (time > now) | (time < PLAUSIBLE_FROM)).then(
            pl.col(source.timestamp).cast(pl.String)
        ),
        "_rating": rating_of(source, schema[source.label])
        if source.label and source.feedback == "explicit"
        else pl.lit(None, pl.Float64),
        "_raw_label": pl.when(label.is_null()).then(pl.col(source.label).cast(pl.String))
        if source.label
        else pl.lit(None, pl.String),
    }
    return numbered(file, columns).collect()


def _group(source: InteractionsSource, schema: dict[str, pl.DataType], file: SourceFile) -> pl.Expr:
    if source.group is None:
        return pl.lit(None, pl.String)
    return id_of("sources.interactions.group", source.group, schema[source.group], file.place)


def _positive(source: InteractionsSource, files: list[SourceFile], read: pl.DataFrame) -> pl.DataFrame:
    """Events of a positive kind; all of them where no kinds are named."""
    if source.positive_kinds is None:
        return read
    rows = read.filter(pl.col("kind").is_in(source.positive_kinds))
    if rows.is_empty():
        found = shown(read["kind"].drop_nulls().unique(maintain_order=True).head(12).to_list())
        named = shown(list(source.positive_kinds))
        fix = f"column {source.kind!r} holds {found}; name some of these"
        raise SourceError(
            f"no event of {files[0].place} is of a kind in sources.interactions.positive_kinds {named}; {fix}"
        )
    return rows


def _check_units(
    source: InteractionsSource, files: list[SourceFile], rows: pl.DataFrame, now: datetime
) -> None:
    if source.timestamp_unit == "order":
        return
    middles = dict(rows.group_by(FILE).agg(pl.col("timestamp").median()).iter_rows())
    for file in files:
        check_unit(
            "sources.interactions.timestamp",
            source.timestamp,
            source.timestamp_unit,
            file,
            middles.get(file.number),
            now,
        )


def _too_early(source: InteractionsSource, rows: pl.DataFrame, now: datetime) -> pl.Expr:
    """Whether a moment lies before 1980 where others lie after it. Steps of a simulation all do and stay."""
    times = rows["timestamp"]
    mixed = source.timestamp_unit != "order" and bool(((times >= PLAUSIBLE_FROM) & (times <= now)).any())
    return (pl.col("timestamp") < PLAUSIBLE_FROM) if mixed else pl.lit(False)


def _as_the_catalogue_spells(
    rows: pl.DataFrame, items: pl.DataFrame, files: list[SourceFile]
) -> tuple[pl.DataFrame, dict[str, Oddity]]:
    """The rows with item ids as the catalogue has them, where only a `.0` is between; how many these are."""
    spelling = catalogue_spelling(rows["item_id"], items["item_id"])
    if not spelling:
        return rows, {}
    respelt = rows.filter(pl.col("item_id").is_in(list(spelling)))
    return rows.with_columns(pl.col("item_id").replace(spelling)), {
        RESPELT: Oddity.of(respelt, "item_id", files)
    }


def _laid_back(rows: pl.DataFrame) -> pl.DataFrame:
    """One day for each place in a user's order, counted back from a last day that all users share. Rows
    that are dropped do not count.

    Counted from the end, so that the events strictly before anybody's last one are all events but the last
    ones.
    """
    place = pl.when(pl.col(REASON).is_null()).then("timestamp")
    days = place.rank("dense", descending=True).over("user_id").cast(pl.Int64) - 1
    laid = (pl.lit(LAST_IN_ORDER) - pl.duration(days=days)).dt.cast_time_unit("us")
    return rows.with_columns(pl.coalesce(laid, "timestamp").alias("timestamp"))


def _reason(known: pl.Series, now: datetime, early: pl.Expr) -> pl.Expr:
    """Why a row is dropped; the first reason that holds. Null: it is not."""
    return (
        pl.when(pl.col("user_id").is_null()).then(pl.lit(NO_USER))
        .when(pl.col("item_id").is_null()).then(pl.lit(NO_ITEM))
        .when(pl.col("timestamp").is_null()).then(pl.lit(NO_TIME))
        .when(early).then(pl.lit(TOO_EARLY))
        .when(pl.col("timestamp") > now).then(pl.lit(FUTURE))
        .when(pl.col("label").is_null()).then(pl.lit(NO_LABEL))
        .when(~known).then(pl.lit(UNKNOWN))
    )  # fmt: skip


def _value() -> pl.Expr:
    """The value that a row was dropped for."""
    reason = pl.col(REASON)
    return (
        pl.when(reason.is_in([NO_TIME, TOO_EARLY, FUTURE])).then(pl.col("_raw_time"))
        .when(reason == NO_LABEL).then(pl.col("_raw_label"))
        .when(reason == UNKNOWN).then(pl.col("item_id"))
    )  # fmt: skip


def _result(
    source: InteractionsSource,
    files: list[SourceFile],
    rows: pl.DataFrame,
    items: pl.DataFrame,
    before: datetime | None,
    spans: tuple[Span, ...],
) -> EventsRead:
    later = pl.lit(False) if before is None else (pl.col("timestamp") >= utc(before)) & _readable()
    tonight = rows.filter(~later.fill_null(False))
    dropped = counted_with(counts(tonight), spans)
    listed = pl.concat([rejects("interactions", tonight, files), swallowed_rejects("interactions", spans)])
    whole_rows = rows.height + swallowed_by(spans)
    check_share(source, whole_rows, dropped, listed)
    accepted = tonight.filter(pl.col(REASON).is_null())
    _check_unknown(source, bool(rows[REASON].is_null().any()), listed, items, dropped.get(UNKNOWN, 0))
    marked = told_apart(source, accepted)
    events, against = marked.filter(~pl.col(REPEATED)), marked.filter(AGAINST)
    shown_value = "_rating" if source.feedback == "explicit" else "label"
    return EventsRead(
        frame=INTERACTIONS.conform(events.select(list(INTERACTIONS.columns))),
        rejects=listed,
        rows=whole_rows,
        spans=spans,
        dropped=dropped,
        later=rows.height - tonight.height,
        next_moment=rows.filter(later & pl.col(REASON).is_null()).select(pl.col("timestamp").min()).item(),
        duplicates=accepted.height - events.height,
        odd={CONTRADICTED: Oddity.of(against, shown_value, files)} if against.height else {},
    )


def _readable() -> pl.Expr:
    """Rows that are in order, or that only lack their item in the catalogue, which may come with a later
    night."""
    return pl.col(REASON).is_null() | (pl.col(REASON) == UNKNOWN)


def _check_unknown(
    source: InteractionsSource, any_known: bool, listed: pl.DataFrame, items: pl.DataFrame, unknown: int
) -> None:
    if not unknown or (source.unknown_item == "drop" and any_known):
        return
    first = listed.filter(pl.col("reason") == UNKNOWN).row(0, named=True)
    example = (
        f"{first['key']} has item {shown(first['answer'])}, the catalogue has ids such as "
        f"{shown(items['item_id'].head(3).to_list())}"
    )
    if not any_known:
        raise SourceError(
            f"no event's item is in the catalogue: {example}. Map item_id of both sources to columns "
            f"that hold the same ids"
        )
    raise SourceError(
        f"events of items that are not in the catalogue: {unknown:,}. {example}. Set unknown_item to drop"
    )
