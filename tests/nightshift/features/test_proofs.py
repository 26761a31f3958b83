from dataclasses import replace
from datetime import date, datetime
from functools import partial

import numpy as np
import polars as pl
import pytest

from nightshift.features.content import FeatureFunction, NightContent
from nightshift.features.counts import overall_rate
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import EventLog
from nightshift.features.night import item_features, user_features
from nightshift.features.proofs import future_shuffle, night_shuffle, recompute
from nightshift.features.rows import Columns, Rows, float32
from nightshift.features.settings import ExampleSettings, FeatureSettings

BASE = ExampleSettings(features=FeatureSettings(families=("base",), lists=False))


def reads_its_own_event(log: EventLog, rows: Rows, _: NightContent) -> Columns:
    """The classic: clicks up to and including now."""
    start, stop = log.by_user.window(rows.user, rows.moment + 1)
    return float32({"clicks": log.by_user.positives(start, stop)})


def reads_ties(log: EventLog, rows: Rows, _: NightContent) -> Columns:
    """Clicks of other users at the very same moment and before."""
    upto = np.searchsorted(log.time, rows.moment, side="right")
    return float32({"events": upto})


def reads_the_whole_table(log: EventLog, rows: Rows, _: NightContent) -> Columns:
    """A click rate of the item over all time, as a careless group-by computes it."""
    clicks, events = (
        np.bincount(log.item, log.label, log.items.len()),
        np.bincount(log.item, minlength=log.items.len()),
    )
    return float32({"rate": (clicks / np.maximum(events, 1))[rows.item]})


def is_honest(log: EventLog, rows: Rows, _: NightContent) -> Columns:
    return float32({"rate": overall_rate(log, rows.moment)})


def test_every_feature_can_be_rebuilt_from_the_past_alone(
    inputs: ExampleInputs, examples: pl.DataFrame
) -> None:
    assert recompute(inputs, None, examples, sample=25) == []


def test_rows_that_share_a_moment_can_be_rebuilt(inputs: ExampleInputs) -> None:
    plain = inputs.interactions.with_columns(
        pl.lit(None, pl.String).alias("request_id"), pl.col("timestamp").dt.truncate("6h")
    )
    tied = replace(inputs, interactions=plain)
    settings = ExampleSettings(features=FeatureSettings(families=("base", "llm")))
    assert recompute(tied, settings, build_examples(tied, settings), sample=15) == []


@pytest.mark.parametrize("leak", [reads_its_own_event, reads_ties, reads_the_whole_table])
def test_a_planted_leak_is_caught_by_name(inputs: ExampleInputs, leak: FeatureFunction) -> None:
    leaky = replace(inputs, extra={"leak": leak})
    found = recompute(leaky, BASE, build_examples(leaky, BASE), sample=25)
    assert found
    assert {difference.feature.split("__")[0] for difference in found} == {"leak"}
    assert "without what came later" in str(found[0])


def test_an_honest_extra_family_passes(inputs: ExampleInputs) -> None:
    honest = replace(inputs, extra={"mine": is_honest})
    rows = build_examples(honest, BASE)
    assert "mine__rate" in rows.columns
    assert recompute(honest, BASE, rows, sample=10) == []


def test_dealing_the_future_anew_changes_no_row(inputs: ExampleInputs) -> None:
    assert future_shuffle(inputs, None, datetime(2024, 1, 14)) == []


@pytest.mark.parametrize("leak", [reads_its_own_event, reads_the_whole_table])
def test_dealing_the_future_anew_catches_a_leak(inputs: ExampleInputs, leak: FeatureFunction) -> None:
    moment = inputs.interactions.sort("timestamp")["timestamp"][-2000]
    assert future_shuffle(replace(inputs, extra={"leak": leak}), BASE, moment) != []


@pytest.mark.parametrize("table", [item_features, user_features])
def test_dealing_the_future_anew_changes_no_nightly_table(inputs: ExampleInputs, table) -> None:  # type: ignore[no-untyped-def]
    night = date(2024, 1, 12)
    build = partial(table, inputs.items, snapshot=inputs.snapshots[night], as_of=night)
    assert night_shuffle(build, inputs.interactions, night) == []


def test_a_nightly_table_that_reads_the_day_is_caught(inputs: ExampleInputs) -> None:
    def table(interactions: pl.DataFrame) -> pl.DataFrame:
        return interactions.group_by("item_id").agg(pl.col("label").mean()).sort("item_id")

    assert night_shuffle(table, inputs.interactions, date(2024, 1, 12)) != []
