"""The same small search for every arm: a few fixed variants of a ranker's settings, judged on the
validation rows.

A baseline that was tuned less than what it is compared with flatters the comparison. Every arm gets the
first `trials` of the same list; the first one is the settings as they are, so that one trial is no search.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from nightshift.rankers.base import Ranker
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.lightgbm import LightGBMSettings

if TYPE_CHECKING:  # a context loads SciPy, and the configuration imports this package
    from nightshift.rankers.context import Context

S = TypeVar("S", LightGBMSettings, DINSettings)

VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "lightgbm": (
        {},
        {"leaves": 7, "min_rows_in_leaf": 50},
        {"leaves": 31, "min_rows_in_leaf": 200},
        {"feature_share": 0.25},
        {"feature_share": 0.8, "l2": 20.0},
        {"learning_rate": 0.02, "leaves": 31, "l2": 20.0, "row_share": 0.5},
    ),
    "din": (
        {},
        {"learning_rate": 1e-3},
        {"learning_rate": 4e-3},
        {"embedding_decay": 20.0, "dropout": 0.4},
        {"embedding_decay": 0.0, "id_dropout": 0.0},
        {"units": (64, 32), "attention_units": 32},
    ),
}
"""What each trial changes, by ranker."""
MOST_TRIALS = 6


def choose(
    settings: S,
    name: str,
    trials: int,
    fit: Callable[[S], Ranker],
    valid: pl.DataFrame,
    context: "Context | None",
) -> S:
    """The variant of the settings whose ranker has the lowest log-loss on `valid`; the settings themselves
    for one trial or no rows."""
    if trials == 1 or not valid.height:
        return settings
    variants = [settings.model_copy(update=change) for change in VARIANTS[name][:trials]]
    return min(variants, key=lambda variant: _logloss(fit(variant), valid, context))


def _logloss(ranker: Ranker, rows: pl.DataFrame, context: "Context | None") -> float:
    chance = np.clip(ranker.predict(rows, context), 1e-7, 1 - 1e-7)
    return float(-np.log(np.where(rows["label"].to_numpy() > 0.5, chance, 1 - chance)).mean())
