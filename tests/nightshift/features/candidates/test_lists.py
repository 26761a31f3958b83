from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from nightshift.features.candidates.lists import chosen_lists, lists_of, moments
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content import NightContent
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import EventLog
from nightshift.features.proofs import future_shuffle, recompute, shuffled_future
from nightshift.features.rows import Columns, Rows
from nightshift.features.settings import ExampleSettings
from nightshift.tables import RANKING_EXAMPLES

KEY = ["group_id", "item_id"]


def test_rows_conform_and_a_list_is_a_user_at_a_moment(lists: pl.DataFrame) -> None:
    assert RANKING_EXAMPLES.conform(lists).equals(lists)
    assert (
        lists.group_by("group_id")
        .agg(pl.struct("user_id", "timestamp", "split").n_unique().alias("n"))["n"]
        .max()
        == 1
    )
    assert {
        name
        for name in lists.columns
        if name.startswith("base__from_") and not name.endswith(("_rank", "_z"))
    } == {
        "base__from_popular",
        "base__from_item_knn",
        "base__from_ease",
    }


def test_label_one_is_what_the_user_chose_at_that_moment_and_nothing_met_before_is_listed(
    lists: pl.DataFrame, clicks: pl.DataFrame
) -> None:
    own = lists.join(
        clicks.select("user_id", "item_id", "timestamp").unique(),
        on=["user_id", "item_id", "timestamp"],
        how="semi",
    )
    assert own["label"].min() == 1.0
    assert own.height == (lists["label"] == 1.0).sum()
    first = clicks.group_by("user_id", "item_id").agg(pl.col("timestamp").min().alias("first"))
    met = lists.join(first, on=["user_id", "item_id"]).filter(pl.col("first") < pl.col("timestamp"))
    assert met.height == 0


def test_training_lists_have_a_found_target_and_few_negatives_and_test_lists_are_whole(
    lists: pl.DataFrame, example_settings: ExampleSettings
) -> None:
    training = lists.filter(pl.col("split") != "test")
    sizes = training.group_by("group_id").agg(
        pl.col("label").sum().alias("chosen"), (pl.col("label") == 0).sum().alias("others")
    )
    assert sizes["chosen"].min() >= 1
    assert sizes["others"].max() == example_settings.candidates.negatives
    assert training["retrieved"].all()
    test = lists.filter(pl.col("split") == "test")
    assert (~test["retrieved"]).sum() > 0
    assert test.filter(~pl.col("retrieved"))["label"].min() == 1.0
    found = test.filter("retrieved").group_by("group_id").len()["len"]
    assert found.min() >= example_settings.candidates.per_source


def test_every_target_of_a_test_list_is_there_found_or_missed(
    lists: pl.DataFrame, clicks: pl.DataFrame
) -> None:
    test = lists.filter(pl.col("split") == "test")
    chosen = moments(clicks, repeats=False).join(test.select("group_id").unique(), on="group_id", how="semi")
    assert test.filter(pl.col("label") == 1.0).height == chosen.height


def test_an_item_met_before_is_no_choice_unless_repeats_count() -> None:
    times = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)]
    events = pl.DataFrame(
        {"user_id": "u", "item_id": "i", "timestamp": times, "label": [1.0, 1.0], "request_id": [None, None]}
    )
    assert moments(events, repeats=False)["timestamp"].to_list() == times[:1]
    assert moments(events, repeats=True)["timestamp"].to_list() == times


def test_the_lists_that_are_drawn_do_not_depend_on_what_else_is_there(clicks: pl.DataFrame) -> None:
    lists = lists_of(moments(clicks, repeats=False)).with_columns(split=pl.lit("train"))
    few = CandidateSettings(train_lists=50)
    drawn = set(chosen_lists(lists, few, seed=3)["group_id"])
    assert len(drawn) == 50
    others = lists.filter(~pl.col("group_id").is_in(drawn)).sample(100, seed=0)["group_id"]
    fewer = lists.filter(~pl.col("group_id").is_in(others.implode()))
    assert set(chosen_lists(fewer, few, seed=3)["group_id"]) == drawn
    assert set(chosen_lists(lists, few, seed=4)["group_id"]) != drawn


def test_building_twice_gives_the_same_bytes_and_the_batch_changes_nothing(
    inputs: ExampleInputs, lists: pl.DataFrame, example_settings: ExampleSettings
) -> None:
    small = example_settings.model_copy(
        update={"candidates": example_settings.candidates.model_copy(update={"batch": 7})}
    )
    assert build_examples(inputs, small).equals(lists, null_equal=True)


def test_lists_rebuilt_from_the_past_alone_are_the_same(
    inputs: ExampleInputs, lists: pl.DataFrame, example_settings: ExampleSettings
) -> None:
    assert recompute(inputs, example_settings, lists, sample=25) == []


def test_dealing_the_future_anew_changes_no_row_and_no_candidate_before_it(
    inputs: ExampleInputs, lists: pl.DataFrame, example_settings: ExampleSettings
) -> None:
    cut = lists.filter(pl.col("split") == "test")["timestamp"].min()
    assert future_shuffle(inputs, example_settings, cut, examples=lists) == []
    fixed = example_settings.model_copy(
        update={"train_until": datetime(2024, 1, 12), "valid_until": datetime(2024, 1, 16)}
    )
    dealt = ExampleInputs(
        inputs.items,
        shuffled_future(inputs.interactions, datetime(2024, 1, 16, tzinfo=UTC)),
        inputs.snapshots,
        implicit=True,
    )
    before = [build_examples(each, fixed).filter(pl.col("split") != "test") for each in (inputs, dealt)]
    assert before[0].height > 100
    assert before[0].equals(before[1], null_equal=True)


def test_a_planted_leak_is_caught_by_name(inputs: ExampleInputs, example_settings: ExampleSettings) -> None:
    def popularity_for_ever(log: EventLog, rows: Rows, content: NightContent) -> Columns:
        return {"events": np.bincount(log.item, minlength=log.items.len())[rows.item].astype(np.float32)}

    leaking = ExampleInputs(
        inputs.items, inputs.interactions, inputs.snapshots, {"leak": popularity_for_ever}, implicit=True
    )
    rows = build_examples(leaking, example_settings)
    assert {found.feature for found in recompute(leaking, example_settings, rows, sample=10)} >= {
        "leak__events"
    }


def test_a_list_that_was_tampered_with_is_caught(
    inputs: ExampleInputs, lists: pl.DataFrame, example_settings: ExampleSettings
) -> None:
    group = lists.filter(pl.col("split") == "test")["group_id"][0]
    mine = lists.filter(pl.col("group_id") == group)
    found = recompute(inputs, example_settings, mine.filter(pl.int_range(pl.len()) != 2), sample=1)
    assert "candidate" in {difference.feature for difference in found}


def test_the_last_moment_of_each_user_is_the_test_when_asked_for(
    inputs: ExampleInputs, example_settings: ExampleSettings
) -> None:
    last = build_examples(inputs, example_settings.model_copy(update={"split": "last"}))
    ends = (
        moments(inputs.interactions, repeats=False)
        .group_by("user_id")
        .agg(pl.col("timestamp").max().alias("end"))
    )
    judged = last.join(ends, on="user_id")
    assert (
        judged.filter(pl.col("split") == "test").select((pl.col("timestamp") == pl.col("end")).all()).item()
    )
    assert judged.filter(pl.col("split") != "test").select((pl.col("timestamp") < pl.col("end")).all()).item()


def test_missed_items_stand_in_no_list(lists: pl.DataFrame) -> None:
    missed = lists.filter(~pl.col("retrieved") & (pl.col("split") == "test"))
    alone = (
        missed.group_by("group_id")
        .agg(pl.len(), pl.col("base__from_popular_rank").is_nan().all())
        .filter(pl.col("len") == 1)
    )
    assert alone.height > 5
    assert alone["base__from_popular_rank"].all()


@pytest.mark.parametrize("columns", [True, False])
def test_source_scores_are_columns_where_wanted(
    inputs: ExampleInputs, example_settings: ExampleSettings, columns: bool
) -> None:
    settings: dict[str, Any] = {
        "score_columns": columns,
        "train_lists": 20,
        "valid_lists": 5,
        "test_lists": 5,
    }
    rows = build_examples(
        inputs,
        example_settings.model_copy(
            update={"candidates": example_settings.candidates.model_copy(update=settings)}
        ),
    )
    assert any("__from_" in name for name in rows.columns) == columns
