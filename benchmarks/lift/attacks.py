"""The sceptic's attacks on an offline gain that another arm does not show: a leak, and a starved baseline.

A leak is planted as a family of columns: the item's share of likes over the whole table, the future and the row's own event included, as a
careless group-by computes it. Both proofs must name it, and a ranker with it shows what would have been reported.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from benchmarks.lift.telling import shown
from nightshift.features.content import NightContent
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.proofs import future_shuffle, recompute
from nightshift.features.rows import Columns, Rows, float32
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.history import EventLog
from nightshift.lift.settings import LiftSettings
from nightshift.lift.suite import judge

STARVED = "base__collab"
"""Columns that a starved baseline lacks."""


def item_rate_of_all_time(log: EventLog, rows: Rows, _: NightContent) -> Columns:
    """The leak."""
    likes, events = np.bincount(log.item, log.label, log.items.len()), np.bincount(log.item, minlength=log.items.len())
    return float32({"rate": (likes / np.maximum(events, 1))[rows.item]})


def peek(inputs: ExampleInputs, settings: ExampleSettings, lift: LiftSettings) -> None:
    """Plant the leak, let the proofs find it, and train with it as if it were the arm `text`."""
    features = FeatureSettings(families=("base",))
    leaky, plain = replace(inputs, extra={"text": item_rate_of_all_time}), settings.model_copy(update={"features": features})
    examples = build_examples(leaky, plain)
    cut = examples.filter(pl.col("split") != "train")["timestamp"].min()
    found = {"recompute": recompute(leaky, plain, examples), "future_shuffle": future_shuffle(leaky, plain, cut, examples=examples)}  # type: ignore[arg-type]
    for name, differences in found.items():
        columns = sorted({difference.feature for difference in differences})
        print(f"{name}: {len(differences)} differences in {', '.join(columns) or 'no column'}; the first: {next(iter(differences), None)}")
    judged = judge(examples, lift.model_copy(update={"arms": ("base", "text")})).lift
    told("peeking at the item's future", judged, "text")


def starve(examples: pl.DataFrame, lift: LiftSettings) -> None:
    """The same features over a base without collaborative scores."""
    starved = examples.drop([name for name in examples.columns if name.startswith(STARVED)])
    judged = judge(starved, lift.model_copy(update={"arms": ("base", "text", "llm", "permuted")})).lift
    for arm in ("text", "llm", "permuted"):
        told("over a base without collaborative scores", judged, arm)


def told(what: str, lift: pl.DataFrame, arm: str) -> None:
    """One line: the arm against base, overall."""
    chosen = lift.filter((pl.col("slice") == "all") & (pl.col("metric") == "auc") & (pl.col("against") == "base"))
    for row in chosen.filter(pl.col("arm") == arm).to_dicts():
        print(f"{what}: {arm} - base {shown(row)}", flush=True)
