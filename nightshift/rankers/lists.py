"""Rows as lists, for rankers that learn an order: LightGBM's limits are checked before it is asked.

LightGBM aborts, or quietly learns nothing, on what is refused here: lists of more than 10,000 rows, labels
that are not whole numbers from 0 to 30, rows without a list, and sources whose "lists" are single rows.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import SourceError, TableError
from nightshift.features.history import Ints
from nightshift.sources.lists import MOST_ROWS, WAY_OUT

MOST_LABEL = 30
"""Largest label with a gain of its own (2^label - 1)."""


@dataclass(frozen=True)
class Lists:
    """Rows in list order."""

    order: Ints
    """(rows,) places that bring the rows of each list together, lists and rows otherwise in their old
    order."""
    sizes: Ints
    """(lists,) rows of each list."""


def lists_of(rows: pl.DataFrame) -> Lists:
    """The lists of `group_id`. Raises TableError without the column, SourceError for what LightGBM cannot
    rank."""
    if "group_id" not in rows.columns:
        raise TableError(f"lists need the column 'group_id', which the rows lack; {WAY_OUT}")
    unnamed = rows["group_id"].null_count()
    if unnamed:
        raise SourceError(
            f"{unnamed} rows are in no list: group_id is missing (row "
            f"{rows['group_id'].is_null().arg_max()}); {WAY_OUT}"
        )
    group = rows["group_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    first = np.unique(group, return_index=True)[1]
    place = np.argsort(np.argsort(first, kind="stable"), kind="stable")[group] if len(group) else group
    lists = Lists(
        np.argsort(place, kind="stable"), np.bincount(place) if len(group) else np.zeros(0, np.int64)
    )
    _check(rows, lists)
    return lists


def _check(rows: pl.DataFrame, lists: Lists) -> None:
    if len(lists.sizes) and lists.sizes.max() > MOST_ROWS:
        longest = rows["group_id"][int(lists.order[lists.sizes[: int(lists.sizes.argmax())].sum()])]
        raise SourceError(
            f"list {longest!r} has {lists.sizes.max():,} rows and LightGBM ranks at most "
            f"{MOST_ROWS:,}; {WAY_OUT}"
        )
    if rows.height and (_shown_nowhere(rows) or lists.sizes.max() < 2):
        raise SourceError(
            f"the rows were never shown as lists (no request ids in the source), so there is no order "
            f"to learn; {WAY_OUT}"
        )
    _check_labels(rows["label"].cast(pl.Float64).to_numpy())


def _shown_nowhere(rows: pl.DataFrame) -> bool:
    """Whether the size of the list is unknown for every row: rows that merely share a moment are no list,
    candidates of one moment are."""
    if "retrieved" in rows.columns and rows["retrieved"].is_not_null().any():
        return False
    return "base__list_size" in rows.columns and bool(
        rows["base__list_size"].fill_null(float("nan")).is_nan().all()
    )


def _check_labels(label: NDArray[np.float64]) -> None:
    wrong = ~np.isfinite(label) | (label < 0) | (label > MOST_LABEL) | (label != np.floor(label))
    if wrong.any():
        found = label[int(wrong.argmax())]
        raise SourceError(
            f"label {found} in row {wrong.argmax()} is no whole number from 0 to {MOST_LABEL}; map "
            f"labels to grades, or {WAY_OUT}"
        )
