"""A user's history as a prompt may see it: the newest and the most representative items, each as `title
[tag, tag]`."""

import polars as pl


def portraits(
    events: pl.DataFrame,
    items: pl.DataFrame,
    tags: pl.DataFrame,
    recent: int,
    representative: int,
    tags_per_item: int,
) -> pl.DataFrame:
    """One row a user: `user_id, history_length, last_event_at, liked, disliked, like_tags, dislike_tags`.

    `events` are the interactions before the night, `tags` is `item_id, tags` with each item's strongest
    tags first. Representative items are the liked ones whose tags are most common among all the user
    liked. `liked` and `disliked` are lists of shown items, newest first; `like_tags` and `dislike_tags`
    the most frequent tags of each side. `recent` and `representative` count items of a side,
    `tags_per_item` the tags behind a title.
    """
    shown = _shown(items, tags, tags_per_item)
    rows = events.join(shown, on="item_id", maintain_order="left").with_columns(_typicality(events, shown))
    rows = rows.sort(["user_id", "timestamp", "item_id"], descending=[False, True, False])
    users = rows.group_by("user_id", maintain_order=True).agg(
        pl.len().cast(pl.Int32).alias("history_length"), pl.col("timestamp").max().alias("last_event_at")
    )
    liked = rows.filter(pl.col("label") > 0.5)
    disliked = rows.filter(pl.col("label") <= 0.5)
    for name, side, chosen in (
        ("liked", liked, _chosen(liked, recent, representative)),
        ("disliked", disliked, _chosen(disliked, recent, 0)),
    ):
        users = users.join(chosen.rename({"shown": name}), on="user_id", how="left", maintain_order="left")
        common = _common_tags(side).rename({"common": f"{name[:-1]}_tags"})
        users = users.join(common, on="user_id", how="left", maintain_order="left")
    lists = ["liked", "disliked", "like_tags", "dislike_tags"]
    return users.with_columns(pl.col(lists).fill_null(pl.lit([], dtype=pl.List(pl.String))))


def _shown(items: pl.DataFrame, tags: pl.DataFrame, count: int) -> pl.DataFrame:
    frame = items.select("item_id", "title").join(tags, on="item_id", how="left")
    first = pl.col("tags").list.head(count)
    label = (
        pl.when(first.list.len() > 0)
        .then(pl.format("{} [{}]", "title", first.list.join(", ")))
        .otherwise(pl.col("title"))
    )
    return frame.select("item_id", first.alias("tags"), label.alias("shown"))


def _typicality(events: pl.DataFrame, shown: pl.DataFrame) -> pl.Series:
    """How common an event's tags are among all tags of the items the same user liked, 0 for items without
    tags."""
    rows = events.join(shown, on="item_id", maintain_order="left").with_row_index("row")
    exploded = rows.select("row", "user_id", "label", "tags").explode("tags").drop_nulls("tags")
    counts = exploded.filter(pl.col("label") > 0.5).group_by("user_id", "tags").len()
    scored = (
        exploded.join(counts, on=["user_id", "tags"])
        .group_by("row")
        .agg(pl.col("len").mean().alias("typicality"))
    )
    return rows.join(scored, on="row", how="left", maintain_order="left")["typicality"].fill_null(0.0)


def _chosen(side: pl.DataFrame, recent: int, representative: int) -> pl.DataFrame:
    """The newest `recent` items, then the `representative` most typical of the others."""
    newest = side.group_by("user_id", maintain_order=True).head(recent)
    parts = [newest, *([_typical(side, newest, representative)] if representative else [])]
    chosen = pl.concat(part.select("user_id", "shown") for part in parts)
    return chosen.group_by("user_id", maintain_order=True).agg(pl.col("shown").unique(maintain_order=True))


def _typical(side: pl.DataFrame, newest: pl.DataFrame, count: int) -> pl.DataFrame:
    others = side.join(newest.select("user_id", "item_id"), on=["user_id", "item_id"], how="anti")
    ranked = others.sort(
        ["user_id", "typicality", "timestamp", "item_id"], descending=[False, True, True, False]
    )
    return ranked.group_by("user_id", maintain_order=True).head(count)


def _common_tags(side: pl.DataFrame, count: int = 3) -> pl.DataFrame:
    tags = side.select("user_id", "tags").explode("tags").drop_nulls("tags").group_by("user_id", "tags").len()
    ranked = tags.sort(["user_id", "len", "tags"], descending=[False, True, False]).group_by(
        "user_id", maintain_order=True
    )
    return ranked.agg(pl.col("tags").head(count).alias("common"))
