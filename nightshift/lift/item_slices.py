"""What is known about items beside the rows of training: length of text, grounding of the summary, whether
the model is older.

A slice of the lift each. Thirds are of the items that have a test row.
"""

from datetime import UTC, date, datetime, time

import polars as pl

from nightshift.lift.quality import grounded_items, source_text


def about_items(
    items: pl.DataFrame, facts: pl.DataFrame, examples: pl.DataFrame, trained_until: date | None = None
) -> pl.DataFrame:
    """`item_id`, `about_length` and `about_grounding` (0, 1 or 2: the third, lowest first; null without a
    value), `about_newer` (0 or 1).

    `facts` is the night's `item_facts`; `trained_until` the last day that the language model's training
    data knew: items created later are newer than the model. Null where either is unknown.
    """
    judged = items.join(
        examples.filter(pl.col("split") == "test").select("item_id").unique(), on="item_id", how="semi"
    )
    lengths = source_text(judged).select("item_id", length=pl.col("source").str.len_chars())
    grounded = grounded_items(judged, facts).select("item_id", "grounding")
    rows = (
        judged.select("item_id", "created_at")
        .join(lengths, on="item_id")
        .join(grounded, on="item_id", how="left")
        .sort("item_id")
    )
    known = pl.lit(None, pl.Int8)
    if trained_until is not None:
        known = (pl.col("created_at") >= datetime.combine(trained_until, time(), UTC)).cast(pl.Int8)
    return rows.select(
        "item_id", about_length=_third("length"), about_grounding=_third("grounding"), about_newer=known
    )


def _third(column: str) -> pl.Expr:
    """0, 1 or 2 by rank, equal values together; null where the value is."""
    value = pl.col(column)
    return ((value.rank("average") - 0.5) * 3 / value.count()).floor().clip(0, 2).cast(pl.Int8)
