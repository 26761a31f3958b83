import json
from datetime import datetime
from pathlib import Path

import pytest

from nightshift.errors import ConfigError
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.serving import Features, Ranker
from nightshift.serving.recipe import load_candidates
from tests.served import NIGHTS, Served


def test_a_ranker_that_reads_source_scores_asks_for_the_settings_of_its_stage(tmp_path: Path) -> None:
    stage = CandidateSettings(per_source=15, negatives=6, train_lists=100, valid_lists=40, test_lists=20)
    settings = ExampleSettings(features=FeatureSettings(families=("base",)), candidates=stage)
    home = Served(tmp_path, settings=settings, implicit=True)
    home.publish(NIGHTS[0])
    home.train(NIGHTS[0], arm="base", rounds=5)
    ranker = Ranker.load(tmp_path, arm="base")
    user = home.events["user_id"][0]
    columns = ranker.features.columns(
        user, ["nobody-knows-me", *home.world.items["item_id"].head(9)], datetime(2024, 1, 9)
    )
    assert columns["base__from_popular"].is_nan().to_list()[0]
    assert columns["base__from_ease"].is_not_nan().any()
    assert ranker.features.columns("nobody", ["i00000"], None)["base__from_item_knn"].is_nan().all()
    with pytest.raises(ConfigError, match="features of other settings"):
        Ranker.load(tmp_path, arm="base", features=Features.open(tmp_path, settings.features))
    path = tmp_path / "models" / "lightgbm-base" / f"as_of={NIGHTS[0]}" / "candidates.json"
    kept = json.loads(path.read_text())
    assert kept["per_source"] == 15
    assert kept.pop("recency") == "auto"
    path.write_text(json.dumps(kept))  # as it was written before histories could age
    assert load_candidates(path.parent) == stage.model_copy(update={"recency": None})
    path.unlink()
    with pytest.raises(
        ConfigError,
        match=r"reads 'base__from_popular', a score of the candidate stage, and .*candidates.json is",
    ):
        Ranker.load(tmp_path, arm="base")
