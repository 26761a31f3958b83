"""One night as plain values: its date, its settings, its prompts and what each of them would ask.

Assets, the command line and the Beam workers all start from a `Night`; nothing in it loads a model.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from nightshift.config import Settings
from nightshift.encoders import identify_encoder
from nightshift.ledger import Ledgers
from nightshift.llm import identify
from nightshift.llm.base import ModelIdentity
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_facts import item_facts
from nightshift.prompts.item_tag_scores import item_tag_scores
from nightshift.prompts.portraits import portraits
from nightshift.prompts.user_preferences import user_preferences
from nightshift.prompts.vocabulary import Vocabulary, load_vocabulary
from nightshift.store import Store

RECENT = timedelta(days=30)
"""Window of the traffic that orders requests by worth."""
PROMPTED = ("item_tag_scores", "item_facts", "user_preferences")
"""Tables a language model works for, in the order in which they draw on the budget."""


def midnight(day: date) -> datetime:
    """00:00 UTC of a day: a night knows events strictly before it."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True)
class Night:
    """One night of one configuration."""

    settings: Settings
    as_of: date
    run_id: str = "local"

    @cached_property
    def store(self) -> Store:
        """Published tables."""
        return Store(self.settings.home_folder)

    @cached_property
    def ledgers(self) -> Ledgers:
        """Answers, vectors and rejects."""
        return Ledgers(self.settings.home_folder)

    @property
    def moment(self) -> datetime:
        """The night's features know events strictly before this."""
        return midnight(self.as_of)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The closed vocabulary."""
        return load_vocabulary(self.settings.tags.vocabulary, self.settings.root)

    @cached_property
    def identity(self) -> ModelIdentity:
        """Which model answers tonight."""
        return identify(self.settings.llm)

    @cached_property
    def encoder_id(self) -> str:
        """Which encoder embeds tonight."""
        return identify_encoder(self.settings.encoder)

    @cached_property
    def prompts(self) -> dict[str, Prompt[Any]]:
        """The prompts by table, settings applied."""
        s, v = self.settings, self.vocabulary
        return {
            "item_tag_scores": item_tag_scores(s.tags, v),
            "item_facts": item_facts(s.facts, v),
            "user_preferences": user_preferences(s.preferences, v),
        }

    def item_requests(self, table: str, items: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """One request an item; items with the most events in the last 30 days first."""
        return self.prompts[table].requests(items, self.identity, self._traffic(items, events, "item_id"))

    def user_rows(self, items: pl.DataFrame, events: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
        """Every user with an event before the night, with what a prompt may see of the history (`portraits`)."""
        return portraits(events, items, tags, self.settings.preferences)

    def user_requests(self, users: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """One request a user with enough history; users with the most events in the last 30 days first."""
        readable = users.filter(pl.col("history_length") >= self.settings.preferences.least_history)
        return self.prompts["user_preferences"].requests(readable, self.identity, self._traffic(readable, events, "user_id"))

    def _traffic(self, rows: pl.DataFrame, events: pl.DataFrame, key: str) -> pl.Series:
        recent = events.filter(pl.col("timestamp") >= self.moment - RECENT).group_by(key).len("traffic")
        joined = rows.select(key).join(recent, on=key, how="left", maintain_order="left")
        return joined["traffic"].fill_null(0).cast(pl.Float64)
