"""Tags of `item_facts` where the prompt's JSON form has the model write them: no scores are needed for
these rows."""

import polars as pl


def with_answered_tags(rows: pl.DataFrame, written: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """`rows` (`item_id, origin, tags`) with the tags of the answers where answers hold any.

    A row of tonight's model has its answer's tags, a carried row keeps last night's, any other keeps the
    scored ones.
    """
    if "tags" not in written.columns:
        return rows
    said = written.select("item_id", pl.lit("llm").alias("origin"), said="tags")
    kept = last.select("item_id", pl.lit("carried").alias("origin"), said="tags")
    joined = rows.join(pl.concat([said, kept]), on=["item_id", "origin"], how="left", maintain_order="left")
    return joined.with_columns(tags=pl.coalesce("said", "tags")).drop("said")
