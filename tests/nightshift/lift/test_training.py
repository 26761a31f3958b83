from datetime import timedelta

import polars as pl
import pytest

from nightshift.errors import TableError
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.headline import headline
from nightshift.lift.settings import LiftSettings
from nightshift.lift.suite import judge
from nightshift.lift.training import train_arms
from nightshift.lift.verdict import verdict
from nightshift.rankers import LightGBMSettings
from nightshift.rankers.context import Context
from nightshift.rankers.din.settings import DINSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import LIFT, RANKING_SCORES

BOTH = LiftSettings(
    rankers=("lightgbm", "din"),
    arms=("base", "text", "llm", "permuted"),
    seeds=2,
    resamples=200,
    lightgbm=LightGBMSettings(rounds=60, learning_rate=0.1),
    din=DINSettings(epochs=1, batch_rows=256, dimension=8, units=(32,)),
)


@pytest.fixture(scope="module")
def inputs() -> ExampleInputs:
    world = make_world(SyntheticSettings(n_users=60, n_items=100, days=20))
    night = world.settings.start.date() + timedelta(days=4)
    snapshot = Snapshot(item_tag_scores=world.tag_scores(), item_embeddings=world.embeddings())
    return ExampleInputs(world.items, world.interactions, {night: snapshot})


@pytest.fixture(scope="module")
def examples(inputs: ExampleInputs) -> pl.DataFrame:
    return build_examples(inputs, ExampleSettings(features=FeatureSettings(lists=False)))


def test_both_rankers_judge_the_same_arms_on_the_same_rows(
    inputs: ExampleInputs, examples: pl.DataFrame
) -> None:
    judged = judge(examples, BOTH, context=Context.of(inputs))
    assert RANKING_SCORES.conform(judged.scores).equals(judged.scores)
    assert LIFT.conform(judged.lift).equals(judged.lift)
    assert {name: set(arms) for name, arms in judged.rankers.items()} == {
        name: set(BOTH.arms) for name in BOTH.rankers
    }
    assert judged.scores.group_by("ranker", "arm", "seed").len()["len"].n_unique() == 1
    rows = judged.lift.group_by("ranker").len()["len"].to_list()
    assert rows[0] == rows[1] > 0
    lines = verdict(judged.lift)
    assert {line.split(":")[0] for line in lines} == {"lightgbm", "din"}
    assert [word for word in headline(judged.lift).split() if word in ("lightgbm:", "din:")] == [
        "lightgbm:",
        "din:",
    ]
    compared = judged.lift.filter(
        (pl.col("ranker") == "din") & (pl.col("metric") == "auc") & (pl.col("slice") == "all")
    )
    pairs = {("llm", "base"), ("text", "base"), ("permuted", "base"), ("llm", "permuted"), ("llm", "text")}
    assert pairs <= set(compared.drop_nulls("ci_low").select("arm", "against").iter_rows())
    first = judged.scores.filter((pl.col("ranker") == "din") & (pl.col("seed") == 0))
    said = {arm: part["score"].to_list() for (arm,), part in first.group_by("arm")}
    assert len({tuple(scores) for scores in said.values()}) == 4, "each arm's network saw other contents"


def test_one_ranker_is_not_named_in_the_verdict(inputs: ExampleInputs, examples: pl.DataFrame) -> None:
    judged = judge(examples, BOTH.model_copy(update={"rankers": ("lightgbm",), "seeds": 1}))
    assert not any(line.startswith("lightgbm:") for line in verdict(judged.lift))


def test_din_without_histories_is_refused(examples: pl.DataFrame) -> None:
    with pytest.raises(TableError, match=r"Context\.of"):
        train_arms(examples, BOTH.model_copy(update={"rankers": ("din",)}))


def test_trials_are_told_and_equal_for_every_arm(inputs: ExampleInputs, examples: pl.DataFrame) -> None:
    told: list[str] = []
    settings = BOTH.model_copy(update={"rankers": ("lightgbm",), "trials": 2, "seeds": 1})
    train_arms(examples, settings, told.append)
    chosen = [line for line in told if line.startswith("choosing")]
    assert chosen == [f"choosing among 2 variants of lightgbm for arm {arm}" for arm in BOTH.arms]
