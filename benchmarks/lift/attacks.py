"""The sceptic's attacks on an offline gain that another arm does not show: a leak, and a starved baseline.

A leak is planted as a family of columns: the item's share of likes over the whole table, the future and
the row's own event included, as a careless group-by computes it. Both proofs must name it, and a ranker
with it shows what would have been reported.
"""

from dataclasses import replace
from datetime import datetime
from typing import cast

import numpy as np
import polars as pl

from benchmarks.lift.telling import shown
from nightshift.features.content import NightContent
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import EventLog
from nightshift.features.proofs import future_shuffle, recompute
from nightshift.features.rows import Columns, Rows, float32
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.arms import pooled
from nightshift.lift.inference import Concordance, Draws
from nightshift.lift.paired import Form, compared
from nightshift.lift.settings import LiftSettings
from nightshift.lift.training import train_arms

STARVED = "base__collab"
"""Columns that a starved baseline lacks."""


def item_rate_of_all_time(log: EventLog, rows: Rows, _: NightContent) -> Columns:
    """The leak."""
    likes, events = (
        np.bincount(log.item, log.label, log.items.len()),
        np.bincount(log.item, minlength=log.items.len()),
    )
    return float32({"rate": (likes / np.maximum(events, 1))[rows.item]})


def peek(inputs: ExampleInputs, settings: ExampleSettings, lift: LiftSettings) -> None:
    """Plant the leak, let the proofs find it, and train with it as if it were the arm `text`."""
    features = FeatureSettings(families=("base",))
    leaky, plain = (
        replace(inputs, extra={"text": item_rate_of_all_time}),
        settings.model_copy(update={"features": features}),
    )
    examples = build_examples(leaky, plain)
    cut = examples.filter(pl.col("split") != "train")["timestamp"].min()
    found = {
        "recompute": recompute(leaky, plain, examples),
        "future_shuffle": future_shuffle(leaky, plain, cast(datetime, cut), examples=examples),
    }
    for name, differences in found.items():
        columns = sorted({difference.feature for difference in differences})
        print(
            f"{name}: {len(differences)} differences in {', '.join(columns) or 'no column'}; the "
            f"first: {next(iter(differences), None)}"
        )
    told("peeking at the item's future", examples, lift, ("text",))


def starve(examples: pl.DataFrame, lift: LiftSettings) -> None:
    """The same features over a base without collaborative scores."""
    starved = examples.drop([name for name in examples.columns if name.startswith(STARVED)])
    told("over a base without collaborative scores", starved, lift, ("text", "llm", "permuted"))


def told(what: str, examples: pl.DataFrame, lift: LiftSettings, arms: tuple[str, ...]) -> None:
    """A line for each arm: its AUC against base on all test rows."""
    scores = train_arms(examples, lift.model_copy(update={"arms": ("base", *arms)})).scores
    test = examples.filter(pl.col("split") == "test")
    label, user = (
        test["label"].cast(pl.Float64).to_numpy(),
        np.unique(test["user_id"].to_numpy(), return_inverse=True)[1].astype(np.int64),
    )
    forms, draws = dict[str, Form](), Draws(lift.bootstrap_seed, lift.resamples, lift.seeds)
    for name in ("base", *arms):
        seeds = scores.filter(
            pl.col("arm").is_in([arm for arm in scores["arm"].unique() if pooled(arm) == name])
        ).partition_by("seed")
        forms[name] = Form.of_auc(
            Concordance(
                label, np.stack([seed["score"].to_numpy() for seed in seeds]), user, int(user.max()) + 1
            )
        )
    for name in arms:
        row = compared(forms, name, "base", draws)
        print(f"{what}: base AUC {forms['base'].values.mean():.4f}, {name} - base {shown(row)}", flush=True)
