from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.errors import ModelUnavailable, TableError
from nightshift.rankers import LightGBMRanker, LightGBMSettings, Ranker
from nightshift.testing import RankerConformance


class TestLightGBM(RankerConformance):
    def make_ranker(self) -> Ranker:
        return LightGBMRanker(LightGBMSettings(rounds=60, patience=10))


def rows(size: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=size)
    label = (random.random(size) < 1 / (1 + np.exp(-x))).astype(np.float32)
    return pl.DataFrame({"base__x": x.astype(np.float32), "label": label})


def test_probabilities_are_calibrated() -> None:
    train, valid, test = rows(4000), rows(4000)[:1000], rows(4000)
    ranker = LightGBMRanker().fit(train, valid, ("base__x",))
    assert ranker.predict(test).mean() == pytest.approx(float(test["label"].mean()), abs=0.03)


def test_a_missing_column_is_named() -> None:
    ranker = LightGBMRanker(LightGBMSettings(rounds=10)).fit(rows(300), rows(100), ("base__x",))
    with pytest.raises(TableError, match="base__x"):
        ranker.predict(rows(10).drop("base__x"))


def test_an_empty_folder_and_an_unfitted_ranker_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="train one first"):
        LightGBMRanker.load(tmp_path)
    with pytest.raises(ModelUnavailable, match="never fitted"):
        LightGBMRanker().predict(rows(3))


def test_without_validation_rows_a_tenth_of_the_rounds_is_grown() -> None:
    ranker = LightGBMRanker(LightGBMSettings(rounds=100)).fit(rows(300), rows(0), ("base__x",))
    assert ranker.predict(rows(5)).shape == (5,)
