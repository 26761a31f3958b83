"""What a user (or an item) had seen strictly before a moment. Every feature asks here, so the future has
one gate.

Events are encoded once into arrays and sorted by owner and time; "before a moment" is then a slice that
two binary searches find, for a million (owner, moment) pairs at once. Ties are excluded: an event at the
very moment is not past.

Duplicates: events that share user, item and timestamp are one event, with the highest label (a click logged
beside its own impression is a click). The same item at another moment is another event. Training rows are
told apart by their list as well: each list has its own clicks.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import SourceError
from nightshift.tables import MOMENT

MAX_LENGTH = 50
"""Most recent events a history keeps unless told otherwise."""

GROUPINGS = 16
"""Groupings of the items by which a log keeps its events sorted; more are sorted anew when they are asked
for."""

DAY = 86_400_000_000
"""Microseconds in a day: the unit of every encoded moment is the microsecond since 1970, UTC."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def without_duplicates(interactions: pl.DataFrame, by_list: bool = False) -> pl.DataFrame:
    """One row for each user, item, timestamp (and list), the highest label kept; by time, user, item."""
    order = ["timestamp", "user_id", "item_id"]
    by = [*order, "label", "request_id"]
    kept = interactions.sort(by, descending=[False, False, False, True, False], nulls_last=True)
    return kept.unique([*order, "request_id"] if by_list else order, keep="first", maintain_order=True)


def midnight(as_of: date) -> int:
    """00:00 UTC of a night, in microseconds since 1970."""
    return (as_of - date(1970, 1, 1)).days * DAY


def encode(ids: pl.Series, known: pl.Series) -> Ints:
    """Position of each id in `known`; an id that is not there gets len(known), which owns no events."""
    codes = ids.cast(pl.Enum(known), strict=False).to_physical().cast(pl.Int64)
    return codes.fill_null(known.len()).to_numpy()


@dataclass(frozen=True)
class Timeline:
    """Events sorted by owner, then time, with running sums: counts and slices before any moment."""

    owner: Ints
    time: Ints
    label: Floats
    other: Ints
    """The other side of the event: the item for a user's timeline, the user for an item's."""

    @cached_property
    def _moments(self) -> Ints:
        return np.unique(self.time)

    @cached_property
    def _keys(self) -> Ints:
        return self.owner * (len(self._moments) + 1) + np.searchsorted(self._moments, self.time)

    @cached_property
    def _running(self) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(self.label, dtype=np.float64)])

    def window(self, owner: Ints, moment: Ints) -> tuple[Ints, Ints]:
        """Start and stop (rows,) of the slice of each owner's events strictly before each moment."""
        base = owner * (len(self._moments) + 1)
        start = np.searchsorted(self._keys, base)
        return start, np.searchsorted(self._keys, base + np.searchsorted(self._moments, moment))

    def positives(self, start: Ints, stop: Ints) -> NDArray[np.float64]:
        """Sum of the labels of each slice."""
        return np.asarray(self._running[stop] - self._running[start])


@dataclass(frozen=True)
class Past:
    """The most recent events of each row's user, newest first, padded to one length (rows, length)."""

    items: Ints
    """Item codes; 0 where padded, see `valid`."""
    labels: Floats
    """1 liked, 0 disliked; 0 where padded."""
    ages: Floats
    """Days between the event and the row's moment."""
    valid: NDArray[np.bool_]
    """True where there is an event."""

    @cached_property
    def liked(self) -> NDArray[np.bool_]:
        """(rows, length) events with a positive label."""
        return np.asarray(self.valid & (self.labels > 0.5))

    @cached_property
    def disliked(self) -> NDArray[np.bool_]:
        """(rows, length) events with a negative label."""
        return np.asarray(self.valid & (self.labels <= 0.5))

    @cached_property
    def own_rate(self) -> NDArray[np.float64]:
        """(rows, 1) share of liked events of each past, with a prior of five likes in ten."""
        events = self.valid.sum(1, keepdims=True)
        return np.asarray(
            ((self.labels * self.valid).sum(1, keepdims=True, dtype=np.float64) + 5.0) / (events + 10.0)
        )

    @cached_property
    def signed(self) -> NDArray[np.float64]:
        """(rows, length) label minus the user's own smoothed rate: liking what one always likes says
        little. 0 where padded."""
        return np.where(self.valid, self.labels - self.own_rate, 0.0)


@dataclass(frozen=True)
class EventLog:
    """All events as arrays sorted by time, with a timeline for users and one for items."""

    users: pl.Series
    items: pl.Series
    user: Ints
    item: Ints
    time: Ints
    label: Floats

    @classmethod
    def of(cls, interactions: pl.DataFrame, items: pl.Series) -> "EventLog":
        """Encode a frame of the `interactions` table. Raises SourceError when an item is not in the
        catalogue."""
        events = without_duplicates(interactions)
        users = events["user_id"].unique().sort()
        item = encode(events["item_id"], items)
        if len(item) and item.max() >= items.len():
            unknown = events["item_id"][int(item.argmax())]
            raise SourceError(
                f"interactions name item {unknown!r}, which is not in items; drop the event or add the item"
            )
        time = events["timestamp"].cast(MOMENT).to_physical().to_numpy()
        label = events["label"].cast(pl.Float32).to_numpy()
        return cls(users, items, encode(events["user_id"], users), item, time, label)

    def before(self, moment: int) -> "EventLog":
        """The log as it was at a moment: events strictly before it."""
        stop = int(np.searchsorted(self.time, moment))
        return EventLog(
            self.users, self.items, self.user[:stop], self.item[:stop], self.time[:stop], self.label[:stop]
        )

    @cached_property
    def by_user(self) -> Timeline:
        """Events by user."""
        return self._timeline(self.user, self.item)

    @cached_property
    def by_item(self) -> Timeline:
        """Events by item."""
        return self._timeline(self.item, self.user)

    def by_group(self, group: Ints) -> Timeline:
        """Events by a group of their item (a semantic-id prefix, a category): `group` (items,), -1 for an
        item in none.

        The newest few groupings are kept.
        """
        key = hashlib.sha256(group.tobytes()).hexdigest()
        if key not in self._groups:
            owner = group[self.item]
            known = owner >= 0
            order = np.flatnonzero(known)[np.argsort(owner[known], kind="stable")]
            self._groups[key] = Timeline(owner[order], self.time[order], self.label[order], self.user[order])
        self._groups.move_to_end(key)
        while len(self._groups) > GROUPINGS:
            self._groups.popitem(last=False)
        return self._groups[key]

    @cached_property
    def _groups(self) -> "OrderedDict[str, Timeline]":
        return OrderedDict()

    def _timeline(self, owner: Ints, other: Ints) -> Timeline:
        order = np.argsort(owner, kind="stable")
        return Timeline(owner[order], self.time[order], self.label[order], other[order])

    def past(self, user: Ints, moment: Ints, max_length: int = MAX_LENGTH) -> Past:
        """The last `max_length` events of each user strictly before each moment."""
        line = self.by_user
        start, stop = line.window(user, moment)
        index = stop[:, None] - 1 - np.arange(max_length)  # (rows, length), newest first
        valid = index >= start[:, None]
        index = np.where(valid, index, 0)
        if not len(line.time):
            empty = np.zeros(index.shape)
            return Past(empty.astype(np.int64), empty.astype(np.float32), empty.astype(np.float32), valid)
        ages = ((moment[:, None] - line.time[index]) / DAY).astype(np.float32)
        return Past(
            np.where(valid, line.other[index], 0),
            np.where(valid, line.label[index], np.float32(0)),
            ages * valid,
            valid,
        )


_LISTS: dict[str, Any] = {
    "item_ids": pl.List(pl.String),
    "labels": pl.List(pl.Float32),
    "timestamps": pl.List(MOMENT),
}
_HISTORY: dict[str, Any] = {
    "user_id": pl.String,
    "history_length": pl.Int32,
    "last_event_at": MOMENT,
    **_LISTS,
}


def history_before(interactions: pl.DataFrame, as_of: date, max_length: int = MAX_LENGTH) -> pl.DataFrame:
    """One row a user: what they did before the night's 00:00 UTC.

    Columns: user_id, history_length (all events before the night), last_event_at, and lists of the newest
    `max_length` events, newest first: item_ids, labels, timestamps. Users without events are not there.
    """
    moment = datetime(as_of.year, as_of.month, as_of.day)
    events = without_duplicates(interactions.filter(pl.col("timestamp") < pl.lit(moment).cast(MOMENT)))
    newest = events.reverse().group_by("user_id", maintain_order=True)
    frame = newest.agg(
        pl.len().cast(pl.Int32).alias("history_length"),
        pl.col("timestamp").max().alias("last_event_at"),
        pl.col("item_id").head(max_length).alias("item_ids"),
        pl.col("label").cast(pl.Float32).head(max_length).alias("labels"),
        pl.col("timestamp").head(max_length).alias("timestamps"),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in _HISTORY.items()).sort("user_id")
