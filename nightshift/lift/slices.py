"""Slices of the test rows, declared before looking. A slice is reported whether it flatters or not.

Counts are those of the row's own moment (`base__item_events`, `base__user_events`). Head, middle, bottom
and tail are shares of the items by events before t1, read back from the rows: an item's events before t1
are its count at its first row at or after t1, or one more than the count at its last row before it. Among
candidates (implicit feedback), where an item need not have a row at each of its events, that is close to
the count, not equal to it.

Slices of what is known about items and users beside the rows (`nightshift.lift.descriptions`) are there
when it is handed over: users' groups as `group <column>=<value>`. A slice without rows is left out.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.lift.descriptions import Beside

Mask = NDArray[np.bool_]
MaskOf = Callable[[pl.DataFrame, pl.DataFrame], Mask]
"""Mask over the test rows (rows,), given the test rows and all examples."""

TAIL_SHARE = 0.6
YOUNG_DAYS = 30
"""Days since an item's first event below which it counts as young."""


def events_before_cut(examples: pl.DataFrame) -> pl.DataFrame:
    """item_id, events before t1, for every item that has a row."""
    count, train = pl.col("base__item_events"), pl.col("split") == "train"
    ordered = examples.select("item_id", "timestamp", "split", "base__item_events").sort(
        "timestamp", maintain_order=True
    )
    return ordered.group_by("item_id").agg(
        pl.coalesce(count.filter(~train).first(), count.filter(train).last() + 1).alias("events")
    )


def _by_popularity(low: float, high: float) -> MaskOf:
    """Items between two shares of the catalogue, the least popular first."""

    def mask(test: pl.DataFrame, examples: pl.DataFrame) -> Mask:
        counted = events_before_cut(examples).sort("events", "item_id").with_row_index("place")
        place = pl.col("place") / counted.height
        chosen = counted.filter((place >= low) & (place < high))["item_id"]
        return test["item_id"].is_in(chosen.implode()).to_numpy()

    return mask


def _between(column: str, low: float, high: float) -> MaskOf:
    def mask(test: pl.DataFrame, _: pl.DataFrame) -> Mask:
        if column not in test.columns:
            return np.zeros(test.height, np.bool_)
        return (
            test.select(pl.col(column).is_between(low, high, closed="left").fill_null(value=False))
            .to_series()
            .to_numpy()
        )

    return mask


def _everything(test: pl.DataFrame, _: pl.DataFrame) -> Mask:
    return np.ones(test.height, np.bool_)


def _thirds(what: str, column: str) -> dict[str, MaskOf]:
    """Items by their place among all items that have a value; see `about_items`."""
    return {
        f"{what}: {name} third": _between(column, third, third + 1)
        for third, name in enumerate(("lowest", "middle", "highest"))
    }


WHOLE = "all"
"""The slice of every row; other slices may happen to hold every row as well."""

SLICES: dict[str, MaskOf] = {
    WHOLE: _everything,
    "cold items (under 5 events)": _between("base__item_events", 0, 5),
    "rare items (5 to 19 events)": _between("base__item_events", 5, 20),
    "tail items (bottom 60%)": _by_popularity(0, TAIL_SHARE),
    "new users (under 20 events)": _between("base__user_events", 0, 20),
    "known users (20 events or more)": _between("base__user_events", 20, np.inf),
    "unseen items (no event)": _between("base__item_events", 0, 1),
    "items of 1 to 4 events": _between("base__item_events", 1, 5),
    "items of 20 events or more": _between("base__item_events", 20, np.inf),
    "head items (top fifth)": _by_popularity(0.8, 1.0),
    "middle items": _by_popularity(0.5, 0.8),
    "bottom half of items": _by_popularity(0, 0.5),
    "unseen users (no event)": _between("base__user_events", 0, 1),
    "users of 1 to 4 events": _between("base__user_events", 1, 5),
    "users of 5 to 19 events": _between("base__user_events", 5, 20),
    f"young items (first seen under {YOUNG_DAYS} days ago)": _between("base__item_age_days", 0, YOUNG_DAYS),
    **_thirds("text length", "about_length"),
    **_thirds("grounding", "about_grounding"),
    "items newer than the model": _between("about_newer", 1, 2),
}
"""Slices by name."""

MAIN_SLICES = tuple(SLICES)[:6]
"""Slices that are read first; the others are in the table and in the report."""


GROUP = "group "
"""How the slice of a group of users begins."""


def masks_of(examples: pl.DataFrame, beside: Beside | None = None) -> dict[str, Mask]:
    """Every slice that has a test row, users' groups last."""
    beside = beside or Beside()
    test = examples.filter(pl.col("split") == "test")
    rows = (
        test
        if beside.items is None
        else test.join(beside.items, on="item_id", how="left", maintain_order="left")
    )
    masks = {name: mask_of(rows, examples) for name, mask_of in SLICES.items()} | _groups(test, beside.users)
    return {name: mask for name, mask in masks.items() if mask.any()}


def _groups(test: pl.DataFrame, users: pl.DataFrame | None) -> dict[str, Mask]:
    if users is None:
        return {}
    rows = test.select("user_id").join(users, on="user_id", how="left", maintain_order="left").drop("user_id")
    return {
        f"{GROUP}{column.name}={value}": (column == value).fill_null(value=False).to_numpy()
        for column in rows
        for value in column.drop_nulls().unique().sort()
    }
