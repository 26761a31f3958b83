"""Text and binary datasets in LightGBM itself."""

import json
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import pytest

from nightshift.export import export
from nightshift.tables import RANKING_EXAMPLES
from tests.served import NIGHTS, Served

QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "seed": 0}
TEXT = {"header": True, "label_column": "name:label", **QUIET}
ORDER = ["_first", "user_id", "group_id", "item_id"]


@pytest.fixture(scope="session")
def exported(home: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(home.store, "lightgbm", tmp_path_factory.mktemp("lightgbm") / "out").out


@pytest.fixture(scope="session")
def rows(home: Served) -> pl.DataFrame:
    frame = home.store.read(RANKING_EXAMPLES, NIGHTS[-1])
    return frame.with_columns(pl.col("timestamp").min().over("user_id", "group_id").alias("_first")).sort(
        ORDER
    )


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_text_and_binary_hold_the_rows_the_lists_and_the_names(
    exported: Path, rows: pl.DataFrame, split: str
) -> None:
    part = rows.filter(split=split)
    sizes = part.group_by("user_id", "group_id", maintain_order=True).len()["len"].to_list()
    names = json.loads((exported / "features.json").read_text())
    for file, settings in ((f"{split}.csv", TEXT), (f"{split}.bin", QUIET)):
        dataset = lightgbm.Dataset(exported / file, params=settings).construct()
        assert dataset.num_data() == part.height
        assert (
            dataset.feature_name == names
            if isinstance(dataset.feature_name, list)
            else dataset.get_feature_name() == names
        )
        assert np.array_equal(dataset.get_label(), part["label"].to_numpy())
        assert np.diff(dataset.get_field("group")).tolist() == sizes
    keys = pl.read_parquet(exported / f"{split}.keys.parquet")
    assert keys.equals(part.select(keys.columns))


def test_text_holds_the_values_to_the_last_bit_and_nan_where_they_are_missing(
    exported: Path, rows: pl.DataFrame
) -> None:
    names = json.loads((exported / "features.json").read_text())
    text = pl.read_csv(exported / "test.csv", schema_overrides=dict.fromkeys(["label", *names], pl.Float64))
    part = rows.filter(split="test").select(names)
    assert text.select(pl.col(names).cast(pl.Float32)).equals(part)
    assert part.select(pl.any_horizontal(pl.all().is_nan().any())).item()


def test_a_ranker_trained_on_the_export_orders_its_test_lists(exported: Path, rows: pl.DataFrame) -> None:
    settings = {"objective": "lambdarank", "learning_rate": 0.1, "num_leaves": 7}
    train = lightgbm.Dataset(exported / "train.csv", params=TEXT)
    valid = lightgbm.Dataset(exported / "valid.csv", reference=train, params=TEXT)
    model = lightgbm.train(settings | TEXT, train, 20, valid_sets=[valid])
    binned = lightgbm.Dataset(exported / "train.bin", params=QUIET)
    again = lightgbm.train(
        settings | QUIET, binned, 20, valid_sets=[lightgbm.Dataset(exported / "valid.bin", reference=binned)]
    )
    test = rows.filter(split="test")
    scores = np.asarray(model.predict(exported / "test.csv", data_has_header=True))
    assert auc(test["label"].to_numpy(), scores) > 0.55
    assert (
        auc(test["label"].to_numpy(), np.asarray(again.predict(test.select(model.feature_name()).to_numpy())))
        > 0.55
    )


def auc(label: np.ndarray, score: np.ndarray) -> float:
    rank = pl.Series(score).rank().to_numpy()
    positives = label.sum()
    return float(
        (rank[label > 0].sum() - positives * (positives + 1) / 2) / (positives * (len(label) - positives))
    )
