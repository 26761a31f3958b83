"""Judge the arms: train every arm with every seed, score the test rows, compare metric by metric and slice
by slice."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from nightshift.features.content_spec import ContentSpec
from nightshift.features.dealings import dealing_of
from nightshift.lift.arms import comparisons, pooled
from nightshift.lift.calibration import bias, smooth_ece
from nightshift.lift.candidate_lists import judge_lists
from nightshift.lift.descriptions import Beside
from nightshift.lift.fairness import Groups, gap_rows, groups_of
from nightshift.lift.inference import Concordance, Draws, holm
from nightshift.lift.metrics import Codes, Doubles, Sums, gauc, logloss, ndcg
from nightshift.lift.paired import Form, compared, known
from nightshift.lift.settings import METRICS, LiftSettings
from nightshift.lift.slices import GROUP, WHOLE, Mask, masks_of
from nightshift.lift.training import Progress, Trained, train_arms
from nightshift.tables import LIFT

if TYPE_CHECKING:  # a context loads SciPy, and the configuration imports this package
    from nightshift.rankers.context import Context

ROW = ["user_id", "item_id", "timestamp", "group_id"]
"""What names a test row."""
CALIBRATION = {"smooth_ece": smooth_ece, "bias": bias}
"""Metrics that describe an arm and are not compared."""


@dataclass(frozen=True)
class Judged(Trained):
    """What training and measuring leave behind."""

    lift: pl.DataFrame
    """The `lift` table."""


@dataclass(frozen=True)
class SliceScores:
    """Test rows of one slice and what every arm and seed said about them."""

    label: Doubles
    user: Codes
    users: int
    scores: dict[str, Doubles]
    """Arm -> (seeds, rows)."""

    def sums(self, arm: str, metric: str) -> list[Sums]:
        """A ratio metric of an arm, one Sums a seed."""
        measure = {"gauc": gauc, "ndcg@10": ndcg, "logloss": logloss}[metric]
        return [measure(self.label, score, self.user, self.users) for score in self.scores[arm]]

    def calibration(self) -> list[dict[str, Any]]:
        """Rows of `lift`, seeds averaged: whether an arm's probabilities mean what they say. None for
        scores that are no probabilities."""
        rows = list[dict[str, Any]]()
        for arm, scores in self.scores.items():
            if ((scores < 0) | (scores > 1)).any():
                continue
            for metric, measured in CALIBRATION.items():
                value = known(np.mean([measured(self.label, score) for score in scores]))
                rows.append({"arm": arm, "against": arm, "metric": metric, "value": value})
        return rows

    def form(self, arm: str, metric: str) -> Form:
        """One metric of an arm."""
        if metric == "auc":
            return Form.of_auc(Concordance(self.label, self.scores[arm], self.user, self.users))
        return Form.of_sums(self.sums(arm, metric))


def judge(
    examples: pl.DataFrame,
    settings: LiftSettings | None = None,
    progress: Progress | None = None,
    context: "Context | None" = None,
    beside: Beside | None = None,
    spec: ContentSpec | None = None,
) -> Judged:
    """Train and compare the arms whose columns `examples` (the `ranking_examples` table) has:
    `train_arms`, then `measure`."""
    trained = train_arms(examples, settings, progress, context, spec=spec)
    return Judged(
        trained.scores, trained.rankers, measure(examples, trained.scores, settings, progress, beside)
    )


def measure(
    examples: pl.DataFrame,
    scores: pl.DataFrame,
    settings: LiftSettings | None = None,
    progress: Progress | None = None,
    beside: Beside | None = None,
) -> pl.DataFrame:
    """The `lift` table from the `ranking_scores` table; `examples` and `beside` say which rows belong to
    which slice.

    Lists of candidates (implicit feedback) are judged by `judge_lists`, rows that users were shown by
    `compare`. The reported value of a metric is its mean over seeds (not the metric of averaged scores,
    which would be an ensemble's).
    """
    settings, tell = settings or LiftSettings(), progress or (lambda _: None)
    test = examples.filter(pl.col("split") == "test").select(ROW)
    rankers = scores["ranker"].unique(maintain_order=True).to_list()
    arms = {name: _by_arm(scores.filter(pl.col("ranker") == name), test) for name in rankers}
    beside = beside or Beside()
    masks = masks_of(examples, beside)
    dealt = sum(dealing_of(arm) is not None for arm in scores["arm"].unique())
    draws = Draws(settings.bootstrap_seed, settings.resamples, max(dealt, 1))
    if examples["retrieved"].is_not_null().any():
        rows = _of_lists(examples, masks, arms, draws, tell, beside)
    else:
        rows = [
            row
            for name in rankers
            for row in compare(examples, masks, arms[name], draws, tell, name, beside.users)
        ]
    return LIFT.conform(corrected(pl.DataFrame(rows, schema=LIFT.schema)))


def corrected(lift: pl.DataFrame) -> pl.DataFrame:
    """With `p_holm`: each comparison's p-values of one metric, corrected over the slices; `all` is one
    test of its own.

    Groups of users are corrected among themselves, so that mapping them moves no other slice's number.
    """
    family = (
        pl.when(pl.col("slice") == "all")
        .then(0)
        .when(pl.col("slice").str.starts_with(GROUP))
        .then(1)
        .otherwise(2)
    )
    place = pl.struct(pl.col("arm", "against", "ranker", "metric"), family=family)
    p_holm = np.full(lift.height, np.nan)
    p_value = lift["p_value"].fill_null(float("nan")).to_numpy()
    for (_,), rows in lift.select(place=place.rank("dense")).with_row_index("row").group_by("place"):
        p_holm[rows["row"]] = holm(p_value[rows["row"]])
    return lift.with_columns(p_holm=pl.Series(p_holm).fill_nan(None))


def _of_lists(
    examples: pl.DataFrame,
    masks: dict[str, Mask],
    arms: dict[str, dict[str, Doubles]],
    draws: Draws,
    tell: Progress,
    beside: Beside,
) -> list[dict[str, Any]]:
    test = examples.filter(pl.col("split") == "test")
    tell(f"comparing the arms on {test['group_id'].n_unique()} lists of candidates")
    return judge_lists(test, masks, arms, draws, beside)


def _by_arm(scores: pl.DataFrame, test: pl.DataFrame) -> dict[str, Doubles]:
    """Arm -> (seeds, test rows), rows in the order of `test`; the dealings of the placebo are one arm."""
    arms: dict[str, list[Doubles]] = {}
    named = scores.with_columns(pl.col("arm").replace({arm: pooled(arm) for arm in scores["arm"].unique()}))
    for (arm, _), part in named.sort("seed", maintain_order=True).group_by(
        "arm", "seed", maintain_order=True
    ):
        placed = test.join(part, on=ROW, how="left", maintain_order="left")["score"]
        arms.setdefault(str(arm), []).append(placed.to_numpy())
    return {arm: np.stack(seeds) for arm, seeds in arms.items()}


def compare(
    examples: pl.DataFrame,
    masks: dict[str, Mask],
    scores: dict[str, Doubles],
    draws: Draws,
    tell: Progress,
    ranker: str = "lightgbm",
    users: pl.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """Rows of `lift` of one ranker from scores (seeds, test rows) of each arm; test rows in the order of
    `examples`."""
    test, rows = examples.filter(pl.col("split") == "test"), list[dict[str, Any]]()
    for number, (name, mask) in enumerate(masks.items(), 1):
        tell(f"comparing the arms of {ranker} on slice {number} of {len(masks)}: {name}")
        rows += _slice_rows(
            ranker, name, _cut(test, scores, mask), draws, groups_of(users, test) if name == WHOLE else []
        )
    return rows


def _cut(test: pl.DataFrame, scores: dict[str, Doubles], mask: np.ndarray) -> SliceScores:
    label = test["label"].cast(pl.Float64).to_numpy()[mask]
    names, user = np.unique(test["user_id"].to_numpy()[mask], return_inverse=True)
    return SliceScores(
        label, user.astype(np.int64), len(names), {arm: score[:, mask] for arm, score in scores.items()}
    )


def _slice_rows(
    ranker: str, name: str, part: SliceScores, draws: Draws, groupings: list[Groups]
) -> list[dict[str, Any]]:
    common = {"ranker": ranker, "slice": name, "n_users": part.users, "n_rows": len(part.label)}
    rows = []
    for metric in METRICS:
        forms = {arm: part.form(arm, metric) for arm in part.scores}
        rows += [
            {"arm": arm, "against": arm, "metric": metric, "value": known(form.values.mean()), **common}
            for arm, form in forms.items()
        ]
        rows += [
            {
                "arm": arm,
                "against": against,
                "metric": metric,
                **compared(forms, arm, against, draws),
                **common,
            }
            for arm, against in comparisons(forms)
        ]
        rows += gap_rows(forms, groupings, draws, {"ranker": ranker, "metric": metric})
    return rows + [row | common for row in part.calibration()]
