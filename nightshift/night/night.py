"""One night as plain values: its date, its settings, its prompts and what each of them would ask.

Assets, the command line and the Beam workers all start from a `Night`; nothing in it loads a model.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from nightshift.enrichments.base import Context, Shared, midnight
from nightshift.enrichments.engine import Step, tonight
from nightshift.enrichments.entities import Reader
from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import Registry, asked, tables_of
from nightshift.features.content_spec import ContentSpec
from nightshift.models.encoders import identify_encoder
from nightshift.models.llm import identify, token_counter
from nightshift.models.llm.base import ModelIdentity
from nightshift.models.llm.choices import CountTokens
from nightshift.models.llm.recorded import read_recorded
from nightshift.night.config import Settings
from nightshift.night.plan import Spent, TablePlan, plan_table
from nightshift.night.readers import Foreseen, Published
from nightshift.prompts.base import Prompt
from nightshift.prompts.vocabulary import Vocabulary, load_vocabulary
from nightshift.sources import read_interactions, read_items
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, ITEM_CODES, ITEM_EMBEDDINGS, ITEMS, USER_EMBEDDINGS, Table


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
        """Which model answers tonight. An unknown encoder is refused here as well: before anything is
        paid."""
        _ = self.encoder_id
        return identify(self.settings.llm)

    @cached_property
    def encoder_id(self) -> str:
        """Which encoder embeds tonight."""
        return identify_encoder(self.settings.encoder)

    @property
    def registry(self) -> Registry:
        """Every enrichment there is, ours and the user's own, in the order in which they are worked off."""
        return self.settings.registry

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Every table of a night, by name."""
        return tables_of(self.registry)

    @cached_property
    def content_spec(self) -> ContentSpec:
        """What rankers read of the enrichments."""
        return content_spec(self.registry)

    @cached_property
    def shared(self) -> Shared:
        """What all enrichments share tonight."""
        return Shared(
            as_of=self.as_of,
            moment=self.moment,
            run_id=self.run_id,
            home=self.settings.home_folder,
            vocabulary=lambda: self.vocabulary,
            identity=self.identity,
            encoder_id=self.encoder_id,
            ledgers=self.ledgers,
            settings={each.name: self.settings.of(each) for each in self.registry.values()},
            recorded=self.recorded if self.settings.llm.is_recorded else None,
            root=self.settings.root,
            can_score=self.settings.llm.can_score,
        )

    @cached_property
    def published(self) -> Published:
        """Tonight's tables, as far as they are published."""
        return Published(self.store, self.tables, self.as_of)

    def context(self, name: str, tables: Reader | None = None) -> Context[Any]:
        """What an enrichment's functions are given."""
        return Context(self.registry[name], self.shared, tables or self.published)

    def step(self, name: str, tables: Reader | None = None) -> Step:
        """One enrichment tonight: its rows and requests, from tables that are published, or foreseen."""
        return tonight(self.registry[name], self.shared, tables or self.published)

    def foreseen(self) -> Foreseen:
        """Tonight's tables as a run would make them now, from the sources and the ledger."""
        sources, root = self.settings.sources, self.settings.root
        items = read_items(sources.items, root).frame
        now = datetime.now(UTC)
        events = read_interactions(sources.interactions, root, items, before=self.moment, now=now).frame
        return self.given(items, events)

    def given(self, items: pl.DataFrame, events: pl.DataFrame, **tables: pl.DataFrame) -> Foreseen:
        """Tonight's tables as a run would make them from these frames: catalogue, events and any table by
        name."""
        return Foreseen(self.published, {ITEMS.name: items, INTERACTIONS.name: events} | tables, self.step)

    def plan(self, step: Step, spent: Spent, run_id: str | None = None) -> TablePlan:
        """What of a step is pending, and what the budget affords. `run_id`: the run that asks, None for a
        mere plan."""
        llm, name = self.settings.llm, step.each.name
        return plan_table(
            self.prompts[name],
            self.askable(name, step.requests),
            self.ledgers,
            self.settings.budget,
            spent,
            self.count_tokens,
            run_id,
            llm.price,
            llm.keeps_states,
            self.identity.model_id,
            llm.is_recorded,
        )

    def read_by_rankers(self) -> list[Table]:
        """Tables that features are made of: enrichments that have some, vectors and semantic ids."""
        made = [each.table for each in self.registry.values() if each.features]
        return [*made, ITEM_EMBEDDINGS, USER_EMBEDDINGS, ITEM_CODES]

    def nights_with_content(self) -> list[date]:
        """Nights up to this one for which any enrichment that has features was published, oldest first."""
        tables = [each.table for each in self.registry.values() if each.features]
        return sorted({day for table in tables for day in self.store.nights(table) if day <= self.as_of})

    @cached_property
    def prompts(self) -> dict[str, Prompt[Any]]:
        """The prompts by table, settings applied."""
        return {name: self.context(name).prompt for name in asked(self.registry)}

    @cached_property
    def count_tokens(self) -> CountTokens | None:
        """Tokens of whole prompts by the model's own tokenizer; None for a server, and where the model was
        never fetched."""
        return token_counter(self.settings.llm, self.settings.cache_folder)

    def askable(self, table: str, requests: pl.DataFrame) -> pl.DataFrame:
        """The requests that the backend can do: none of a scored table where it writes answers only, the
        recorded ones where it recalls."""
        if self.prompts[table].is_scored and not self.settings.llm.can_score:
            return requests.clear()
        if self.settings.llm.is_recorded:
            return requests.join(self.recorded(table), on="row_id", how="semi", maintain_order="left")
        return requests

    def recorded(self, table: str) -> pl.DataFrame:
        """`row_id, answer`: what the backend `recorded` has for a table."""
        if table not in self._recorded:
            self._recorded[table] = read_recorded(self.settings.llm.recorded, table, self.settings.root)
        return self._recorded[table]

    @cached_property
    def _recorded(self) -> dict[str, pl.DataFrame]:
        return {}
