"""Promise 1: whoever ranks needs Parquet, numpy, polars and LightGBM; every LLM, pipeline and orchestration package may be absent."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

from nightshift.rankers.lightgbm import LightGBMRanker

BLOCKED = ("torch", "transformers", "sentence_transformers", "tokenizers", "dagster", "apache_beam")

RANK = """
import socket, sys
from pathlib import Path

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in {blocked!r} else self.finder.find_spec(name, path, target)

def refused(*_, **__):
    raise OSError("no network at serving")

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
socket.socket.connect = refused
import polars as pl
from nightshift.rankers.lightgbm import LightGBMRanker
folder = Path(sys.argv[1])
rows = pl.read_parquet(folder / "rows.parquet")
print(",".join(f"{{score:.6f}}" for score in LightGBMRanker.load(folder / "model").predict(rows)))
"""


def test_a_saved_ranker_ranks_with_every_llm_and_pipeline_package_absent(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = pl.DataFrame({"base__a": random.random(400, np.float32), "llm__b": random.random(400, np.float32)})
    rows = rows.with_columns(label=(rows["base__a"] + rows["llm__b"] > 1).cast(pl.Float32))
    ranker = LightGBMRanker().fit(rows.head(300), rows.tail(100), ("base__a", "llm__b"))
    ranker.save(tmp_path / "model")
    rows.head(5).write_parquet(tmp_path / "rows.parquet")
    root = str(Path(__file__).parents[1])
    code = RANK.format(blocked=set(BLOCKED))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, env={"PYTHONPATH": root}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ",".join(f"{score:.6f}" for score in ranker.predict(rows.head(5)))
