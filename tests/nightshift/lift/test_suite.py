from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from nightshift.errors import ConfigError, SourceError
from nightshift.features.content import Snapshot
from nightshift.features.content_spec import ContentSpec, Feature
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.specs import Number
from nightshift.lift.arms import arms_by_name, comparisons, is_leave_one_out, leave_one_out, meaning
from nightshift.lift.descriptions import Beside
from nightshift.lift.settings import LiftSettings
from nightshift.lift.slices import MAIN_SLICES, SLICES, events_before_cut, masks_of
from nightshift.lift.suite import Judged, judge
from nightshift.lift.verdict import verdict
from nightshift.rankers import LightGBMSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import LIFT, RANKING_SCORES
from tests.every_kind import PARTS

QUICK = LiftSettings(seeds=2, resamples=500, lightgbm=LightGBMSettings(rounds=150, learning_rate=0.1))


@pytest.fixture(scope="module")
def examples() -> pl.DataFrame:
    """A world whose items talk about what they are, read by a model that understands them; one night early
    on."""
    world = make_world(SyntheticSettings(n_users=200, n_items=300))
    night = world.settings.start.date() + timedelta(days=4)
    snapshot = Snapshot(item_tag_scores=world.tag_scores(), item_embeddings=world.embeddings())
    return build_examples(ExampleInputs(world.items, world.interactions, {night: snapshot}))


@pytest.fixture(scope="module")
def judged(examples: pl.DataFrame) -> Judged:
    return judge(examples, QUICK)


def row(
    lift: pl.DataFrame, arm: str, against: str, metric: str = "auc", part: str = "all"
) -> dict[str, float]:
    wanted = {"arm": arm, "against": against, "metric": metric, "slice": part}
    return lift.filter([pl.col(name) == value for name, value in wanted.items()]).row(0, named=True)


def test_where_content_matters_llm_beats_base_and_the_placebo_does_not(judged: Judged) -> None:
    assert row(judged.lift, "llm", "base")["ci_low"] > 0
    assert row(judged.lift, "llm", "permuted")["ci_low"] > 0
    assert row(judged.lift, "llm", "base")["p_value"] < 0.01
    assert row(judged.lift, "permuted", "base")["ci_low"] <= 0


def test_tables_conform_and_every_arm_and_seed_scored_every_test_row(
    judged: Judged, examples: pl.DataFrame
) -> None:
    assert LIFT.conform(judged.lift).equals(judged.lift)
    assert RANKING_SCORES.conform(judged.scores).equals(judged.scores)
    test = examples.filter(pl.col("split") == "test").height
    assert judged.scores.group_by("arm", "seed").len()["len"].to_list() == [test] * 8
    assert set(judged.rankers["lightgbm"]) == {"base", "text", "llm", "permuted"}


def test_reported_metrics_can_be_recomputed_from_the_scores(judged: Judged) -> None:
    values = [
        roc_auc_score(part["label"], part["score"])
        for _, part in judged.scores.filter(pl.col("arm") == "llm").group_by("seed")
    ]
    assert row(judged.lift, "llm", "llm")["value"] == pytest.approx(np.mean(values), abs=1e-9)
    compared = row(judged.lift, "llm", "base")
    assert compared["difference"] == pytest.approx(
        compared["value"] - row(judged.lift, "base", "base")["value"], abs=1e-9
    )


def test_the_ranker_of_seed_zero_is_the_one_that_scored(judged: Judged, examples: pl.DataFrame) -> None:
    scored = judged.scores.filter((pl.col("arm") == "llm") & (pl.col("seed") == 0))["score"].to_numpy()
    assert np.array_equal(
        judged.rankers["lightgbm"]["llm"].predict(examples.filter(pl.col("split") == "test")), scored
    )


def test_judging_again_gives_the_same_bytes_and_progress_is_told(examples: pl.DataFrame) -> None:
    told: list[str] = []
    settings = QUICK.model_copy(update={"arms": ("base", "llm"), "seeds": 1})
    assert judge(examples, settings, told.append).lift.equals(judge(examples, settings).lift, null_equal=True)
    assert told[0].startswith("training arm base with lightgbm, seed 1 of 1")


def test_every_slice_is_reported_with_its_size(judged: Judged) -> None:
    sizes = judged.lift.group_by("slice").agg(pl.col("n_rows").n_unique())
    assert sizes["n_rows"].to_list() == [1] * sizes.height
    assert {"all", "tail items (bottom 60%)", "rare items (5 to 19 events)"} <= set(sizes["slice"])


def test_the_verdict_names_the_content_lift_and_warns_of_great_gains(judged: Judged) -> None:
    lines = verdict(judged.lift)
    content = next(line for line in lines if line.startswith("llm minus permuted (content lift): AUC +"))
    assert content.endswith("overall: a measurable gain")
    assert any("look for a leak first" in line for line in lines)


def test_the_verdict_says_when_nothing_was_gained() -> None:
    common = {
        "ranker": "lightgbm",
        "metric": "auc",
        "slice": "all",
        "value": 0.7,
        "p_value": 0.8,
        "seed_sd": 0.0,
    }
    common |= {"p_holm": 0.8, "detectable": 0.0029}
    flat = {
        "arm": "llm",
        "against": "base",
        "difference": 0.0001,
        "ci_low": -0.002,
        "ci_high": 0.002,
        "n_users": 300,
        "n_rows": 20000,
    }
    tiny = flat | {"slice": "cold items (under 5 events)", "n_users": 20, "n_rows": 60}
    lines = verdict(LIFT.conform(pl.DataFrame([common | flat, common | tiny])))
    assert "no measurable gain (one under 0.0029 would likely be missed)" in lines[0]
    assert lines[1].endswith("60 rows of 20 users support no claim")


def test_an_unknown_arm_and_a_split_without_labels_are_refused(examples: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match="'magic'"):
        judge(examples, LiftSettings(arms=("base", "magic")))
    with pytest.raises(SourceError, match="test split"):
        judge(examples.filter(pl.col("split") != "test"), QUICK)
    with pytest.raises(SourceError, match=r"rows of the train split are positive.*feedback"):
        judge(examples.with_columns(label=pl.lit(1.0)), QUICK)


def test_arms_whose_columns_are_absent_are_left_out(examples: pl.DataFrame) -> None:
    only = examples.select(name for name in examples.columns if not name.startswith(("text__", "permuted__")))
    assert set(judge(only, QUICK.model_copy(update={"seeds": 1})).rankers["lightgbm"]) == {"base", "llm"}


def test_events_before_the_cut_are_read_back_from_the_rows() -> None:
    world = make_world(SyntheticSettings(n_users=40, n_items=60, days=10))
    rows = build_examples(ExampleInputs(world.items, world.interactions, {date(2024, 1, 2): Snapshot()}))
    cut = rows.filter(pl.col("split") != "train")["timestamp"].min()
    expected = dict(
        world.interactions.filter(pl.col("timestamp") < cut).group_by("item_id").len().iter_rows()
    )
    found = dict(events_before_cut(rows).iter_rows())
    assert {item: expected.get(item, 0) for item in found} == found


def test_seeds_take_turns_with_the_dealings_of_the_placebo_which_are_one_arm(judged: Judged) -> None:
    turns = (
        judged.scores.filter(pl.col("arm").str.starts_with("permuted"))
        .select("arm", "seed")
        .unique()
        .sort("seed")
        .rows()
    )
    assert turns == [("permuted", 0), ("permuted2", 1)]
    values = [
        roc_auc_score(part["label"], part["score"])
        for _, part in judged.scores.group_by("arm")
        if part["arm"][0][:8] == "permuted"
    ]
    assert row(judged.lift, "permuted", "permuted")["value"] == pytest.approx(np.mean(values), abs=1e-9)
    assert set(judged.lift["arm"]) == {"base", "text", "llm", "permuted"}


def test_each_comparison_is_corrected_over_its_slices_and_says_what_it_could_have_found(
    judged: Judged,
) -> None:
    compared = judged.lift.filter(
        (pl.col("arm") == "llm") & (pl.col("against") == "base") & (pl.col("metric") == "auc")
    )
    whole, sliced = (
        compared.filter(pl.col("slice") == "all"),
        compared.filter(pl.col("slice") != "all").drop_nulls("p_value"),
    )
    assert whole["p_holm"].item() == whole["p_value"].item()
    assert sliced.height > 6
    assert sliced["p_holm"].min() == pytest.approx(min(1.0, sliced.height * sliced["p_value"].min()))
    assert (sliced["p_holm"] >= sliced["p_value"]).all()
    assert (compared.drop_nulls("ci_low")["detectable"] > 0).all()


def test_arms_are_said_to_be_calibrated_or_not(judged: Judged) -> None:
    assert 0 <= row(judged.lift, "base", "base", "smooth_ece")["value"] < 0.2
    assert 0.5 < row(judged.lift, "base", "base", "bias")["value"] < 2


def test_leaving_out_a_part_takes_its_columns_and_nothing_else(examples: pl.DataFrame) -> None:
    whole, less = (arms_by_name()[name].features(examples) for name in ("llm", "llm_without_tags"))
    assert {name for name in whole if name.startswith(("llm__tags_", "llm__tag_"))} == set(whole) - set(less)
    quick = QUICK.model_copy(update={"seeds": 1, "leave_one_out": True, "arms": ("base", "llm")})
    found = judge(examples, quick)
    assert set(found.rankers["lightgbm"]) == {"base", "llm", "llm_without_hidden", "llm_without_tags"}, (
        "no facts, no preferences here"
    )
    assert row(found.lift, "llm", "llm_without_hidden")["difference"] is not None


def test_slices_of_what_is_known_about_items_need_it_and_split_the_rows(
    judged: Judged, examples: pl.DataFrame
) -> None:
    ids = examples["item_id"].unique().sort()
    about = pl.DataFrame({"item_id": ids, "about_length": pl.Series([n % 3 for n in range(len(ids))])})
    masks = masks_of(examples, Beside(items=about))
    thirds = [mask for name, mask in masks.items() if name.startswith("text length")]
    assert len(thirds) == 3
    assert (sum(mask.astype(int) for mask in thirds) == 1).all()
    assert not any(name.startswith("text length") for name in masks_of(examples))
    assert list(SLICES)[: len(MAIN_SLICES)] == list(MAIN_SLICES)


def test_an_enrichment_of_your_own_has_an_arm_without_it(examples: pl.DataFrame) -> None:
    arms = arms_by_name(PARTS)
    found = {name for name in arms if is_leave_one_out(name)}
    assert found - set(leave_one_out()) == {"llm_without_mood", "llm_without_budget", "llm_without_fit"}
    names = ("llm__mood_length", "llm__mood_tone_calm", "llm__budget_spent", "llm__fit_relevance", "base__x")
    rows = examples.with_columns(pl.lit(1.0).alias(name) for name in names)
    lost = set(arms["llm"].features(rows)) - set(arms["llm_without_mood"].features(rows))
    assert lost == {"llm__mood_length", "llm__mood_tone_calm"}
    assert arms["llm_without_budget"].present(rows)
    assert not arms["llm_without_budget"].present(examples)


def test_a_column_belongs_to_the_part_with_the_longer_beginning() -> None:
    spec = ContentSpec(
        (),
        (Feature("mood", "item", Number("length")), Feature("mood_length", "item", Number("words"))),
    )
    rows = pl.DataFrame({"base__x": [1.0], "llm__mood_length": [1.0], "llm__mood_length_words": [1.0]})
    kept = {name: arms_by_name(spec)[name].features(rows) for name in leave_one_out(spec)}
    assert kept == {
        "llm_without_mood": ("base__x", "llm__mood_length_words"),
        "llm_without_mood_length": ("base__x", "llm__mood_length"),
    }


def test_every_arm_that_leaves_a_part_out_is_compared_and_said_in_words() -> None:
    known = ["base", "llm", "llm_without_mood"]
    assert comparisons(known) == (("llm", "base"), ("llm", "llm_without_mood"))
    assert meaning("llm", "llm_without_mood") == "what mood adds to the rest"
    assert meaning("llm", "permuted") == "content lift"
    assert meaning("llm", "anything else") == "difference"
