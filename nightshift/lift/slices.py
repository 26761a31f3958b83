"""Slices of the test rows, declared before looking. A slice is reported whether it flatters or not.

Counts are those of the row's own moment (`base__item_events`, `base__user_events`). Tail items are the 60% of items with
the fewest events before t1, read back from the rows: an item's events before t1 are its count at its first row
at or after t1, or one more than the count at its last row before it. Among candidates (implicit feedback), where an item
need not have a row at each of its events, that is close to the count, not equal to it.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

TAIL_SHARE = 0.6


def events_before_cut(examples: pl.DataFrame) -> pl.DataFrame:
    """item_id, events before t1, for every item that has a row."""
    count, train = pl.col("base__item_events"), pl.col("split") == "train"
    ordered = examples.select("item_id", "timestamp", "split", "base__item_events").sort("timestamp", maintain_order=True)
    return ordered.group_by("item_id").agg(pl.coalesce(count.filter(~train).first(), count.filter(train).last() + 1).alias("events"))


def _tail(test: pl.DataFrame, examples: pl.DataFrame) -> Mask:
    counted = events_before_cut(examples).sort("events", "item_id").with_row_index("place")
    tail = counted.filter(pl.col("place") < TAIL_SHARE * counted.height)["item_id"]
    return test["item_id"].is_in(tail.implode()).to_numpy()


def _between(column: str, low: float, high: float) -> Callable[[pl.DataFrame, pl.DataFrame], Mask]:
    return lambda test, _: ((test[column] >= low) & (test[column] < high)).to_numpy()


SLICES: dict[str, Callable[[pl.DataFrame, pl.DataFrame], Mask]] = {
    "all": lambda test, _: np.ones(test.height, np.bool_),
    "cold items (under 5 events)": _between("base__item_events", 0, 5),
    "rare items (5 to 19 events)": _between("base__item_events", 5, 20),
    "tail items (bottom 60%)": _tail,
    "new users (under 20 events)": _between("base__user_events", 0, 20),
    "known users (20 events or more)": _between("base__user_events", 20, np.inf),
}
"""Name -> mask over the test rows (rows,), given the test rows and all examples."""
