"""Whom the arms would show: coverage, concentration and tail share of the first ten of every list of candidates.

The catalogue here is every item that was a candidate in a test list: what no arm could have shown is nobody's fault. An
item's popularity is its events before its first test row. Rows of `lift` without intervals: they describe, they do not judge.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.lift.beyond import coverage, gini, long_tail_share
from nightshift.lift.metrics import Codes, Doubles

CUT = 10
"""Places of a list that count as shown."""


@dataclass(frozen=True)
class Shelf:
    """Test rows as items in lists, candidates only."""

    item: Codes
    group: Codes
    candidate: NDArray[np.bool_]
    popularity: Codes
    """(items,)"""

    @classmethod
    def of(cls, test: pl.DataFrame) -> "Shelf | None":
        """From the test rows of `ranking_examples`; None where they do not tell how popular items are."""
        if "base__item_events" not in test.columns:
            return None
        named = test.filter("retrieved").group_by("item_id").agg(pl.col("base__item_events").min()).sort("item_id").with_row_index("code")
        code = test.join(named.select("item_id", "code"), on="item_id", how="left", maintain_order="left")["code"]
        group = test["group_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
        item = code.cast(pl.Int64).fill_null(-1).to_numpy()
        return cls(item, group, test["retrieved"].to_numpy().astype(np.bool_), named["base__item_events"].cast(pl.Int64).to_numpy())

    def lists(self, score: Doubles) -> Codes:
        """(lists, CUT) items by score (rows,), best first, ties by item; -1 where a list is shorter or a score is not finite."""
        kept = np.flatnonzero(self.candidate & np.isfinite(score))
        order = kept[np.lexsort((self.item[kept], -score[kept], self.group[kept]))]
        group = self.group[order]
        place = np.arange(len(order)) - np.searchsorted(group, group)
        shown = np.full((int(self.group.max(initial=-1)) + 1, CUT), -1, np.int64)
        first = place < CUT
        shown[group[first], place[first]] = self.item[order[first]]
        return shown


def shown_rows(test: pl.DataFrame, arms: dict[str, Doubles], common: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of `lift` for arms' scores (seeds, rows), seeds averaged: coverage@10, gini@10, tail@10 (share outside the top fifth)."""
    shelf, rows = Shelf.of(test), list[dict[str, Any]]()
    if shelf is None:
        return rows
    items = len(shelf.popularity)
    for arm, scores in arms.items():
        lists = [shelf.lists(score) for score in scores]
        found = {
            f"coverage@{CUT}": [coverage(each, items) for each in lists],
            f"gini@{CUT}": [gini(each, items) for each in lists],
            f"tail@{CUT}": [long_tail_share(each, shelf.popularity) for each in lists],
        }
        rows += [{"arm": arm, "against": arm, "metric": name, "value": float(np.mean(values)), **common} for name, values in found.items()]
    return rows
