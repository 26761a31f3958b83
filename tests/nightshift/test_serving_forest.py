"""The compiled trees take the routes LightGBM takes, or are not used."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.rankers.lightgbm import LightGBMRanker, LightGBMSettings
from nightshift.serving.forest import _lowered, forest_of

NAMES = ("base__a", "base__b", "llm__c", "llm__d")
ROOT = Path(__file__).parents[2]


def rows(size: int, seed: int, holes: float) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    values = random.normal(size=(size, 4)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1] * 3)  # counts: thresholds between whole numbers, zeros
    label = (random.random(size) < 1 / (1 + np.exp(-values[:, 0] * 2 - values[:, 1]))).astype(np.float32)
    values[random.random(values.shape) < holes] = np.nan
    return pl.DataFrame({name: values[:, number] for number, name in enumerate(NAMES)} | {"label": label})


def fitted(holes: float) -> LightGBMRanker:
    return LightGBMRanker(LightGBMSettings(rounds=80, threads=1)).fit(
        rows(3000, 1, holes), rows(800, 2, holes), NAMES
    )


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_the_compiled_trees_say_what_lightgbm_says(holes: float) -> None:
    model = fitted(holes)
    forest = forest_of(model)
    assert forest is not None
    matrix = (
        rows(5000, 3, 0.2).select(NAMES).to_numpy().astype(np.float32)
    )  # NaN also where training had none
    np.testing.assert_allclose(forest(np.ascontiguousarray(matrix)), model.predict_matrix(matrix), atol=1e-6)


def test_a_threshold_keeps_the_same_float32_values_below_it() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate(
        [random.normal(size=2000), random.normal(size=2000) * 1e-30, [0.0, 1e300, -1e300]]
    )
    for threshold in values.tolist():
        lowered = np.float32(_lowered(threshold))
        assert float(lowered) <= threshold
        assert float(np.nextafter(lowered, np.float32(3.4e38))) > threshold or threshold > 3.4e38


def test_trees_that_onnxruntime_would_read_otherwise_are_left_to_lightgbm() -> None:
    lists = [
        rows(size, seed, 0.0).with_columns(group_id=pl.int_range(pl.len()) // 10)
        for size, seed in ((2000, 1), (500, 2))
    ]
    lists = [frame.with_columns(pl.col("group_id").cast(pl.String)) for frame in lists]
    model = LightGBMRanker(LightGBMSettings(objective="lambdarank", rounds=20, threads=1)).fit(
        *lists, NAMES
    )  # another link
    assert forest_of(model) is None


def test_without_onnx_lightgbm_runs_its_own_trees(tmp_path: Path) -> None:
    fitted(0.0).save(tmp_path)
    code = """
import sys
sys.modules["onnx"] = None
from pathlib import Path
from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving.forest import forest_of
print(forest_of(LightGBMRanker.load(Path(sys.argv[1]))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "None", done.stderr
