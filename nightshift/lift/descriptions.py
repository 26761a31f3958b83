"""What judging may know beside the rows of training: items' and users' descriptions, the log, and spaces
to measure diversity in.

Every part may be missing; then what needs it is left out. Nothing of it is a feature, and nothing of it is
published row by row.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.content_spec import SOURCE, ContentSpec, first_spec

COMMONEST = 256
"""Attributes that span the space `attributes`, the commonest first."""
ATTRIBUTES = "attributes"
"""Space of the catalogue's own attributes."""


@dataclass(frozen=True)
class Space:
    """A space to measure distances between items in."""

    item_id: pl.Series
    vectors: NDArray[np.float32]
    """(items, d)"""

    def of(self, names: pl.Series) -> NDArray[np.float32]:
        """(names, d) vectors in the order of `names`; zeros for an item without one."""
        places = pl.DataFrame({"item_id": self.item_id}).with_row_index("place")
        place = pl.DataFrame({"item_id": names}).join(
            places, on="item_id", how="left", maintain_order="left"
        )["place"]
        padded = np.vstack([self.vectors, np.zeros((1, self.vectors.shape[1]), np.float32)])
        return np.asarray(padded[place.fill_null(len(self.item_id)).to_numpy()])


@dataclass(frozen=True)
class Beside:
    """What is known beside the rows."""

    items: pl.DataFrame | None = None
    """A row an item, from `about_items`: slices of items."""
    users: pl.DataFrame | None = None
    """`user_id` and a column a grouping, from `read_users`: slices of users and the gaps between them."""
    events: pl.DataFrame | None = None
    """The `interactions` table: how popular a user's own past is."""
    spaces: dict[str, Space] = field(default_factory=dict)
    """Space by name (`attributes`, `raw`, `facts`): diversity within what is shown."""


def spaces_of(
    items: pl.DataFrame, embeddings: pl.DataFrame, spec: ContentSpec | None = None
) -> dict[str, Space]:
    """Spaces of a night's `items` and `item_embeddings`: the catalogue's own attributes, the source text,
    what models wrote."""
    views = (SOURCE, *(spec or first_spec()).views_of("text"))
    found = {ATTRIBUTES: _attributes(items)} | {view: _view(embeddings, view) for view in views}
    return {name: space for name, space in found.items() if space is not None}


def _attributes(items: pl.DataFrame) -> Space | None:
    """One dimension an attribute, 1 where the item has it."""
    pairs = items.select("item_id", name=pl.col("attributes")).explode("name").drop_nulls().unique()
    common = (
        pairs.group_by("name")
        .len()
        .sort("len", "name", descending=[True, False])
        .head(COMMONEST)
        .with_row_index("column")
    )
    if common.is_empty():
        return None
    ids = items["item_id"]
    places = pairs.join(common, on="name").join(
        pl.DataFrame({"item_id": ids}).with_row_index("place"), on="item_id"
    )
    vectors = np.zeros((len(ids), common.height), np.float32)
    vectors[places["place"].to_numpy(), places["column"].to_numpy()] = 1.0
    return Space(ids, vectors)


def _view(embeddings: pl.DataFrame, view: str) -> Space | None:
    rows = embeddings.filter(pl.col("view") == view).sort("item_id")
    if rows.is_empty():
        return None
    width = rows["vector"].list.len().max()
    vectors: Any = rows["vector"].list.to_array(int(width)).to_numpy()  # type: ignore[arg-type]
    return Space(rows["item_id"], np.asarray(vectors, np.float32))
