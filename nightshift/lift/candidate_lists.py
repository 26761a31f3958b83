"""Judging lists of candidates: where, in the whole catalogue, an arm puts what users went on to choose.

A test list is a user at a moment with all candidates of the stage; items of the catalogue that are no
candidates are never shown, so a chosen item that the stage missed is ranked infinitely low and counts in
every metric. The list is what is averaged, the user what is resampled. Slices choose among the chosen
items: a list counts in a slice by those in it.

What each arm would show is described beside it (nightshift.lift.exposure). Popularity, item-kNN and EASE
are judged too, as rankers of their own (ranker `source`), by their scores in the same lists: their own
best `per_source` items are all there, so their metrics with a cut up to that are those of the whole
catalogue.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.candidates.settings import COLLABORATIVE
from nightshift.lift.arms import SOURCE, comparisons
from nightshift.lift.descriptions import Beside
from nightshift.lift.exposure import Described, shown_rows
from nightshift.lift.fairness import Groups, gap_rows, groups_of
from nightshift.lift.inference import Draws
from nightshift.lift.metrics import Codes, Doubles, Sums, ndcg_at, recall_at, reciprocal_rank
from nightshift.lift.paired import Form, compared, known
from nightshift.lift.ranks import Ranked
from nightshift.lift.slices import WHOLE

Mask = NDArray[np.bool_]

LIST_METRICS: dict[str, Callable[[Ranked], Sums]] = {
    "ndcg@10": lambda ranked: ndcg_at(ranked, 10),
    "recall@10": lambda ranked: recall_at(ranked, 10),
    "recall@20": lambda ranked: recall_at(ranked, 20),
    "mrr@20": lambda ranked: reciprocal_rank(ranked, 20),
}
"""Metrics of lists; the first is the one that the verdict reads."""


def compared_lists(names: Collection[str]) -> tuple[tuple[str, str], ...]:
    """(arm, against): the arms as everywhere, and whether the base ranker beats the sources it learns
    from."""
    sources = [("base", source) for source in COLLABORATIVE if "base" in names and source in names]
    return *comparisons(names), *sources


@dataclass(frozen=True)
class Lists:
    """Test rows as lists: what was chosen, found, by whom."""

    chosen: Mask
    found: Mask
    group: Codes
    groups: int
    owner: Codes
    """(groups,) user of each list."""
    users: int

    @classmethod
    def of(cls, test: pl.DataFrame) -> "Lists":
        """From the test rows of `ranking_examples`."""
        names, first, group = np.unique(test["group_id"].to_numpy(), return_index=True, return_inverse=True)
        users, owner = np.unique(test["user_id"].to_numpy()[first], return_inverse=True)
        chosen, found = (test["label"] > 0.5).to_numpy(), test["retrieved"].to_numpy().astype(np.bool_)
        return cls(chosen, found, group.astype(np.int64), len(names), owner.astype(np.int64), len(users))

    def ranked(self, score: Doubles, part: Mask) -> Ranked:
        """Places of the chosen items of `part` (rows,); a row without a finite score is not shown."""
        kept = self.found & np.isfinite(score) & (part | ~self.chosen)
        missed = np.bincount(self.group, self.chosen & part & ~kept, self.groups).astype(np.int64)
        return Ranked.of_rows(
            self.chosen[kept].astype(np.float64), score[kept], self.group[kept], self.groups, missed
        )

    def by_user(self, sums: Sums) -> Sums:
        """A metric of lists, summed over each user's."""
        numerator, denominator = (
            np.bincount(self.owner, values, self.users) for values in (sums.numerator, sums.denominator)
        )
        return Sums(numerator.astype(np.float64), denominator.astype(np.float64))


def judge_lists(
    test: pl.DataFrame,
    masks: dict[str, Mask],
    arms: dict[str, dict[str, Doubles]],
    draws: Draws,
    beside: Beside | None = None,
) -> list[dict[str, Any]]:
    """Rows of `lift`: `masks` are the slices over the test rows, `arms` is ranker -> arm -> scores (seeds,
    test rows)."""
    beside, lists, rows = beside or Beside(), Lists.of(test), list[dict[str, Any]]()
    described, groupings = Described.of(test, beside), groups_of(beside.users, test, lists.chosen)
    own = {str(name): _source(test, name) for name in COLLABORATIVE if f"base__from_{name}" in test.columns}
    for name, mask in masks.items():
        part = mask & lists.chosen
        if part.any():
            users = len(np.unique(lists.owner[lists.group[part]]))
            common = {"slice": name, "n_users": users, "n_rows": int(part.sum())}
            whole = name == WHOLE
            rows += _slice_rows(lists, part, arms, own, draws, common, groupings if whole else [])
            for ranker, scored in ({SOURCE: own} | arms).items() if whole and described else ():
                assert described is not None
                rows += shown_rows(described, scored, common | {"ranker": ranker})
    return rows


def _source(test: pl.DataFrame, name: str) -> Doubles:
    """(1, rows) a source's own scores; minus infinity where it has nothing to say."""
    return test[f"base__from_{name}"].cast(pl.Float64).fill_nan(-np.inf).fill_null(-np.inf).to_numpy()[None]


def _slice_rows(
    lists: Lists,
    part: Mask,
    arms: dict[str, dict[str, Doubles]],
    own: dict[str, Doubles],
    draws: Draws,
    common: dict[str, Any],
    groupings: list[Groups],
) -> list[dict[str, Any]]:
    rows = [_row("candidates", SOURCE, "recall", Form.of_sums([_recall_of_all(lists, part)]), common)]
    ranked_own = {name: [lists.ranked(score, part) for score in scores] for name, scores in own.items()}
    for number, (ranker, scored) in enumerate(arms.items()):
        ranked = {arm: [lists.ranked(score, part) for score in scores] for arm, scores in scored.items()}
        for metric, measure in LIST_METRICS.items():
            forms = {
                arm: Form.of_sums([lists.by_user(measure(each)) for each in seeds])
                for arm, seeds in (ranked | ranked_own).items()
            }
            rows += [_row(arm, ranker, metric, forms[arm], common) for arm in ranked]
            rows += [_row(name, SOURCE, metric, forms[name], common) for name in own if number == 0]
            rows += [
                {
                    "arm": arm,
                    "against": other,
                    "ranker": ranker,
                    "metric": metric,
                    **compared(forms, arm, other, draws),
                    **common,
                }
                for arm, other in compared_lists(forms)
            ]
            judged = {arm: forms[arm] for arm in ranked}
            rows += gap_rows(judged, groupings, draws, {"ranker": ranker, "metric": metric})
    return rows


def _row(arm: str, ranker: str, metric: str, form: Form, common: dict[str, Any]) -> dict[str, Any]:
    return {
        "arm": arm,
        "against": arm,
        "ranker": ranker,
        "metric": metric,
        "value": known(form.values.mean()),
        **common,
    }


def _recall_of_all(lists: Lists, part: Mask) -> Sums:
    """Share of each list's chosen items that are among its candidates."""
    chosen, found = (np.bincount(lists.group, values, lists.groups) for values in (part, part & lists.found))
    return lists.by_user(
        Sums(np.where(chosen > 0, found / np.maximum(chosen, 1), 0.0), (chosen > 0).astype(np.float64))
    )
