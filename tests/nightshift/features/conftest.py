"""A small world with two nights, everything a snapshot can hold, and gaps in it."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, World, make_world
from nightshift.tables import ITEM_EMBEDDINGS, USER_EMBEDDINGS, USER_PREFERENCES

NIGHTS = [date(2024, 1, 5), date(2024, 1, 12)]


def make_snapshot(world: World, seed: int) -> Snapshot:
    """All tables; the newest items have no content, a third of the users no preferences."""
    random = np.random.default_rng(seed)
    written = world.items["item_id"].head(100 + seed).implode()
    vectors = world.embeddings()
    facts = vectors.filter(pl.col("view") == "raw").with_columns(view=pl.lit("facts"))
    users = world.interactions["user_id"].unique().sort().gather_every(2)
    preferences = pl.DataFrame({"user_id": users}).with_columns(
        history_length=pl.lit(3, pl.Int32),
        last_event_at=pl.lit(world.settings.start),
        likes=pl.lit([world.topics[seed]]),
        dislikes=pl.lit([world.topics[3], "no such tag"]),
        summary=pl.lit("Likes things."),
        origin=pl.lit("llm"),
        prompt_id=pl.lit("p/v1"),
        model_id=pl.lit("m@1"),
        content_key=pl.lit(None, pl.String),
    )
    user_vectors = pl.DataFrame(
        {
            "user_id": users,
            "view": "facts",
            "encoder_id": facts["encoder_id"][0],
            "vector": random.normal(size=(users.len(), 64)).astype(np.float32).tolist(),
        }
    )
    return Snapshot(
        item_tag_scores=world.tag_scores().filter(pl.col("item_id").is_in(written)),
        item_embeddings=ITEM_EMBEDDINGS.conform(
            pl.concat([vectors, facts]).filter(pl.col("item_id").is_in(written))
        ),
        user_preferences=USER_PREFERENCES.conform(preferences),
        user_embeddings=USER_EMBEDDINGS.conform(user_vectors),
    )


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(SyntheticSettings(n_users=60, n_items=120, days=20))


@pytest.fixture(scope="session")
def inputs(world: World) -> ExampleInputs:
    snapshots = {night: make_snapshot(world, number) for number, night in enumerate(NIGHTS)}
    return ExampleInputs(world.items, world.interactions, snapshots)


@pytest.fixture(scope="session")
def examples(inputs: ExampleInputs) -> pl.DataFrame:
    return build_examples(inputs, ExampleSettings())
