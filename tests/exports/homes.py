"""A published home with everything an export reads, made in seconds without models."""

from pathlib import Path

import polars as pl

from nightshift.tables import ITEM_FACTS
from tests.served import NIGHTS, Served, snapshot


def written(home: Served) -> pl.DataFrame:
    """Facts of the items, as a model would have chosen them: the best topic as tag; a title that JSON must
    escape is not rare."""
    topics = (
        snapshot(home.world, NIGHTS[-1])["item_tag_scores"]
        .sort("score")
        .group_by("item_id")
        .agg(pl.col("tag").last().alias("tag"))
    )
    rows = home.world.items.select("item_id").join(topics, "item_id", "left", maintain_order="left")
    return rows.select(
        "item_id", pl.format('A "{}".', "item_id").alias("summary"), pl.concat_list(pl.col("tag")).list.drop_nulls().alias("tags"),
        pl.lit("llm").alias("origin"), pl.lit("p/v1").alias("prompt_id"), pl.lit("m@1").alias("model_id"),
        pl.lit(None, pl.String).alias("content_key"),
    )  # fmt: skip


def publish_home(folder: Path) -> Served:
    """Three nights and the training rows of all of them."""
    home = Served(folder)
    for night in NIGHTS:
        home.publish(night)
        home.store.publish(ITEM_FACTS, night, written(home))
    home.train(*NIGHTS, rounds=1)
    return home
