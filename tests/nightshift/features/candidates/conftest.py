"""A small world in which only clicks are logged: implicit feedback, with two nights and vectors of the
source text."""

from datetime import date

import polars as pl
import pytest

from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, World, make_world
from nightshift.tables import ITEM_EMBEDDINGS

NIGHTS = [date(2024, 1, 8), date(2024, 1, 15)]
SETTINGS = ExampleSettings(
    candidates=CandidateSettings(
        per_source=15, negatives=6, train_lists=300, valid_lists=80, test_lists=60, window_days=5, batch=64
    )
)


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(SyntheticSettings(n_users=80, n_items=120, days=20))


@pytest.fixture(scope="session")
def clicks(world: World) -> pl.DataFrame:
    """Choices, and nothing of what was shown."""
    return world.interactions.filter(pl.col("label") > 0.5).with_columns(request_id=pl.lit(None, pl.String))


@pytest.fixture(scope="session")
def snapshot(world: World) -> Snapshot:
    raw = world.embeddings().filter(pl.col("view") == "raw")
    both = ITEM_EMBEDDINGS.conform(pl.concat([raw, raw.with_columns(view=pl.lit("facts"))]))
    return Snapshot(item_tag_scores=world.tag_scores(), item_embeddings=both)


@pytest.fixture(scope="session")
def inputs(world: World, clicks: pl.DataFrame, snapshot: Snapshot) -> ExampleInputs:
    return ExampleInputs(world.items, clicks, dict.fromkeys(NIGHTS, snapshot), implicit=True)


@pytest.fixture(scope="session")
def lists(inputs: ExampleInputs) -> pl.DataFrame:
    return build_examples(inputs, SETTINGS)


@pytest.fixture(scope="session")
def example_settings() -> ExampleSettings:
    return SETTINGS
