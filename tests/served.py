"""A home with published nights and a trained ranker, made without models, pipelines or orchestration: what
serving finds."""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from nightshift.enrichments.registry import built_in, tables_of
from nightshift.features.codes import Codebook, codes_table, fit_codebook, vectors_of
from nightshift.features.content import Snapshot
from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.night import item_features, user_features
from nightshift.features.settings import CodesSettings, ExampleSettings
from nightshift.rankers.base import Ranker
from nightshift.rankers.context import Context
from nightshift.rankers.din.ranker import DINRanker
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.lightgbm import LightGBMRanker, LightGBMSettings
from nightshift.serving.recipe import save_ranker
from nightshift.sources.datasets.synthetic import SyntheticSettings, World, make_world
from nightshift.storage.store import Store, digest_of
from nightshift.tables import (
    INTERACTIONS,
    ITEM_CODES,
    ITEM_EMBEDDINGS,
    ITEM_FEATURES,
    ITEM_TAG_SCORES,
    ITEMS,
    RANKING_EXAMPLES,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_PREFERENCES,
)
from tests.every_kind import MADE_UP, all_kinds, made_up

TABLES = tables_of(built_in())

NIGHTS = (date(2024, 1, 8), date(2024, 1, 15), date(2024, 1, 21))
SMALL = SyntheticSettings(n_users=50, n_items=120, days=20)
WRITTEN = (ITEM_TAG_SCORES, ITEM_EMBEDDINGS, USER_PREFERENCES, USER_EMBEDDINGS)


def snapshot(world: World, night: date) -> Snapshot:
    """What models might have written by a night: a later one has read more items; some users have
    preferences."""
    number = NIGHTS.index(night) if night in NIGHTS else 0
    written = world.items["item_id"].head(90 + 10 * number).implode()
    vectors = world.embeddings()
    facts = vectors.filter(pl.col("view") == "raw").with_columns(view=pl.lit("facts"))
    users = world.interactions["user_id"].unique().sort().gather_every(2)
    random = np.random.default_rng(number)
    preferences = pl.DataFrame({"user_id": users}).with_columns(
        history_length=pl.lit(3, pl.Int32), last_event_at=pl.lit(world.settings.start), likes=pl.lit([world.topics[number]]),
        dislikes=pl.lit([world.topics[3], "no such tag"]), summary=pl.lit("Likes things."), origin=pl.lit("llm"),
        prompt_id=pl.lit("p/v1"), model_id=pl.lit("m@1"), content_key=pl.lit(None, pl.String),
    )  # fmt: skip
    told = random.normal(size=(users.len(), 64)).astype(np.float32).tolist()
    user_vectors = pl.DataFrame(
        {"user_id": users, "view": "facts", "encoder_id": facts["encoder_id"][0], "vector": told}
    )
    return Snapshot(
        item_tag_scores=world.tag_scores().filter(pl.col("item_id").is_in(written)),
        item_embeddings=ITEM_EMBEDDINGS.conform(
            pl.concat([vectors, facts]).filter(pl.col("item_id").is_in(written))
        ),
        user_preferences=USER_PREFERENCES.conform(preferences),
        user_embeddings=USER_EMBEDDINGS.conform(user_vectors),
    )


@dataclass
class Served:
    """A home on disk and the world behind it."""

    home: Path
    world: World = field(default_factory=lambda: make_world(SMALL))
    settings: ExampleSettings = field(default_factory=ExampleSettings)
    lost: int = 0
    """Newest events that the published nights lack: another version of the same night."""
    codes: bool = False
    """Publishes `item_codes`."""
    spec: ContentSpec = field(default_factory=first_spec)
    """What rankers read of a night; with more than always, nights have tables of every kind."""
    implicit: bool = False
    """Only what users chose was logged; rows are candidates of the stage."""

    @property
    def store(self) -> Store:
        return Store(self.home)

    @cached_property
    def events(self) -> pl.DataFrame:
        """All events of the world, or what users chose."""
        if not self.implicit:
            return self.world.interactions
        return self.world.interactions.filter(pl.col("label") > 0.5).with_columns(
            request_id=pl.lit(None, pl.String)
        )

    @cached_property
    def codebooks(self) -> dict[str, Codebook]:
        """Fitted on the first night, as they would be."""
        written = snapshot(self.world, NIGHTS[0])
        views = vectors_of(written[ITEM_EMBEDDINGS.name], {"tags": written[ITEM_TAG_SCORES.name]})
        fitted = {view.view: fit_codebook(view, str(NIGHTS[0]), CodesSettings(size=8)) for view in views}
        return {name: book for name, book in fitted.items() if book}

    def snapshot(self, night: date) -> Snapshot:
        """What models had written by a night, with semantic ids where they are wanted."""
        written = snapshot(self.world, night)
        if self.spec != first_spec():
            written = all_kinds(self.world, written, NIGHTS.index(night))
        if not self.codes:
            return written
        views = vectors_of(written[ITEM_EMBEDDINGS.name], {"tags": written[ITEM_TAG_SCORES.name]})
        coded = pl.concat(codes_table(self.codebooks[view.view], view) for view in views)
        return Snapshot(written, item_codes=coded)

    def events_before(self, night: date) -> pl.DataFrame:
        before = self.events.filter(pl.col("timestamp").dt.date() < night).sort("timestamp")
        return before.head(before.height - self.lost)

    def publish(self, night: date, upto: str = USER_FEATURES.name) -> None:
        """Publish the tables of a night in their order, the last one being `upto`."""
        store, events, written = self.store, self.events_before(night), self.snapshot(night)
        frames = {ITEMS.name: self.world.items, INTERACTIONS.name: events}
        frames |= {table.name: written[table.name] for table in WRITTEN}
        more = {name: made_up(name, frame) for name, frame in written.items() if name in MADE_UP}
        frames |= {name: written[name] for name in more}
        for table in (ITEMS, INTERACTIONS, *WRITTEN, *more.values()):
            store.publish(table, night, frames[table.name])
            if table.name == upto:
                return
        inputs = digest_of({name: store.manifest(name, night) for name in frames})
        if self.codes:
            store.publish(ITEM_CODES, night, written[ITEM_CODES.name], inputs=inputs)
        for table, build in ((ITEM_FEATURES, item_features), (USER_FEATURES, user_features)):
            frame = build(self.world.items, events, written, night, self.settings.features, self.spec)
            store.publish(table, night, frame, inputs=inputs)
            if table.name == upto:
                return

    def examples(self, *nights: date) -> pl.DataFrame:
        """The training rows of all events, as the newest of the nights would publish them."""
        return build_examples(self.inputs(*nights), self.settings)

    def inputs(self, *nights: date) -> ExampleInputs:
        """What training rows are made of."""
        return ExampleInputs(
            self.world.items,
            self.events,
            {night: self.snapshot(night) for night in nights},
            implicit=self.implicit,
            spec=self.spec,
        )

    def train(self, *nights: date, arm: str = "llm", rounds: int = 60) -> pl.DataFrame:
        """Publish training rows and save a ranker with its recipe, as the weekly job does."""
        rows = self.examples(*nights)
        self.store.publish(RANKING_EXAMPLES, nights[-1], rows)
        families = {"base": ("base",), "llm": ("base", "llm"), "text": ("base", "text")}[arm]
        features = tuple(name for name in rows.columns if "__" in name and name.split("__")[0] in families)
        ranker = LightGBMRanker(LightGBMSettings(rounds=rounds, patience=rounds, threads=1))
        ranker.fit(rows.filter(pl.col("split") == "train"), rows.filter(pl.col("split") == "valid"), features)
        self._save(ranker, arm, nights[-1])
        return rows

    def train_din(
        self, *nights: date, arm: str = "llm", text_vectors: bool = False
    ) -> tuple[pl.DataFrame, Context]:
        """The same for a small DIN; the rows, and the context in which it reads them."""
        rows = self.examples(*nights)
        families = ("base", arm) if arm != "base" else ("base",)
        features = tuple(name for name in rows.columns if "__" in name and name.split("__")[0] in families)
        context = Context.of(self.inputs(*nights), self.settings).seeing(families)
        small = DINSettings(
            epochs=2, batch_rows=256, dimension=8, attention_units=16, units=(32, 16), history_length=20
        )
        ranker = DINRanker(small.model_copy(update={"text_vectors": text_vectors}))
        ranker.fit(
            rows.filter(pl.col("split") == "train"),
            rows.filter(pl.col("split") == "valid"),
            features,
            0,
            context,
        )
        self._save(ranker, arm, nights[-1])
        return rows, context

    def _save(self, ranker: Ranker, arm: str, night: date) -> None:
        save_ranker(
            self.home,
            ranker,
            arm,
            night,
            self.settings.features,
            self.settings.candidates if self.implicit else None,
            self.spec,
        )
