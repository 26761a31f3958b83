"""Items shown in two lists at one moment: a training row in each, proved and judged like any other."""

from datetime import timedelta

import polars as pl
import pytest

from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.proofs import future_shuffle, recompute
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.settings import LiftSettings
from nightshift.lift.suite import judge
from nightshift.rankers import LightGBMSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world

SETTINGS = ExampleSettings(features=FeatureSettings(lists=False))


@pytest.fixture(scope="module")
def inputs() -> ExampleInputs:
    """A world in which every third list is shown in a second widget as well, where nothing was clicked."""
    world = make_world(SyntheticSettings(n_users=30, n_items=60, days=12))
    again = world.interactions.filter(pl.col("request_id").hash(seed=1) % 3 == 0)
    again = again.with_columns(pl.col("request_id") + "|below", label=pl.lit(0.0, pl.Float32))
    night = world.settings.start.date() + timedelta(days=3)
    return ExampleInputs(
        world.items,
        pl.concat([world.interactions, again]),
        {night: Snapshot(item_embeddings=world.embeddings())},
    )


def test_each_list_has_its_rows_and_the_proofs_hold(inputs: ExampleInputs) -> None:
    examples = build_examples(inputs, SETTINGS)
    below = examples.filter(pl.col("group_id").str.ends_with("|below"))
    assert below.height > 0
    assert below["label"].sum() == 0
    above = examples.filter(pl.col("group_id") + "|below" == pl.lit(below["group_id"][0]))
    assert above.height == below.filter(group_id=below["group_id"][0]).height
    assert recompute(inputs, SETTINGS, examples, sample=20) == []
    assert future_shuffle(inputs, SETTINGS, examples["timestamp"].median()) == []


def test_scores_of_both_lists_are_judged(inputs: ExampleInputs) -> None:
    examples = build_examples(inputs, SETTINGS)
    settings = LiftSettings(
        arms=("base", "text"), seeds=1, resamples=100, lightgbm=LightGBMSettings(rounds=5)
    )
    judged = judge(examples, settings)
    test = examples.filter(split="test").height
    assert judged.scores.filter(arm="base").height == test
    assert judged.lift.filter(slice="all")["n_rows"].max() == test
