"""The items of one night on a map: every view of `item_embeddings`, in the colours of the catalogue's own
attributes."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.content_spec import TEMPLATE, ContentSpec, first_spec
from nightshift.report.pictures.plane import MOST, Floats, chart

GROUPS = 4
"""Attributes that have a colour; the others share one."""
NAME_CHARS = 18
"""Longest attribute in the legend."""


def map_of_items(embeddings: pl.DataFrame, items: pl.DataFrame, spec: ContentSpec | None = None) -> str:
    """Markdown of the maps of all views but the template's. An item's colour is that of its first attribute,
    where that is one of the `GROUPS` most common."""
    first = items.select("item_id", attribute=pl.col("attributes").list.first())
    common = (
        first["attribute"]
        .drop_nulls()
        .value_counts()
        .sort("count", "attribute", descending=[True, False])
        .head(GROUPS)
    )
    names = common["attribute"].to_list()
    numbered = first.with_columns(
        group=pl.col("attribute").replace_strict(names, range(len(names)), default=-1, return_dtype=pl.Int64)
    )
    wanted = [view for view in (spec or first_spec()).embedded if view != TEMPLATE]
    views = [(view, *_drawn(rows, numbered)) for view in wanted if (rows := _sample(embeddings, view)).height]
    return chart(
        views, [name[:NAME_CHARS] for name in names], "Items on the two principal components of each view"
    )


def _sample(embeddings: pl.DataFrame, view: str) -> pl.DataFrame:
    """Up to `MOST` rows of a view, spread evenly; the vectors of the others are not touched."""
    rows = (embeddings["view"] == view).arg_true()
    return embeddings[rows.gather_every(max(1, -(-rows.len() // MOST)))]


def _drawn(rows: pl.DataFrame, numbered: pl.DataFrame) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors (n, d) and groups (n,) of a view's rows."""
    group = (
        rows.join(numbered, on="item_id", how="left", maintain_order="left")["group"].fill_null(-1).to_numpy()
    )
    vectors: Floats = rows["vector"].list.to_array(len(rows["vector"][0])).to_numpy()
    return vectors, group
