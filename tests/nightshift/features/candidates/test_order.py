"""Data with an order and no times: leave-last-out, from the file to the lists."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.sources import InteractionsSource, read_interactions

NIGHTS = [date(2000, 12, day) for day in (27, 28, 29, 30, 31)]
SOURCE = InteractionsSource(
    path="e.parquet", user_id="user_id", item_id="item_id", timestamp="place", timestamp_unit="order"
)


def test_a_test_list_knows_all_events_but_the_last_ones(
    tmp_path: Path, inputs: ExampleInputs, clicks: pl.DataFrame, example_settings: ExampleSettings
) -> None:
    each = clicks.sort("timestamp", "item_id").unique(
        ["user_id", "item_id"], keep="first", maintain_order=True
    )
    each.select("user_id", "item_id", place=pl.int_range(pl.len()).over("user_id")).write_parquet(
        tmp_path / SOURCE.path
    )
    read = read_interactions(
        SOURCE, tmp_path, inputs.items, before=datetime(2001, 1, 1, tzinfo=UTC), now=datetime.now(UTC)
    )
    features = FeatureSettings(families=("base",), lists=False)
    candidates = example_settings.candidates.model_copy(update={"window_days": 10_000.0})
    settings = example_settings.model_copy(
        update={"split": "last", "features": features, "candidates": candidates}
    )
    ordered = ExampleInputs(inputs.items, read.frame, dict.fromkeys(NIGHTS, Snapshot()), implicit=True)
    test = build_examples(ordered, settings).filter(pl.col("split") == "test")
    assert set(test["timestamp"].dt.date()) == {NIGHTS[-1]}
    assert set(test["as_of"]) == {NIGHTS[-1]}
    events = dict(read.frame.group_by("user_id").len().iter_rows())
    known = dict(test.select("user_id", "base__user_events").unique().iter_rows())
    assert known == {user: events[user] - 1 for user in known}
    last = read.frame.filter(pl.col("timestamp").dt.date() == NIGHTS[-1]).group_by("item_id").len("last")
    of_item = read.frame.group_by("item_id").len("events").join(last, on="item_id", how="left").fill_null(0)
    rows = test.select("item_id", "base__item_events").unique().join(of_item, on="item_id")
    assert (rows["base__item_events"] == rows["events"] - rows["last"]).all()
