"""What the arms would show: whom they give room, how surprising, how varied, how popular the first ten of
every list of candidates are.

The catalogue here is every item that was a candidate in a test list: what no arm could have shown is
nobody's fault. An item's popularity is its events before its first test row. Rows of `lift` without
intervals: they describe, they do not judge.

Diversity is measured in spaces that the arm's own similarities do not use (`reads`), or an arm would be
praised for the distances that it ranked by. The popularity gap is that of Abdollahpouri et al. (The
Unfairness of Popularity Bias in Recommendation, 2019): mean popularity of what is shown by that of what
the same users chose before, minus 1; popularity there is events before each user's first test list.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.content_spec import SOURCE
from nightshift.lift.beyond_accuracy import (
    coverage,
    diversity,
    gini,
    long_tail_share,
    novelty,
    popularity_gap,
)
from nightshift.lift.descriptions import ATTRIBUTES, Beside
from nightshift.lift.metrics import Codes, Doubles
from nightshift.lift.paired import known

CUT = 10
"""Places of a list that count as shown."""


def reads(arm: str, space: str) -> bool:
    """Whether the arm's own similarities are of that space; a template is close to the source text."""
    if space == ATTRIBUTES:
        return False
    whole = arm.split("_without_")[0]
    return whole == "both" or whole in (("text", "template") if space == SOURCE else ("llm",))


@dataclass(frozen=True)
class Shelf:
    """Test rows as items in lists, candidates only."""

    item: Codes
    group: Codes
    candidate: NDArray[np.bool_]
    popularity: Codes
    """(items,)"""
    names: pl.Series
    """(items,) ids."""

    @classmethod
    def of(cls, test: pl.DataFrame) -> "Shelf | None":
        """From the test rows of `ranking_examples`; None where they do not tell how popular items are."""
        if "base__item_events" not in test.columns:
            return None
        named = (
            test.filter("retrieved")
            .group_by("item_id")
            .agg(pl.col("base__item_events").min())
            .sort("item_id")
            .with_row_index("code")
        )
        code = test.join(named.select("item_id", "code"), on="item_id", how="left", maintain_order="left")[
            "code"
        ]
        group = test["group_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
        item, popularity = (
            code.cast(pl.Int64).fill_null(-1).to_numpy(),
            named["base__item_events"].cast(pl.Int64).to_numpy(),
        )
        return cls(item, group, test["retrieved"].to_numpy().astype(np.bool_), popularity, named["item_id"])

    def lists(self, score: Doubles) -> Codes:
        """(lists, CUT) items by score (rows,), best first, ties by item; -1 where a list is shorter or a
        score is not finite."""
        kept = np.flatnonzero(self.candidate & np.isfinite(score))
        order = kept[np.lexsort((self.item[kept], -score[kept], self.group[kept]))]
        group = self.group[order]
        place = np.arange(len(order)) - np.searchsorted(group, group)
        shown = np.full((int(self.group.max(initial=-1)) + 1, CUT), -1, np.int64)
        first = place < CUT
        shown[group[first], place[first]] = self.item[order[first]]
        return shown


@dataclass(frozen=True)
class Past:
    """How popular items were, and what each list's user had chosen."""

    popularity: Doubles
    """(items,) events before each user's first test list."""
    own: Doubles
    """(lists,) mean popularity of what the list's user had chosen; NaN without a past."""

    @classmethod
    def of(cls, test: pl.DataFrame, events: pl.DataFrame, names: pl.Series) -> "Past":
        """From the test rows and the log; `names` are the ids of the shelf's items."""
        first = test.group_by("user_id").agg(first=pl.col("timestamp").min())
        cut = pl.col("first").fill_null(test["timestamp"].min())
        before = (
            events.select("user_id", "item_id", "timestamp", "label")
            .join(first, on="user_id", how="left")
            .filter(pl.col("timestamp") < cut)
        )
        counts = before.group_by("item_id").agg(events=pl.len().cast(pl.Float64))
        chosen = before.filter(pl.col("label") > 0.5).join(counts, on="item_id")
        means = chosen.group_by("user_id").agg(own=pl.col("events").mean())
        lists = test.group_by("group_id").agg(pl.col("user_id").first()).sort("group_id")
        own = lists.join(means, on="user_id", how="left", maintain_order="left")["own"].fill_null(
            float("nan")
        )
        shelf = pl.DataFrame({"item_id": names}).join(
            counts, on="item_id", how="left", maintain_order="left"
        )["events"]
        return cls(shelf.fill_null(0.0).to_numpy(), own.to_numpy())


@dataclass(frozen=True)
class Described:
    """What lists are described with: the shelf, and what is known beside it."""

    shelf: Shelf
    past: Past | None
    spaces: dict[str, NDArray[np.float32]]
    """Space -> (items, d)."""

    @classmethod
    def of(cls, test: pl.DataFrame, beside: Beside) -> "Described | None":
        """None where the rows do not tell how popular items are."""
        shelf = Shelf.of(test)
        if shelf is None:
            return None
        past = None if beside.events is None else Past.of(test, beside.events, shelf.names)
        return cls(shelf, past, {name: space.of(shelf.names) for name, space in beside.spaces.items()})

    def measured(self, arm: str, score: Doubles) -> dict[str, float]:
        """Every number of one arm's lists from its scores (rows,)."""
        lists, popularity = self.shelf.lists(score), self.shelf.popularity
        found = {
            "coverage": coverage(lists, len(popularity)),
            "gini": gini(lists, len(popularity)),
            "tail": long_tail_share(lists, popularity),
            "novelty": _mean(novelty(lists, popularity, max(int(popularity.sum()), 1))),
        }
        found |= {
            f"diversity_{name}": _mean(diversity(lists, space))
            for name, space in self.spaces.items()
            if not reads(arm, name)
        }
        if self.past is not None:
            found["popularity_gap"] = popularity_gap(lists, self.past.own, self.past.popularity)
        return {f"{name}@{CUT}": value for name, value in found.items()}


def _mean(values: Doubles) -> float:
    """Mean of the lists that have a number; NaN when none has."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def shown_rows(
    described: Described, arms: dict[str, Doubles], common: dict[str, Any]
) -> list[dict[str, Any]]:
    """Rows of `lift` for arms' scores (seeds, rows), seeds averaged."""
    rows = list[dict[str, Any]]()
    for arm, scores in arms.items():
        seeds = [described.measured(arm, score) for score in scores]
        for metric in seeds[0]:
            value = known(np.mean([each[metric] for each in seeds]))
            rows.append({"arm": arm, "against": arm, "metric": metric, "value": value, **common})
    return rows
