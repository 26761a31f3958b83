"""Rankers on lists of candidates."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from nightshift.rankers import LightGBMRanker, LightGBMSettings


@pytest.mark.parametrize("objective", ["binary", "lambdarank"])
def test_trees_learn_rows_and_order_from_lists_of_candidates(lists: pl.DataFrame, objective: str) -> None:
    features = tuple(name for name in lists.columns if name.startswith(("base__", "llm__")))
    splits = {name: lists.filter(pl.col("split") == name) for name in ("train", "valid", "test")}
    settings = LightGBMSettings.model_validate({"objective": objective, "rounds": 60, "learning_rate": 0.1})
    ranker = LightGBMRanker(settings).fit(splits["train"], splits["valid"], features)
    shown = splits["test"].filter("retrieved")
    scores = ranker.predict(shown)
    assert np.isfinite(scores).all()
    assert roc_auc_score(shown["label"], scores) > 0.55
