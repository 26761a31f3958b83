"""Lists that are none: a page, a campaign or a constant mapped as `group` makes a list of many users, days
or rows."""

from collections.abc import Iterator

import polars as pl

from nightshift.rankers.lists import MOST_ROWS, WAY_OUT
from nightshift.sources.findings import Finding
from nightshift.sources.settings import InteractionsSource
from nightshift.sources.wording import shown
from nightshift.tables import many

DAY = 86_400_000_000
"""Microseconds that one list may last: it was shown at one sitting."""
NO_LIST = (
    "group names no list. Map the id of one request or page view, which one user saw at one time; "
    "`user|time of the page view` written into the file is one."
)


def odd_lists(source: InteractionsSource, frame: pl.DataFrame) -> Iterator[Finding]:
    """Lists of several users, lists of several days, lists longer than a ranker takes; the largest of each
    named."""
    if source.group is None or source.feedback == "implicit":
        return
    lists = _lists(frame)
    several = pl.col("first_user") != pl.col("last_user")
    for odd, rows in (("several users", several), ("several days", ~several & (pl.col("span") > DAY))):
        yield from _told(source, frame, lists.filter(rows), f"rows are in lists of {odd}", NO_LIST)
    long = lists.filter(pl.col("rows") > MOST_ROWS)
    what = f"rows are in lists of more than {MOST_ROWS:,}"
    fix = f"LightGBM ranks at most {MOST_ROWS:,} rows of a list: map a finer list, or {WAY_OUT}."
    yield from _told(source, frame, long, what, fix)


def _lists(frame: pl.DataFrame) -> pl.DataFrame:
    user, time = pl.col("user_id"), pl.col("timestamp").to_physical()
    told = {
        "rows": pl.len(),
        "first_user": user.min(),
        "last_user": user.max(),
        "span": time.max() - time.min(),
    }
    return (
        frame.lazy().filter(pl.col("request_id").is_not_null()).group_by("request_id").agg(**told).collect()
    )


def _told(
    source: InteractionsSource, frame: pl.DataFrame, lists: pl.DataFrame, what: str, fix: str
) -> Iterator[Finding]:
    if lists.is_empty():
        return
    name = lists.sort("rows", "request_id", descending=[True, False])["request_id"][0]
    rows = frame.filter(pl.col("request_id") == name)
    users, days = rows["user_id"].n_unique(), rows["timestamp"].dt.date().n_unique()
    one = f"list {shown(name)} has {many(rows.height, 'row')} of {many(users, 'user')} on {many(days, 'day')}"
    count = int(lists["rows"].sum())
    yield Finding(f"{what}: {one}", count, count / frame.height, column=source.group, fix=fix)
