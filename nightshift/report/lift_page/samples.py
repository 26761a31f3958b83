"""Items for which the language model's features helped most and hurt most, with what it wrote: to read,
not to count.

They are chosen by the outcome, so they prove nothing; they show where to look. An item needs test rows of
several users: what is shown of it is a mean over them, and no user can be told from it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

LEAST_USERS = 5
"""Users with a test row that an item needs to be shown."""
SHRINKAGE = 10.0
"""Rows of no change that an item's mean is blended with, so that few rows do not make an extreme."""
CHARS = 220
"""Characters of a source text that are shown."""


@dataclass(frozen=True)
class Sample:
    """One item, and by how much the loss of its rows changed."""

    title: str
    source: str
    summary: str
    tags: tuple[str, ...]
    origin: str
    rows: int
    change: float
    """Mean logloss of `llm` minus that of `base` over the item's test rows, seeds averaged: negative
    helped."""


def changes(scores: pl.DataFrame, ranker: str) -> pl.DataFrame:
    """`item_id, rows, users, change` from `ranking_scores`; empty for scores that are no probabilities."""
    rows = scores.filter((pl.col("ranker") == ranker) & pl.col("arm").is_in(["base", "llm"]))
    if rows.is_empty() or not rows["score"].is_between(0, 1).all() or rows["arm"].n_unique() < 2:
        return pl.DataFrame(
            schema={"item_id": pl.String, "rows": pl.UInt32, "users": pl.UInt32, "change": pl.Float64}
        )
    chance = np.clip(rows["score"].to_numpy(), 1e-7, 1 - 1e-7)
    label = rows["label"].to_numpy()
    loss = -(label * np.log(chance) + (1 - label) * np.log1p(-chance))
    sign = pl.when(pl.col("arm") == "llm").then(1.0).otherwise(-1.0)
    signed = rows.with_columns(change=pl.Series(loss) * sign)
    named = signed.group_by("item_id").agg(
        total=pl.col("change").sum(), users=pl.col("user_id").n_unique(), rows=pl.len()
    )
    fits = rows.select("arm", "seed").unique().height  # every test row appears once a fit
    each = pl.col("rows") // fits
    return named.select("item_id", each.alias("rows"), "users", change=pl.col("total") / (fits / 2) / each)


def samples(
    scores: pl.DataFrame, items: pl.DataFrame, facts: pl.DataFrame, ranker: str, count: int = 3
) -> tuple[list[Sample], list[Sample]]:
    """Items that gained most and items that lost most, at most `count` each."""
    found = changes(scores, ranker).filter(pl.col("users") >= LEAST_USERS)
    blended = pl.col("change") * pl.col("rows") / (pl.col("rows") + SHRINKAGE)
    ranked = found.with_columns(blended=blended).sort("blended", "item_id")
    helped = ranked.filter(pl.col("blended") < 0).head(count)
    hurt = ranked.filter(pl.col("blended") > 0).tail(count).reverse()
    return _told(helped, items, facts), _told(hurt, items, facts)


def _told(chosen: pl.DataFrame, items: pl.DataFrame, facts: pl.DataFrame) -> list[Sample]:
    rows = chosen.join(items, on="item_id", maintain_order="left")
    rows = rows.join(
        facts.select("item_id", "summary", "tags", "origin"), on="item_id", how="left", maintain_order="left"
    )
    return [
        Sample(
            title=row["title"],
            source=" ".join(filter(None, [", ".join(row["attributes"] or []), (row["text"] or "")[:CHARS]])),
            summary=row["summary"] or "",
            tags=tuple(row["tags"] or ()),
            origin=row["origin"] or "",
            rows=row["rows"],
            change=row["change"],
        )
        for row in rows.to_dicts()
    ]
