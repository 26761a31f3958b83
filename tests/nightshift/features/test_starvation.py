"""Columns that a ranker could not learn from are named, with numbers."""

from datetime import date

import numpy as np
import polars as pl

from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.features.starvation import caveat, none_starved, starved
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world

ROWS = 200


def examples(**train: np.ndarray) -> pl.DataFrame:
    """Columns as given in training rows, and uniform numbers in test rows."""
    random = np.random.default_rng(0)
    parts = [
        pl.DataFrame({name: values.astype(np.float32) for name, values in train.items()}).with_columns(
            split=pl.lit("train")
        ),
        pl.DataFrame({name: random.random(ROWS, np.float32) for name in train}).with_columns(
            split=pl.lit("test")
        ),
    ]
    return pl.concat(parts)


def test_missing_and_constant_columns_are_named_and_others_are_not() -> None:
    some = np.random.default_rng(1).random(ROWS)
    few = np.where(np.arange(ROWS) < 5, some, np.nan)
    frame = examples(
        base__all=some,
        base__missing=np.full(ROWS, np.nan),
        base__zero=np.zeros(ROWS),
        text__few=few,
        base__zero_rank=np.full(ROWS, np.nan),
        base__half=np.where(np.arange(ROWS) % 2, some, 0.0),
    )
    assert [each.column for each in starved(frame)] == ["base__missing", "base__zero", "text__few"]
    check = none_starved(starved(frame))
    assert not check.passed
    assert not check.blocking
    assert "base__zero says something in 0% of training and 100% of test rows" in check.message
    assert "nights.first" in check.message
    assert caveat(starved(frame)) == (
        "The base could not learn all its columns: base__missing says something in 0% of training and 100% of "
        "test rows, and 1 more. "
    )


def test_a_column_that_is_silent_in_the_test_as_well_is_no_matter() -> None:
    frame = examples(base__gone=np.zeros(ROWS)).with_columns(base__gone=pl.lit(0.0, pl.Float32))
    assert none_starved(starved(frame)).passed
    assert caveat(starved(frame)) == ""


def test_rows_without_a_test_or_a_training_part_are_no_matter() -> None:
    frame = examples(base__zero=np.zeros(ROWS))
    assert starved(frame.filter(split="train")) == []
    assert starved(frame.filter(split="test")) == []


def test_one_early_night_under_all_training_rows_is_caught_by_name() -> None:
    world = make_world(SyntheticSettings(n_users=80, n_items=120, days=20))
    liked = world.interactions.filter(pl.col("label") > 0.5).with_columns(request_id=pl.lit(None, pl.String))
    later = pl.col("timestamp").dt.date() > date(2024, 1, 1)
    one_each = liked.filter(~later).unique("user_id", keep="first", maintain_order=True)
    clicks = pl.concat([one_each, liked.filter(later)])
    stage = CandidateSettings(sources=("popular", "ease"), per_source=100, window_days=5)
    settings = ExampleSettings.model_validate(
        {
            "features": FeatureSettings(families=("base",)),
            "candidates": stage,
            "train_until": "2024-01-13",
            "valid_until": "2024-01-15",
        }
    )

    def built(*nights: date) -> pl.DataFrame:
        return build_examples(
            ExampleInputs(world.items, clicks, dict.fromkeys(nights, Snapshot()), implicit=True), settings
        )

    early = built(date(2024, 1, 2), date(2024, 1, 15))
    assert "base__from_ease says something in " in none_starved(starved(early)).message
    spread = built(*(date(2024, 1, day) for day in (4, 6, 8, 10, 12, 15)))
    assert none_starved(starved(spread)).passed
