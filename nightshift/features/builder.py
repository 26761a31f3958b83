"""All feature families for any rows: the one path that training rows, nightly tables and proofs share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.sparse as sp

from nightshift.features.affinity import attribute_columns, attribute_matrix
from nightshift.features.collaborative import Refits, collaborative_columns
from nightshift.features.content import FeatureFunction, NightContent, Snapshot, night_content
from nightshift.features.content_spec import TEMPLATE, ContentSpec, first_spec
from nightshift.features.counts import count_columns
from nightshift.features.dealings import dealings
from nightshift.features.history import EventLog, Ints, Past, midnight
from nightshift.features.lists import list_columns
from nightshift.features.parts import Dealing
from nightshift.features.permutation import Seen, dealt_on, users_seen
from nightshift.features.preferences import preference_columns, read_off
from nightshift.features.prefixes import prefix_columns
from nightshift.features.rows import Columns, Rows, prefixed
from nightshift.features.settings import FeatureSettings
from nightshift.features.similarity import view_columns
from nightshift.features.tags import tag_columns

if TYPE_CHECKING:
    from nightshift.features.candidates.stage import Stage

MISSING_NIGHT = Snapshot()


@dataclass
class Builder:
    """Feature columns of rows. Holds what is fixed for all rows: the catalogue, the nights' content,
    refits already made."""

    items: pl.DataFrame
    snapshots: Mapping[date, Snapshot]
    settings: FeatureSettings = field(default_factory=FeatureSettings)
    seed: int = 0
    extra: Mapping[str, FeatureFunction] = field(default_factory=dict)
    """More families by name: their columns are added as `<name>__<column>`."""
    stage: "Stage | None" = None
    """The candidate stage, where there is one: its scores join the base family."""
    spec: ContentSpec = field(default_factory=first_spec)
    """What is read of the snapshots."""

    @cached_property
    def dates(self) -> list[date]:
        """The nights, oldest first."""
        return sorted(self.snapshots)

    @cached_property
    def nights(self) -> list[NightContent]:
        """The nights' content in catalogue order; one empty night when there is no snapshot."""
        ids, similarity = self.items["item_id"], self.settings.similarity
        known = [night_content(day, self.snapshots[day], ids, similarity, self.spec) for day in self.dates]
        return known or [night_content(None, MISSING_NIGHT, ids, similarity, self.spec)]

    @cached_property
    def refits(self) -> Refits:
        """Collaborative fits, kept while rows need them."""
        return Refits(self.settings.collaborative)

    @cached_property
    def attributes(self) -> sp.csr_array:
        """(items, attributes) the catalogue's own categories."""
        return attribute_matrix(self.items)

    @cached_property
    def _placebos(self) -> dict[tuple[int, int, bytes], NightContent]:
        return {}

    @cached_property
    def _users_seen(self) -> Seen:
        return users_seen(self.nights)

    def log(self, interactions: pl.DataFrame) -> EventLog:
        """Encode events against this builder's catalogue."""
        return EventLog.of(interactions, self.items["item_id"])

    def night_of(self, moment: Ints) -> Ints:
        """(rows,) number of the newest night whose 00:00 UTC is at or before each moment; -1 before the
        first."""
        opened = np.array([midnight(day) for day in self.dates], np.int64)
        return np.searchsorted(opened, moment, side="right") - 1

    def columns(self, log: EventLog, rows: Rows) -> Columns:
        """Every family's columns (rows,), in the order of the rows."""
        night = np.maximum(self.night_of(rows.moment), 0)
        parts = self._parts(night, rows.moment)
        built = [self._families(log, rows.part(index), int(night[index[0]])) for index in parts]
        order = np.concatenate(parts)
        names = list(dict.fromkeys(name for columns in built for name in columns))
        whole = {name: np.empty(len(rows), np.float32) for name in names}
        for name, values in whole.items():
            gaps = [
                columns.get(name, np.full(len(index), np.nan, np.float32))
                for columns, index in zip(built, parts, strict=True)
            ]
            values[order] = np.concatenate(gaps)
        return whole | self._lists(whole, rows) if self.settings.lists else whole

    def _parts(self, night: Ints, moment: Ints) -> list[Ints]:
        """Row positions by night and then time, in pieces that fit in memory."""
        order = np.lexsort((moment, night))
        cuts = set(np.flatnonzero(np.diff(night[order])) + 1) | set(
            range(0, len(order), self.settings.chunk_rows)
        )
        return [part for part in np.split(order, sorted(cuts - {0})) if len(part)] or [order]

    def _lists(self, columns: Columns, rows: Rows) -> Columns:
        scores = {
            name: values
            for name, values in columns.items()
            if not name.startswith(("base__user_", "base__item_", "base__list_"))
            and name.partition("__")[2] not in self.spec.unranked
        }
        return list_columns(scores, rows.group)

    def _families(self, log: EventLog, rows: Rows, number: int) -> Columns:
        past = log.past(rows.user, rows.moment, self.settings.history_length)
        content, families = self.nights[number], self.settings.families
        columns: Columns = {}
        if "base" in families:
            columns |= prefixed("base__", self._base(log, rows, past))
            columns |= prefixed("base__", self.stage.columns(log, rows, content)) if self.stage else {}
        if "text" in families:
            columns |= prefixed("text__", self._read(log, rows, past, content, "text"))
        if "llm" in families:
            columns |= prefixed("llm__", self._read(log, rows, past, content, "llm"))
        for dealing, name in enumerate(
            dealings(self.settings.permutations) if "permuted" in families else ()
        ):
            columns |= prefixed(
                f"{name}__", self._read(log, rows, past, self.placebo(log, number, dealing), "llm")
            )
        if "template" in families:
            columns |= prefixed("template__", self._views(log, rows, past, content, (TEMPLATE,)))
        for name, function in self.extra.items():
            columns |= prefixed(f"{name}__", function(log, rows, content))
        return columns

    def _base(self, log: EventLog, rows: Rows, past: Past) -> Columns:
        counted = count_columns(log, rows, self.settings.counts)
        return (
            counted
            | attribute_columns(self.attributes, rows.item, past)
            | collaborative_columns(log, rows, past, self.refits)
        )

    def _views(
        self, log: EventLog, rows: Rows, past: Past, content: NightContent, names: tuple[str, ...]
    ) -> Columns:
        settings, columns = self.settings, dict[str, np.ndarray]()
        for name in names:
            if name in content.views:
                columns |= view_columns(
                    log, content.views[name], rows, past, settings.similarity, settings.counts
                )
            if settings.codes and name in content.codes:
                columns |= prefixed(
                    f"{name}_", prefix_columns(log, content.codes[name], rows, past, settings.counts)
                )
        return columns

    def _read(self, log: EventLog, rows: Rows, past: Past, content: NightContent, family: str) -> Columns:
        """What an encoder or a language model made, as columns."""
        columns = self._views(log, rows, past, content, self.spec.similar(family))
        affinity, preference = self.spec.affinity, self.spec.preference
        if affinity and affinity.family == family:
            columns |= tag_columns(content.tags, rows.item, past, self.settings.similarity.facets)
        if preference and preference.family == family:
            columns |= preference_columns(rows, content)
        return columns | read_off(content, family, rows.user_ids, rows.item)

    def placebo(self, log: EventLog, number: int, dealing: int = 0) -> NightContent:
        """A night's content with the answers dealt to other items of like popularity and other users of
        like activity; `dealing` numbers independent draws."""
        dealt = self._dealing(log, number, dealing)
        key = (number, dealing, dealt.key)
        if key not in self._placebos:
            self._placebos[key] = self.nights[number].dealt(dealt)
        return self._placebos[key]

    def _dealing(self, log: EventLog, number: int, dealing: int) -> Dealing:
        return dealt_on(log, self.nights, number, self._users_seen, self.seed, dealing)
