from datetime import date
from typing import Any, cast

import pytest

from nightshift.errors import ConfigError
from nightshift.rankers import LightGBMRanker
from nightshift.serving.ranker import Ranker
from nightshift.serving.trees import Trees


def test_a_ranker_that_reads_source_scores_is_not_served_without_them() -> None:
    model = LightGBMRanker()
    model.features = ("base__item_events", "base__from_ease")
    with pytest.raises(ConfigError, match=r"'base__from_ease'.*score_columns to false"):
        Ranker(Trees(model), cast(Any, None), date(2024, 1, 1))
