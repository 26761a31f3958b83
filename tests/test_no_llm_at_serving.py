"""Promise 1: serving needs Parquet, numpy, polars, LightGBM or onnxruntime; every LLM, pipeline and
orchestration package may be absent."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightshift.serving import Ranker
from tests.served import NIGHTS, Served

BLOCKED = (
    "torch", "transformers", "sentence_transformers", "tokenizers", "llama_cpp", "xllamacpp", "vllm", "openai", "huggingface_hub",
    "dagster", "apache_beam",
)  # fmt: skip
NOW = datetime(2024, 1, 21, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[1]

ALONE = """
import json, socket, sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in {blocked!r} else self.finder.find_spec(name, path, target)

def refused(*_, **__):
    raise OSError("no network at serving")

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
socket.socket.connect = socket.getaddrinfo = refused
from datetime import datetime
from nightshift.serving import Ranker
home, ranker, user, now = sys.argv[1:5]
ranked = Ranker.load(home, ranker=ranker).rank(user, sys.argv[5:], datetime.fromisoformat(now))
loaded = sorted(set(name.split(".")[0] for name in sys.modules) & {blocked!r})
print(json.dumps([list(ranked.items), ranked.probabilities.tolist(), loaded]))
"""
"""A process of its own in which the packages cannot be found and no connection can be made."""

RANKERS = ["lightgbm", "din"]
"""Rankers that can be served; each one ranks alone."""


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_home_is_ranked_with_every_llm_and_pipeline_package_absent(tmp_path: Path, ranker: str) -> None:
    home = Served(tmp_path, codes=True)
    home.publish(NIGHTS[2])
    {"lightgbm": home.train, "din": home.train_din}[ranker](NIGHTS[0], NIGHTS[2])
    assert (tmp_path / "models" / f"{ranker}-llm").is_dir()
    user, items = home.world.interactions["user_id"][0], home.world.items["item_id"].head(20).to_list()
    command = [
        sys.executable,
        "-c",
        ALONE.format(blocked=set(BLOCKED)),
        str(tmp_path),
        ranker,
        user,
        NOW.isoformat(),
        *items,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0, done.stderr
    names, chances, loaded = json.loads(done.stdout)
    here = Ranker.load(tmp_path, ranker=ranker).rank(user, items, NOW)
    assert (names, chances) == (list(here.items), here.probabilities.tolist())
    assert loaded == []


def test_the_packages_are_really_absent_there() -> None:
    code = ALONE.format(blocked=set(BLOCKED)).split("from datetime")[0] + "import torch"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert "No module named 'torch'" in done.stderr
