"""Rows with their histories, a block at a time: what the network eats, as arrays. numpy and polars only.

A block reads its rows from a lazy frame (Parquet is read in place), joins each to its user's events
strictly before the row's moment, and lists every distinct pair of night and item once. Memory is a
block's, whatever the table's length.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.history import DAY, Floats, Ints, encode
from nightshift.rankers.context import Context
from nightshift.rankers.din.catalogue import Catalogue, Lookups
from nightshift.rankers.din.dense import Scaler, check_columns, columns_of
from nightshift.rankers.din.tiers import histograms
from nightshift.tables import MOMENT

GAPS = 16
"""Buckets of the time since an event: floor(log2(1 + hours)), from within the hour to four years."""

Rows = pl.DataFrame | pl.LazyFrame


def gap_of(age: Ints) -> Ints:
    """(events,) bucket of an age in microseconds."""
    return np.log2(1.0 + age / (DAY / 24)).astype(np.int64).clip(0, GAPS - 1)


@dataclass(frozen=True)
class Inputs:
    """What a fitted network reads of a row."""

    features: tuple[str, ...]
    scaler: Scaler
    catalogue: Catalogue
    tier_views: tuple[str, ...]
    tiers: int
    history_length: int

    @property
    def width(self) -> int:
        """Columns of the dense block, histograms included."""
        return self.scaler.width + 2 * self.tiers * len(self.tier_views)


@dataclass(frozen=True)
class Slots:
    """Distinct (night, item) pairs of a block, and what each is known by."""

    id: Ints
    """(slots,) embedding row of the id."""
    heads: Ints
    """(slots, heads) embedding rows of semantic-id heads."""
    attributes: Ints
    """Embedding rows of all slots' attributes, one slot after the other."""
    begins: Ints
    """(slots + 1,) where each slot's attributes begin."""
    vectors: Floats
    """(slots, vector_width) frozen text vectors; of width 0 where none are read."""

    @classmethod
    def of(cls, ids: Ints, heads: Ints, attributes: Ints, begins: Ints, vectors: Floats) -> Self:
        """A whole catalogue's, and behind it the item that nobody knows: no id, no heads, no attributes,
        no vector."""
        heads, vectors = (
            np.vstack([known, np.zeros((1, known.shape[1]), known.dtype)]) for known in (heads, vectors)
        )
        return cls(np.append(ids, 0), heads, attributes, np.append(begins, begins[-1]), vectors)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class Block:
    """Rows ready for the network."""

    dense: Floats
    """(rows, width) standardized columns and histograms."""
    candidate: Ints
    """(rows,) slot of the candidate."""
    begins: Ints
    """(rows + 1,) where each row's events begin."""
    events: Ints
    """Slots of all rows' events, one row after the other, oldest first."""
    kinds: Ints
    """The same events' kind: 2 x gap bucket + liked."""
    slots: Slots

    def __len__(self) -> int:
        return len(self.candidate)


@dataclass(frozen=True)
class Blocks:
    """A frame of `ranking_examples` rows cut into blocks."""

    rows: Rows
    context: Context
    inputs: Inputs
    size: int
    _newest: dict[int, Block] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def moment(self) -> Ints:
        """(rows,) what a row may know ends before: its timestamp, or that of its request's first row."""
        check_columns(self.rows.lazy().collect_schema().names(), self.inputs.features)
        first = (
            pl.col("timestamp").min().over("user_id", "group_id").cast(MOMENT).to_physical().alias("moment")
        )
        return self.rows.lazy().select(first).collect()["moment"].to_numpy()

    @cached_property
    def lookups(self) -> Lookups:
        """What every block looks items up in."""
        return Lookups(self.inputs.catalogue, self.context)

    def __len__(self) -> int:
        return -(-len(self.moment) // self.size)

    def read(self, number: int) -> Block:
        """One block. The newest one is kept, so that a table of one block is prepared once."""
        if number not in self._newest:
            self._newest.clear()  # before the next one is read: two blocks never share the memory
            start = number * self.size
            rows = (
                self.rows.lazy()
                .slice(start, self.size)
                .select("user_id", "item_id", *self.inputs.features)
                .collect()
            )
            self._newest[number] = prepare(
                rows, self.moment[start : start + self.size], self.inputs, self.lookups
            )
        return self._newest[number]

    def dense(self) -> Iterator[Floats]:
        """The raw feature columns, block by block."""
        for number in range(len(self)):
            part = self.rows.lazy().slice(number * self.size, self.size)
            yield columns_of(part.select(self.inputs.features).collect(), self.inputs.features)


def prepare(rows: pl.DataFrame, moment: Ints, inputs: Inputs, lookups: Lookups) -> Block:
    """Rows (user_id, item_id and the features) as of their moments (rows,)."""
    context = lookups.context
    log, items = context.log, context.items
    user, item, night = (
        encode(rows["user_id"], log.users),
        encode(rows["item_id"], items["item_id"]),
        context.night_of(moment),
    )
    line = log.by_user
    start, stop = line.window(user, moment)
    start = np.maximum(start, stop - inputs.history_length)
    begins = np.concatenate([[0], np.cumsum(stop - start)])
    row = np.repeat(np.arange(len(user)), stop - start)
    place = np.arange(begins[-1]) - begins[row] + start[row]
    event, liked = line.other[place], (line.label[place] > 0.5).astype(np.int64)
    kinds = 2 * gap_of(moment[row] - line.time[place]) + liked
    slots, numbers = _slots(night, item, night[row], event, lookups)
    tiers = _tiers(night, item, row, event, liked, context, inputs)
    dense = np.hstack([inputs.scaler(columns_of(rows, inputs.features)), *tiers])
    return Block(dense, numbers[: len(item)], begins, numbers[len(item) :], kinds, slots)


def _slots(night: Ints, item: Ints, event_night: Ints, event: Ints, lookups: Lookups) -> tuple[Slots, Ints]:
    """Distinct pairs and the slot of every candidate, then of every event. Only codes and vectors differ
    by night."""
    catalogue, items = (
        lookups.catalogue,
        lookups.context.items.height + 1,
    )  # the last one: not in the catalogue
    nightly = bool(catalogue.codes or catalogue.references)
    pair = np.concatenate([item, event]) + (np.concatenate([night, event_night]) * items if nightly else 0)
    distinct, numbers = np.unique(pair, return_inverse=True)
    nights, places = np.divmod(distinct, items)
    known = places < items - 1
    safe = np.where(known, places, 0)
    ids = np.where(known, lookups.ids[safe], 0)
    heads = np.zeros((len(distinct), 2 * len(catalogue.codes)), np.int64)
    vectors = np.zeros((len(distinct), catalogue.vector_width), np.float32)
    for number in np.unique(nights).tolist() if nightly else []:
        mine = (nights == number) & known
        heads[mine], vectors[mine] = (
            lookups.heads(number)[places[mine]],
            lookups.text_vectors(number)[places[mine]],
        )
    return Slots(ids, heads, *_attributes(safe, known, *lookups.attributes), vectors), numbers


def _attributes(places: Ints, known: NDArray[np.bool_], rows: Ints, begins: Ints) -> tuple[Ints, Ints]:
    """Attributes of the items at some places, one after the other, and where each begins."""
    counts = np.where(known, np.diff(begins)[places], 0)
    starts = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(len(places)), counts)
    return rows[np.arange(starts[-1]) - starts[owner] + begins[places[owner]]], starts


def _tiers(
    night: Ints, item: Ints, row: Ints, event: Ints, liked: Ints, context: Context, inputs: Inputs
) -> list[Floats]:
    """Histograms (rows, 2 x tiers) of each view, every row against its own night's vectors."""
    tables = {name: np.zeros((len(item), 2 * inputs.tiers), np.float32) for name in inputs.tier_views}
    known = item < context.items.height
    for number in np.unique(night).tolist():
        views, chosen = context.views(number), np.flatnonzero((night == number) & known)
        place = np.full(len(item), -1)
        place[chosen] = np.arange(len(chosen))
        mine = place[row] >= 0
        for name in inputs.tier_views:
            if name in views:
                counted = (place[row[mine]], event[mine], liked[mine])
                tables[name][chosen] = histograms(views[name], item[chosen], *counted, inputs.tiers)
    return list(tables.values())
