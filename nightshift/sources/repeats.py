"""Events that stand in a source more than once: what makes two rows one event, and which of them is kept.

Implicit and explicit feedback: one user, one item, one moment. Impressions: one list as well, because a
page may show an item in two widgets at once, and each list has its own clicks.
"""

import polars as pl

from nightshift.sources.settings import InteractionsSource

ORDER = ["timestamp", "user_id", "item_id"]
"""Events are sorted by these columns."""
REPEATED, AGAINST = "_repeated", "_against"
"""Marks of a row equal to an earlier one, and of such a row whose label is another than that of the row
kept."""


def event_key(source: InteractionsSource) -> list[str]:
    """Columns in which two rows of one event are equal."""
    return [*ORDER, "request_id"] if source.feedback == "impressions" else ORDER


def told_apart(source: InteractionsSource, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows sorted, with REPEATED and AGAINST. Of equal rows a click is kept, or else the first in the
    files."""
    key = event_key(source)
    clicks_first = source.feedback == "impressions"
    by = [*key, "label"] if clicks_first else key
    rows = rows.sort(by, descending=[name == "label" for name in by], nulls_last=True, maintain_order=True)
    repeated = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in key)
    repeated = repeated & (pl.int_range(pl.len()) > 0)
    kept = pl.when(~pl.col(REPEATED)).then("label").forward_fill()
    return rows.with_columns(repeated.alias(REPEATED)).with_columns(
        (pl.col(REPEATED) & (pl.col("label") != kept)).alias(AGAINST)
    )
