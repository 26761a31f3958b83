"""Groups of items: an attribute value that enough items share, and which of its items stand for it.

Everything here is made to stay the same from night to night, because a changed text is a paid call: groups
are counted in items, not in traffic, and the titles that stand for a group change only when an item's
events of all time grow fourfold. In a young log they all do: 54 of 64 groups had other titles a night
later on its second day, 25 on its tenth, 3 on its hundredth (4,000 items, 200,000 events in 100 days). So
a group that was asked about keeps the titles it was shown (`group_facts/enrichment.py`).
"""

import polars as pl

TITLES = 5
"""Titles that stand for a group."""


def membership(items: pl.DataFrame, min_group_items: int, max_groups: int) -> pl.DataFrame:
    """`item_id, group`: every item with an attribute that `min_group_items` items have, and its
    rarest such one.

    Of the attributes, the `max_groups` with the most items count; ties go by name. Items without
    one are left out.
    """
    pairs = (
        items.select("item_id", group="attributes")
        .explode("group")
        .drop_nulls("group")
        .unique(maintain_order=True)
    )
    sizes = pairs.group_by("group").len("size").filter(pl.col("size") >= min_group_items)
    kept = sizes.sort("size", "group", descending=[True, False]).head(max_groups)
    rarest = (
        pairs.join(kept, on="group")
        .sort("item_id", "size", "group")
        .unique("item_id", keep="first", maintain_order=True)
    )
    return rarest.select("item_id", "group")


def group_rows(items: pl.DataFrame, events: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """`group, items, titles`: every group with members, its size, and the titles of its best known items
    in the order of their ids.

    Well known is coarse on purpose: events of all time in powers of four, ties by id.
    """
    seen = events.group_by("item_id").len("events")
    rows = members.join(items.select("item_id", "title"), on="item_id").join(seen, on="item_id", how="left")
    level = (pl.col("events").fill_null(0) + 1).log(4).floor()
    best = rows.with_columns(level=level).sort(["group", "level", "item_id"], descending=[False, True, False])
    shown = best.group_by("group", maintain_order=True).head(TITLES).sort("group", "item_id")
    titles = shown.group_by("group", maintain_order=True).agg(titles="title")
    sized = titles.join(members.group_by("group").len("items"), on="group")
    return sized.select("group", pl.col("items").cast(pl.Int32), "titles").sort("group")


def with_titles(groups: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """The groups, with the titles of `kept` (`group, titles`) for those that are in it."""
    older = kept.rename({"titles": "kept"})
    rows = groups.join(older, on="group", how="left", maintain_order="left")
    return rows.with_columns(titles=pl.coalesce("kept", "titles")).drop("kept")
