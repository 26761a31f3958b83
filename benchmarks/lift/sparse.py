"""Implicit feedback with an order and no times: nights, candidates, lists, and what each source of
candidates finds by itself."""

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.lift.content import night_of, written_by
from benchmarks.lift.page import Judged
from benchmarks.lift.telling import ARMS
from nightshift.features.builder import Builder
from nightshift.features.candidates.asked import asked_at
from nightshift.features.candidates.lists import lists_of
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import encode
from nightshift.features.proofs import asked_again
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.settings import LiftSettings
from nightshift.lift.slices import SLICES
from nightshift.night.night import Night
from nightshift.rankers.lightgbm import LightGBMSettings
from nightshift.sources import InteractionsSource, ItemsSource, read_interactions, read_items
from nightshift.sources.settings import SourcesSettings

NIGHTS = tuple(date(2000, 12, day) for day in (28, 29, 30, 31))
"""A source without times lays every user's last event on 2000-12-31: these are the nights before the last
four."""
SOURCES = SourcesSettings(
    items=ItemsSource(path="items.parquet", item_id="item_id", title="title"),
    interactions=InteractionsSource(
        path="interactions.parquet",
        user_id="user_id",
        item_id="item_id",
        timestamp="position",
        timestamp_unit="order",
    ),
)
TREES = LightGBMSettings(learning_rate=0.08)
"""Twice the usual step, for time: the same for every arm."""


def two_cores(**chosen: Any) -> CandidateSettings:
    """Candidates at sizes that two cores take in minutes; shrinkage by second-last events,
    docs/candidates.md."""
    sizes = {
        "window_days": 10_000,
        "shrinkage": 20.0,
        "ease_items": 20_000,
        "train_lists": 10_000,
        "valid_lists": 2_000,
        "test_lists": 4_000,
    }
    return CandidateSettings.model_validate(sizes | chosen)


@dataclass(frozen=True)
class Sparse:
    """One data set, and what was chosen for it before looking at its test."""

    name: str
    candidates: CandidateSettings
    written: dict[str, Any] = field(default_factory=dict)
    """Blocks of nightshift.yaml that say what a model reads or has written; empty: source texts only."""

    def run(self, given: Any) -> None:
        """Write, build, judge, print."""
        folder: Path = given.data / self.name
        night = night_of(SOURCES, NIGHTS[0], given.home / self.name, given.cache, **self.written)
        inputs = self.inputs(night, folder)
        families: tuple[Any, ...] = ("base", "text", "llm", "permuted") if self.written else ("base", "text")
        chosen = self.candidates.model_copy(update={"test_lists": given.lists} if given.lists else {})
        settings = ExampleSettings(
            split="last", candidates=chosen, features=FeatureSettings(families=families)
        )
        began, busy, builder = time.monotonic(), time.process_time(), inputs.builder(settings)
        examples = build_examples(inputs, settings, builder)
        print(
            f"{examples.shape} built in {time.monotonic() - began:.0f} s, "
            f"{time.process_time() - busy:.0f} CPU s",
            flush=True,
        )
        tell_recall(inputs, examples, builder)
        lift = LiftSettings(arms=ARMS, seeds=given.seeds, resamples=given.resamples, lightgbm=TREES)
        Judged(night, inputs, settings, builder, examples).tell(
            f"lift.{self.name}", lift, proofs=given.proofs
        )

    def inputs(self, night: Night, folder: Path) -> ExampleInputs:
        """Catalogue, events and four nights of content: the same text every night, for no text came with
        time."""
        items = read_items(SOURCES.items, folder).frame
        after = datetime(2001, 1, 1, tzinfo=UTC)
        events = read_interactions(
            SOURCES.interactions, folder, items, before=after, now=datetime.now(UTC)
        ).frame
        return ExampleInputs(
            items, events, dict.fromkeys(NIGHTS, written_by(night, items, events)), implicit=True
        )


def tell_recall(inputs: ExampleInputs, examples: pl.DataFrame, builder: Builder) -> None:
    """What each source finds of the test's chosen items by itself, and how many of them nobody finds
    without text."""
    assert builder.stage is not None
    log, test = builder.log(inputs.interactions), asked_again(examples.filter(pl.col("split") == "test"))
    lists = lists_of(test)
    asked = asked_at(log, lists["user_id"], lists["moment"].to_numpy())
    found = builder.stage.find(asked, builder.nights[-1])
    chosen = test.with_columns(examples.filter(pl.col("split") == "test")["base__item_events"]).filter(
        pl.col("label") > 0.5
    )
    place = dict(zip(lists["group_id"], range(lists.height), strict=True))
    wanted = np.array([place[name] for name in chosen["group_id"]]) * log.items.len() + encode(
        chosen["item_id"], log.items
    )
    hits: dict[str, NDArray[np.bool_]] = {
        str(source): np.isin(wanted, (found.asked * log.items.len() + found.item)[found.source == number])
        for number, source in enumerate(builder.stage.settings.sources)
    }
    events = [hits[name] for name in ("popular", "item_knn", "ease") if name in hits]
    hits |= {"without text": np.any(events, axis=0), "union": np.any(list(hits.values()), axis=0)}
    counted = pl.DataFrame({"base__item_events": chosen["base__item_events"]})
    for name in ("all", "cold items (under 5 events)", "rare items (5 to 19 events)"):
        mask = SLICES[name](counted, counted)
        shares = ", ".join(f"{source} {hit[mask].mean():.4f}" for source, hit in hits.items())
        print(
            f"found among {builder.stage.settings.per_source} candidates a source, {name}, "
            f"{int(mask.sum())} choices: {shares}",
            flush=True,
        )
