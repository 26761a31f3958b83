"""Gradient-boosted trees with LightGBM (Ke et al., NeurIPS 2017): the ranker every arm is judged with.

The defaults were tuned once by hand on the `base` family of MovieLens-100K's validation split
(docs/features.md) and are the same for every arm. The default objective is the log-loss of one row, so
scores are calibrated and lists of one row count. Objectives of lists (`lambdarank`, Burges 2010;
`rank_xendcg`, Bruch et al. 2021) need real lists; their scores are turned into probabilities on the
validation rows (Platt, 1999), which keeps their order.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from nightshift.errors import ModelUnavailable, TableError
from nightshift.rankers.base import Rows
from nightshift.rankers.lists import lists_of
from nightshift.rankers.platt import fit_platt, probability

if TYPE_CHECKING:
    from nightshift.rankers.context import Context

MODEL_FILE = "model.txt"
FEATURES_FILE = "features.json"
GAINS = tuple(2**label - 1 for label in range(31))
"""Gain of each label of a list."""


class LightGBMSettings(BaseModel):
    """How the trees are grown."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    objective: Literal["binary", "lambdarank", "rank_xendcg"] = "binary"
    """What is learnt: `binary` each row's probability; `lambdarank` and `rank_xendcg` the order of real
    lists (request ids)."""
    truncation: int = Field(default=13, ge=1)
    """Places of a list that `lambdarank` compares: the cutoff of the metric plus 3. Not read by the other
    objectives."""
    learning_rate: float = Field(default=0.04, gt=0)
    """Shrinkage of every tree."""
    rounds: int = Field(default=1000, ge=1)
    """Most trees grown; early stopping ends sooner."""
    patience: int = Field(default=50, ge=1)
    """Trees without a better validation log-loss before growing stops."""
    leaves: int = Field(default=15, ge=2)
    """Leaves of a tree."""
    min_rows_in_leaf: int = Field(default=100, ge=1)
    """Fewest training rows in a leaf; small data gets a fiftieth of its rows instead."""
    feature_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the columns each tree may use; the seed draws them."""
    row_share: float = Field(default=0.7, gt=0, le=1)
    """Share of the rows each tree sees; the seed draws them."""
    l2: float = Field(default=5.0, ge=0)
    """Ridge on leaf values."""
    max_bins: int = Field(default=127, ge=2)
    """Bins of a column."""
    threads: int = Field(default=2, ge=1)
    """Threads; changes speed only."""

    @property
    def lists(self) -> bool:
        """Whether the objective is one of lists."""
        return self.objective != "binary"

    def parameters(self, seed: int, rows: int) -> dict[str, Any]:
        """LightGBM's own names for these settings."""
        ranked = {
            "metric": "ndcg",
            "eval_at": [10],
            "lambdarank_truncation_level": self.truncation,
            "label_gain": list(GAINS),
        }
        return (ranked if self.lists else {}) | {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(self.min_rows_in_leaf, max(rows // 50, 1)),
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "max_bin": self.max_bins,
            "num_threads": self.threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


class LightGBMRanker:
    """A LightGBM booster, its feature list and its settings."""

    name = "lightgbm"

    def __init__(self, settings: LightGBMSettings | None = None) -> None:
        self.settings = settings or LightGBMSettings()
        self.features: tuple[str, ...] = ()
        self._booster: Any = None
        self._platt = (1.0, 0.0)

    def fit(
        self,
        train: Rows,
        valid: Rows,
        features: tuple[str, ...],
        seed: int = 0,
        context: "Context | None" = None,
    ) -> Self:
        """Grow trees on `train` until the log-loss (NDCG@10 of lists) on `valid` stops improving.

        Without validation rows, one tenth of `rounds`. The context is not read. Raises SourceError for
        lists LightGBM cannot rank.
        """
        self.features, train, valid = features, train.lazy().collect(), valid.lazy().collect()
        parameters = self.settings.parameters(seed, train.height)
        import lightgbm  # a second to import, and the configuration imports these settings

        data = self._dataset(train, params=parameters)
        if valid.height == 0:
            self._booster = lightgbm.train(parameters, data, max(self.settings.rounds // 10, 1))
        else:
            stop = lightgbm.early_stopping(self.settings.patience, verbose=False)
            watched = [self._dataset(valid, reference=data)]
            self._booster = lightgbm.train(
                parameters, data, self.settings.rounds, valid_sets=watched, callbacks=[stop]
            )
        self._calibrate(valid if valid.height else train)
        return self

    def _dataset(self, rows: pl.DataFrame, **about: Any) -> Any:
        import lightgbm

        matrix, label = self._matrix(rows), rows["label"].to_numpy()
        if not self.settings.lists:
            return lightgbm.Dataset(matrix, label, **about)
        lists = lists_of(rows)
        return lightgbm.Dataset(matrix[lists.order], label[lists.order], group=lists.sizes, **about)

    def _calibrate(self, rows: pl.DataFrame) -> None:
        """Fit the slope and offset that turn scores of lists into probabilities of a positive label."""
        if self.settings.lists:
            positive = (rows["label"].to_numpy() > 0.5).astype(np.float64)
            self._platt = fit_platt(
                np.asarray(self._booster.predict(self._matrix(rows)), np.float64), positive
            )

    def predict(self, rows: Rows, context: "Context | None" = None) -> NDArray[np.float64]:
        """Probability of a positive label (rows,). The context is not read."""
        self._fitted()
        return self.predict_matrix(self._matrix(rows.lazy().collect()), self.settings.threads)

    def predict_matrix(self, matrix: NDArray[np.floating], threads: int = 1) -> NDArray[np.float64]:
        """Probabilities (rows,) for a matrix (rows, features) whose columns are `features` in order: no
        frame, one thread."""
        if not len(matrix):
            return np.zeros(0)
        score = np.asarray(self._fitted().predict(matrix, num_threads=threads), np.float64)
        return probability(score, self._platt) if self.settings.lists else score

    def contributions(self, rows: Rows) -> pl.DataFrame:
        """What each feature adds to each row's raw score (log-odds for `binary`), and `base_value`; a row
        sums to its score.

        Exact Shapley values of the trees (Lundberg et al., 2018): every feature against the training rows'
        average.
        """
        matrix = self._matrix(rows.lazy().collect())
        names = [*self.features, "base_value"]
        if not len(matrix):
            return pl.DataFrame(schema=dict.fromkeys(names, pl.Float64))
        return pl.DataFrame(
            np.asarray(self._fitted().predict(matrix, pred_contrib=True), np.float64), schema=names
        )

    def importances(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        gain = self._fitted().feature_importance("gain")
        shares = gain / max(float(gain.sum()), 1e-12)
        order = np.argsort(-shares, kind="stable")
        return {self.features[place]: float(shares[place]) for place in order}

    def save(self, folder: Path) -> None:
        """Write `model.txt` (LightGBM's text format) and `features.json` (columns and settings)."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).write_text(self._fitted().model_to_string(), encoding="utf-8")
        about = {
            "ranker": self.name,
            "features": list(self.features),
            "settings": self.settings.model_dump(),
            "platt": self._platt,
        }
        (folder / FEATURES_FILE).write_text(json.dumps(about, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The ranker as it was saved. Raises ModelUnavailable when the folder holds none."""
        if not (folder / MODEL_FILE).exists() or not (folder / FEATURES_FILE).exists():
            raise ModelUnavailable(
                f"no ranker in {folder}: {MODEL_FILE} or {FEATURES_FILE} is missing; train one first"
            )
        about = json.loads((folder / FEATURES_FILE).read_text(encoding="utf-8"))
        ranker = cls(LightGBMSettings(**about["settings"]))
        ranker.features, ranker._platt = tuple(about["features"]), tuple(about.get("platt", ranker._platt))
        import lightgbm

        ranker._booster = lightgbm.Booster(model_str=(folder / MODEL_FILE).read_text(encoding="utf-8"))
        return ranker

    @property
    def booster(self) -> Any:
        """LightGBM's own object. Raises ModelUnavailable before the fit."""
        return self._fitted()

    def _fitted(self) -> Any:
        if self._booster is None:
            raise ModelUnavailable("this ranker was never fitted; call fit or load one")
        return self._booster

    def _matrix(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        missing = [name for name in self.features if name not in rows.columns]
        if missing:
            raise TableError(
                f"the ranker was fitted on column {missing[0]!r}, which the rows lack ({len(missing)} "
                f"of {len(self.features)})"
            )
        return rows.select(pl.col(name).cast(pl.Float32) for name in self.features).to_numpy()
