"""One night as plain values: its date, its settings, its prompts and what each of them would ask.

Assets, the command line and the Beam workers all start from a `Night`; nothing in it loads a model.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from itertools import islice
from typing import Any

import polars as pl

from nightshift.enrichments.group_facts.groups import group_rows, membership, with_titles
from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.item_facts.line_prompt import item_facts
from nightshift.enrichments.item_tag_scores.prompt import item_tag_scores
from nightshift.enrichments.user_preferences.line_prompt import user_preferences
from nightshift.enrichments.user_preferences.portraits import portraits
from nightshift.models.encoders import identify_encoder
from nightshift.models.llm import identify, load_tokenizer
from nightshift.models.llm.base import ModelIdentity
from nightshift.models.llm.echo import EchoLLM
from nightshift.models.llm.recorded import RecordedLLM, keyed, read_recorded
from nightshift.night.config import Settings
from nightshift.night.estimates import CountTokens
from nightshift.night.priority import worth
from nightshift.prompts.base import Prompt
from nightshift.prompts.vocabulary import Vocabulary, load_vocabulary
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store

PROMPTED = ("group_facts", "item_tag_scores", "item_facts", "user_preferences")
"""Tables a language model works for, in the order in which they draw on the budget: a sentence a group is
cheap and says something about every item, so it comes first."""

NIGHTS_BACK = 8
"""Nights whose titles of groups are made again, each by one pass over the events; groups asked on other
nights are shown anew."""


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
        """Which model answers tonight. An unknown encoder is refused here as well: before anything is
        paid."""
        _ = self.encoder_id
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
            "group_facts": group_facts(s.facts, v),
            "item_tag_scores": item_tag_scores(s.tags, v),
            "item_facts": item_facts(s.facts, v),
            "user_preferences": user_preferences(s.preferences, v),
        }

    @cached_property
    def count_tokens(self) -> CountTokens | None:
        """Tokens of whole prompts by the model's own tokenizer; None for a server, and where the model was
        never fetched."""
        if self.settings.llm.backend == "echo":
            return EchoLLM().count_tokens
        if self.settings.llm.is_recorded:
            return RecordedLLM(self.settings.llm.model, {}).count_tokens
        tokenizer = load_tokenizer(self.settings.llm, self.settings.cache_folder)
        return None if tokenizer is None else lambda texts: [len(ids) for ids in tokenizer.encode(texts)]

    def groups(self, items: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """Groups of items with what a prompt may see of them: `group, items, titles`.

        A group that a model was asked about keeps the titles that it was shown by then, as long as the
        items allow: fame by the events before that night. Traffic alone asks nothing again, however young
        the log is.
        """
        members = membership(items, self.settings.facts)
        tonight = group_rows(items, events, members)
        if self.settings.llm.is_recorded:
            return tonight
        changed = (
            tonight.filter(~self._is_answered(tonight)).select("group").join(self._groups_asked(), on="group")
        )
        kept = [tonight.select("group", "titles").clear()]
        by_night = changed.sort("as_of", descending=True).group_by("as_of", maintain_order=True)
        for (night,), groups in islice(by_night, NIGHTS_BACK):
            before = group_rows(items, events.filter(pl.col("timestamp") < midnight(night)), members)
            before = before.join(groups, on="group", how="semi")
            kept.append(before.filter(self._is_answered(before)).select("group", "titles"))
        return with_titles(tonight, pl.concat(kept))

    def _is_answered(self, groups: pl.DataFrame) -> pl.Series:
        """Whether the ledger has an answer for a group as it is shown here."""
        keys = self.group_requests(groups).select("row_id", "content_key")
        known = self.ledgers.answers.lookup(keys["content_key"], ["content_key"])
        return groups["group"].is_in(keys.join(known, on="content_key")["row_id"].implode())

    def _groups_asked(self) -> pl.DataFrame:
        """`group, as_of`: the newest night before this one on which the prompt of groups was answered for
        it by this model."""
        mine = (pl.col("table") == "group_facts") & (
            pl.col("prompt_id") == self.prompts["group_facts"].prompt_id
        )
        mine &= (pl.col("model_id") == self.identity.model_id) & (pl.col("as_of") < self.as_of)
        return self.ledgers.answers.query(
            lambda rows: rows.filter(mine).group_by(group="row_id").agg(pl.col("as_of").max())
        )

    def group_requests(self, groups: pl.DataFrame) -> pl.DataFrame:
        """One request a group, those with the most items first."""
        return self._requests("group_facts", groups, groups["items"].cast(pl.Float64))

    def item_requests(self, table: str, items: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """One request an item, in the order of `nightshift.night.priority`."""
        return self._requests(table, items, self._worth(items, events, "item_id", table))

    def askable(self, table: str, requests: pl.DataFrame) -> pl.DataFrame:
        """The requests that the backend can do: none of a scored table where it writes answers only, the
        recorded ones where it recalls."""
        if self.prompts[table].questions and not self.settings.llm.can_score:
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

    def user_rows(self, items: pl.DataFrame, events: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
        """Every user with an event before the night, with what a prompt may see of the history
        (`portraits`)."""
        return portraits(events, items, tags, self.settings.preferences)

    def user_requests(self, users: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """One request a user with enough history, in the order of `nightshift.night.priority`."""
        readable = users.filter(pl.col("history_length") >= self.settings.preferences.least_history)
        table = "user_preferences"
        return self._requests(table, readable, self._worth(readable, events, "user_id", table))

    def _requests(self, table: str, rows: pl.DataFrame, worth: pl.Series) -> pl.DataFrame:
        requests = self.prompts[table].requests(rows, self.identity, worth)
        return keyed(requests, self.recorded(table)) if self.settings.llm.is_recorded else requests

    def _worth(self, rows: pl.DataFrame, events: pl.DataFrame, key: str, table: str) -> pl.Series:
        return worth(rows, events, key, table, self.ledgers, self.as_of, self.moment)
