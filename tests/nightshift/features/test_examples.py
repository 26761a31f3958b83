from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import without_duplicates
from nightshift.features.settings import CollaborativeSettings, ExampleSettings, FeatureSettings
from nightshift.tables import RANKING_EXAMPLES


def columns(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if "__" in name]


def test_rows_conform_and_start_with_the_first_night(examples: pl.DataFrame, inputs: ExampleInputs) -> None:
    assert RANKING_EXAMPLES.conform(examples).equals(examples)
    first = datetime(2024, 1, 5, tzinfo=UTC)
    assert (
        examples.height == without_duplicates(inputs.interactions).filter(pl.col("timestamp") >= first).height
    )


def test_every_family_is_there_and_nothing_is_infinite(examples: pl.DataFrame) -> None:
    assert {name.split("__")[0] for name in columns(examples)} == {
        "base",
        "text",
        "llm",
        "permuted",
        "permuted2",
        "permuted3",
    }
    values = examples.select(columns(examples)).to_numpy()
    assert not np.isinf(values).any()
    llm = [name.removeprefix("llm__") for name in columns(examples) if name.startswith("llm__")]
    for dealing in ("permuted", "permuted2", "permuted3"):
        assert llm == [
            name.removeprefix(f"{dealing}__") for name in columns(examples) if name.startswith(f"{dealing}__")
        ]


def test_every_dealing_of_the_placebo_is_another_one(examples: pl.DataFrame) -> None:
    name = next(
        name.removeprefix("llm__")
        for name in columns(examples)
        if name.startswith("llm__hidden_") and name.endswith("labels")
    )
    first, second, third = (
        examples[f"{dealing}__{name}"].to_numpy() for dealing in ("permuted", "permuted2", "permuted3")
    )
    for one, other in ((first, second), (first, third), (second, third)):
        assert not np.array_equal(one, other, equal_nan=True)


def test_splits_are_global_in_time(examples: pl.DataFrame) -> None:
    spans = {name: part["timestamp"] for (name,), part in examples.group_by("split")}
    assert spans["train"].max() < spans["valid"].min() < spans["valid"].max() < spans["test"].min()


def test_explicit_cuts_are_kept(inputs: ExampleInputs) -> None:
    base = FeatureSettings(families=("base",), lists=False)
    settings = ExampleSettings(
        features=base, train_until=datetime(2024, 1, 10), valid_until=datetime(2024, 1, 15)
    )
    test = build_examples(inputs, settings).filter(pl.col("split") == "test")
    assert test["timestamp"].min() >= datetime(2024, 1, 15, tzinfo=UTC)


def test_cuts_out_of_order_are_refused(inputs: ExampleInputs) -> None:
    settings = ExampleSettings(train_until=datetime(2024, 1, 15), valid_until=datetime(2024, 1, 10))
    with pytest.raises(SourceError, match="train_until before valid_until"):
        build_examples(inputs, settings)


def test_a_row_reads_the_newest_night_at_or_before_its_day(examples: pl.DataFrame) -> None:
    later = examples["timestamp"] >= datetime(2024, 1, 12, tzinfo=UTC)
    assert set(examples.filter(later)["as_of"]) == {date(2024, 1, 12)}
    assert set(examples.filter(~later)["as_of"]) == {date(2024, 1, 5)}


def test_a_missing_vector_is_nan_with_an_indicator_never_zero(
    examples: pl.DataFrame, inputs: ExampleInputs
) -> None:
    unwritten = inputs.items["item_id"][101:].implode()
    rows = examples.filter(pl.col("item_id").is_in(unwritten))
    assert rows.height
    assert rows["llm__hidden_missing"].to_list() == [1.0] * rows.height
    assert rows["llm__hidden_highest"].is_nan().all()
    assert rows["llm__tag_liking"].is_nan().all()


def test_users_without_preferences_are_marked(examples: pl.DataFrame) -> None:
    missing = examples["llm__preference_missing"] == 1
    assert 0 < missing.sum() < examples.height
    assert examples.filter(missing)["llm__preference_liked"].is_nan().all()
    assert examples.filter(~missing)["llm__preference_summary"].is_not_nan().any()


def test_requests_are_lists_and_rows_alone_have_no_place_in_one(
    examples: pl.DataFrame, inputs: ExampleInputs
) -> None:
    assert set(examples["group_id"]) <= set(inputs.interactions["request_id"])
    assert examples["base__list_size"].min() > 1
    lonely = ExampleInputs(
        inputs.items, inputs.interactions.unique(["user_id", "timestamp"], keep="first"), inputs.snapshots
    )
    alone = build_examples(lonely, ExampleSettings(features=FeatureSettings(families=("base", "llm"))))
    assert not [name for name in columns(alone) if name.endswith(("_rank", "_z"))]


def test_rank_and_z_are_those_within_the_list(examples: pl.DataFrame) -> None:
    name = "llm__hidden_highest"
    group = next(
        part
        for _, part in examples.group_by("group_id", maintain_order=True)
        if part[name].is_not_nan().sum() > 4
    )
    values = group.filter(pl.col(name).is_not_nan())
    ranks = values[name].rank("average", descending=True).to_numpy() - 1
    assert values[f"{name}_rank"].to_numpy() == pytest.approx(ranks / (values.height - 1))
    scaled = (values[name].to_numpy() - values[name].mean()) / values[name].std(ddof=0)
    assert values[f"{name}_z"].to_numpy() == pytest.approx(scaled, abs=1e-4)


def test_a_request_shown_over_several_moments_is_described_at_its_first(inputs: ExampleInputs) -> None:
    shifted = inputs.interactions.with_columns(
        pl.col("timestamp") + pl.duration(seconds=pl.int_range(pl.len()).over("request_id"))
    )
    small = ExampleSettings(features=FeatureSettings(families=("base",), lists=False))
    rows = build_examples(ExampleInputs(inputs.items, shifted, inputs.snapshots), small)
    assert (
        rows.group_by("group_id").agg(pl.col("base__user_events").n_unique())["base__user_events"].max() == 1
    )


def test_building_twice_gives_the_same_bytes_and_chunks_change_nothing(
    inputs: ExampleInputs, examples: pl.DataFrame
) -> None:
    chunked = build_examples(inputs, ExampleSettings(features=FeatureSettings(chunk_rows=501)))
    assert chunked.equals(examples, null_equal=True)


def test_without_snapshots_there_are_no_rows(inputs: ExampleInputs) -> None:
    assert build_examples(ExampleInputs(inputs.items, inputs.interactions)).height == 0


def test_empty_snapshots_leave_the_base(inputs: ExampleInputs) -> None:
    rows = build_examples(ExampleInputs(inputs.items, inputs.interactions, {date(2024, 1, 5): Snapshot()}))
    assert not [name for name in columns(rows) if name.startswith("text__")]
    assert rows["llm__preference_missing"].min() == 1.0


def test_more_items_than_the_collaborative_score_may_hold_are_missing(inputs: ExampleInputs) -> None:
    few = FeatureSettings(families=("base",), lists=False, collaborative=CollaborativeSettings(max_items=20))
    rows = build_examples(inputs, ExampleSettings(features=few))
    known = rows.filter(pl.col("base__collab_odds").is_not_nan() & (pl.col("split") == "test"))
    assert 0 < known["item_id"].n_unique() <= 40
    assert rows["base__collab_missing"].sum() > 0
