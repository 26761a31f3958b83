"""Judge the arms: train every arm with every seed, score the test rows, compare metric by metric and slice by slice."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from nightshift.lift.arms import COMPARISONS
from nightshift.lift.forms import Form, known
from nightshift.lift.inference import Concordance, Draws
from nightshift.lift.lists import judge_lists
from nightshift.lift.metrics import Codes, Doubles, Sums, gauc, logloss, ndcg
from nightshift.lift.settings import METRICS, LiftSettings
from nightshift.lift.slices import SLICES
from nightshift.lift.training import Progress, Trained, train_arms
from nightshift.tables import LIFT

if TYPE_CHECKING:  # a context loads SciPy, and the configuration imports this package
    from nightshift.rankers.context import Context

ROW = ["user_id", "item_id", "timestamp"]
"""What names a test row."""


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

    def form(self, arm: str, metric: str) -> Form:
        """One metric of an arm."""
        if metric == "auc":
            return Form.of_auc(Concordance(self.label, self.scores[arm], self.user, self.users))
        return Form.of_sums(self.sums(arm, metric))


def judge(
    examples: pl.DataFrame, settings: LiftSettings | None = None, progress: Progress | None = None, context: "Context | None" = None
) -> Judged:
    """Train and compare the arms whose columns `examples` (the `ranking_examples` table) has: `train_arms`, then `measure`."""
    trained = train_arms(examples, settings, progress, context)
    return Judged(trained.scores, trained.rankers, measure(examples, trained.scores, settings, progress))


def measure(
    examples: pl.DataFrame, scores: pl.DataFrame, settings: LiftSettings | None = None, progress: Progress | None = None
) -> pl.DataFrame:
    """The `lift` table from the `ranking_scores` table; `examples` says which rows belong to which slice.

    Lists of candidates (implicit feedback) are judged by `judge_lists`, rows that users were shown by `compare`. The reported
    value of a metric is its mean over seeds (not the metric of averaged scores, which would be an ensemble's).
    """
    settings, tell = settings or LiftSettings(), progress or (lambda _: None)
    test = examples.filter(pl.col("split") == "test").select(ROW)
    rankers = scores["ranker"].unique(maintain_order=True).to_list()
    if examples["retrieved"].is_not_null().any():
        return _of_lists(examples, {name: _by_arm(scores.filter(pl.col("ranker") == name), test) for name in rankers}, settings, tell)
    return LIFT.conform(
        pl.concat(compare(examples, _by_arm(scores.filter(pl.col("ranker") == name), test), settings, tell, name) for name in rankers)
    )


def _of_lists(examples: pl.DataFrame, arms: dict[str, dict[str, Doubles]], settings: LiftSettings, tell: Progress) -> pl.DataFrame:
    test = examples.filter(pl.col("split") == "test")
    tell(f"comparing the arms on {test['group_id'].n_unique()} lists of candidates")
    masks = {name: mask_of(test, examples) for name, mask_of in SLICES.items()}
    rows = judge_lists(test, masks, arms, Draws(settings.bootstrap_seed, settings.resamples))
    return LIFT.conform(pl.DataFrame(rows, schema=LIFT.schema))


def _by_arm(scores: pl.DataFrame, test: pl.DataFrame) -> dict[str, Doubles]:
    """Arm -> (seeds, test rows), rows in the order of `test`."""
    arms: dict[str, list[Doubles]] = {}
    for (arm, _), part in scores.sort("seed", maintain_order=True).group_by("arm", "seed", maintain_order=True):
        placed = test.join(part, on=ROW, how="left", maintain_order="left")["score"]
        arms.setdefault(str(arm), []).append(placed.to_numpy())
    return {arm: np.stack(seeds) for arm, seeds in arms.items()}


def compare(
    examples: pl.DataFrame, scores: dict[str, Doubles], settings: LiftSettings, tell: Progress, ranker: str = "lightgbm"
) -> pl.DataFrame:
    """The `lift` table of one ranker from scores (seeds, test rows) of each arm; test rows in the order of `examples`."""
    test = examples.filter(pl.col("split") == "test")
    draws, rows = Draws(settings.bootstrap_seed, settings.resamples), list[dict[str, Any]]()
    for name, mask_of in SLICES.items():
        tell(f"comparing the arms of {ranker} on {name}")
        mask = mask_of(test, examples)
        if mask.any():
            rows += _slice_rows(ranker, name, _cut(test, scores, mask), draws)
    return LIFT.conform(pl.DataFrame(rows, schema=LIFT.schema))


def _cut(test: pl.DataFrame, scores: dict[str, Doubles], mask: np.ndarray) -> SliceScores:
    label = test["label"].cast(pl.Float64).to_numpy()[mask]
    names, user = np.unique(test["user_id"].to_numpy()[mask], return_inverse=True)
    return SliceScores(label, user.astype(np.int64), len(names), {arm: score[:, mask] for arm, score in scores.items()})


def _slice_rows(ranker: str, name: str, part: SliceScores, draws: Draws) -> list[dict[str, Any]]:
    common = {"ranker": ranker, "slice": name, "n_users": part.users, "n_rows": len(part.label)}
    rows = []
    for metric in METRICS:
        forms = {arm: part.form(arm, metric) for arm in part.scores}
        rows += [
            {"arm": arm, "against": arm, "metric": metric, "value": known(form.values.mean()), **common} for arm, form in forms.items()
        ]
        for arm, against in COMPARISONS:
            if arm in forms and against in forms:
                compared = forms[arm].against(forms[against], draws)
                rows.append({"arm": arm, "against": against, "metric": metric, **compared, **common})
    return rows
