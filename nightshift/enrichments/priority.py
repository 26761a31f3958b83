"""Which rows are worth asking first, when a night cannot afford them all.

Traffic, because a sentence about what nobody sees helps nobody; in powers of two, so that a few events
more or less do not decide. Then staleness: the nights since a model last wrote for the row, most of all
where none ever did. Then coldness: the fewer events a row has had in all, the less a conventional ranker
knows of it. Then the id, so that the order is always one.
"""

from datetime import date, datetime, timedelta

import polars as pl

from nightshift.storage.ledger import Ledgers

RECENT = timedelta(days=30)
"""Window of the traffic."""
NEVER = 99_999
"""Nights counted as passed for a row that no model ever wrote for."""
MOST_EVENTS = 999_999
"""Events of all time above which rows are equally warm."""
TRAFFIC, NIGHTS = 1e11, 1e6
"""Weights that put the three into one number of at most 14 digits, which a float holds exactly."""


def worth(
    rows: pl.DataFrame,
    events: pl.DataFrame,
    key: str,
    table: str,
    ledgers: Ledgers,
    as_of: date,
    moment: datetime,
) -> pl.Series:
    """One number a row of `rows`: higher is asked first. Events of its `key` column count, `events` all lie
    before `moment`, the night's; `row_id` is the ledger's name of the row, its key where there is none."""
    recent = (pl.col("timestamp") >= moment - RECENT).sum().alias("recent")
    seen = events.group_by(key).agg(recent, pl.len().alias("ever"))
    named = rows if "row_id" in rows.columns else rows.with_columns(row_id=key)
    counted = named.select("row_id", key).join(seen, on=key, how="left", maintain_order="left")
    written = counted.join(_last_written(ledgers, table), on="row_id", how="left", maintain_order="left")
    nights = (pl.lit(as_of) - pl.col("written")).dt.total_days().clip(0, NEVER - 1).fill_null(NEVER)
    traffic = (pl.col("recent").fill_null(0) + 1).log(2).floor()
    coldness = MOST_EVENTS - pl.col("ever").fill_null(0).cast(pl.Int64).clip(0, MOST_EVENTS)
    return written.select(worth=traffic * TRAFFIC + nights * NIGHTS + coldness)["worth"]


def _last_written(ledgers: Ledgers, table: str) -> pl.DataFrame:
    """The newest night that paid for an accepted answer for each row."""
    mine = pl.col("table") == table
    rows = ledgers.answers.query(
        lambda every: every.filter(mine).group_by("row_id").agg(written=pl.col("as_of").max())
    )
    return rows.drop_nulls("row_id")
