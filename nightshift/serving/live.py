"""A night and what happened since: the events a request may know, counted for items at once and for a user at a time.

The night's own events are mapped; events added since then are few and held in memory. Counts of both together are kept
for every item, so that a request only looks them up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.collaborative import Fit, refit_moments
from nightshift.features.counts import Tally
from nightshift.features.rows import Doubles
from nightshift.history import DAY, EventLog, Floats, Ints, Past
from nightshift.serving.night import ServedNight
from nightshift.serving.prepare import fit_of

NOBODY = pl.Series("id", [], pl.String)


def no_events() -> EventLog:
    """A log without events."""
    none = np.zeros(0, np.int64)
    return EventLog(NOBODY, NOBODY, none, none, none, np.zeros(0, np.float32))


@dataclass(frozen=True)
class Live:
    """What is known at a moment: a night, and the events since (`added`, none before the night), up to `until`."""

    night: ServedNight
    added: EventLog
    until: int
    """The stream of events is known up to here, in microseconds since 1970; collaborative refits follow it."""
    new_users: Mapping[str, int] = field(default_factory=dict)
    """Numbers of users who had no event before the night."""
    refits: tuple[tuple[int, Fit], ...] = ()
    """Collaborative fits by their moment, oldest first."""

    @property
    def newest(self) -> int:
        """Moment of the newest added event, or of the night."""
        return int(self.added.time[-1]) if len(self.added.time) else self.night.moment

    @cached_property
    def events(self) -> int:
        """All events known."""
        return int(self.night.about["events"]) + len(self.added.time)

    @cached_property
    def prior(self) -> Doubles:
        """(1,) overall click rate; as `overall_rate` of nightshift.features.counts for a moment after all events."""
        positives = self.night.about["positives"] + self.added.label.sum(dtype=np.float64)
        return np.array([(positives + 1.0) / (self.events + 2.0)])

    def before(self, moment: int) -> "Live":
        """The same without added events at or after a moment."""
        return replace(self, added=self.added.before(moment), until=min(self.until, moment))

    @cached_property
    def tallies(self) -> dict[str, NDArray[Any]]:
        """Arrays (items + 1,) of `Tally` fields that do not depend on the moment of the request."""
        arrays = {name: self.night.arrays[f"item_{name}"] for name in FIXED}
        return _with_added(self.night, arrays, self.added) if len(self.added.time) else arrays

    def item_tally(self, item: Ints, moment: int) -> Tally:
        """Counts of items (rows,) strictly before a moment that is after all known events."""
        found = {name: values[item] for name, values in self.tallies.items()}
        start = moment - int(self.night.settings.counts.recent_days * DAY)
        events, positives = self._since(item, start)
        return Tally(recent_events=events, recent_positives=positives, **found)

    def _since(self, item: Ints, start: int) -> tuple[Ints, Doubles]:
        """Events and positive ones of items (rows,) from a moment on."""
        arrays = self.night.arrays
        moments, running, stop = arrays["moments"], arrays["item_running"], arrays["item_start"][item + 1]
        first = np.searchsorted(arrays["item_keys"], item * (len(moments) + 1) + np.searchsorted(moments, start))
        events, positives = stop - first, running[stop] - running[first]
        if len(self.added.time):
            line = self.added.by_item
            low, high = line.window(item, np.array([start]))[1], line.window(item, np.array([self.newest + 1]))[1]
            events, positives = events + high - low, positives + line.positives(low, high)
        return events, positives

    def number_of(self, user_id: str) -> int:
        """A user's number; one that owns no events for a user nobody knows."""
        known = len(self.night.users)
        number = int(self.night.users.of([user_id])[0])
        return number if number < known else self.new_users.get(user_id, known + len(self.new_users))

    def knows(self, user_id: str) -> bool:
        """Whether the user has an event before the moment."""
        return len(self.user(self.number_of(user_id))[0]) > 0

    def user(self, number: int) -> tuple[Ints, Ints, Floats]:
        """A user's events, oldest first: items, moments, labels. None for a user nobody knows."""
        arrays, added = self.night.arrays, self.added.by_user
        low, high = np.searchsorted(added.owner, [number, number + 1])
        mine = slice(0, 0)
        if number < len(self.night.users):
            mine = slice(int(arrays["user_start"][number]), int(arrays["user_start"][number + 1]))
        parts = [(arrays["user_item"][mine], arrays["user_time"][mine], arrays["user_label"][mine])]
        if high > low:
            parts.append((added.other[low:high], added.time[low:high], added.label[low:high]))
        items, times, labels = (np.concatenate([part[place] for part in parts]) for place in range(3))
        return items.astype(np.int64), times, labels

    def fit_at(self, moment: int) -> Fit | None:
        """The newest collaborative fit made from events before a point at or before the moment."""
        return next((fitted for since, fitted in reversed(self.refits) if since <= moment), None)


FIXED = ("events", "positives", "newest_events", "newest_positives", "first", "last")


def _with_added(night: ServedNight, base: dict[str, NDArray[Any]], added: EventLog) -> dict[str, NDArray[Any]]:
    """The items' tallies with the added events, all of which are later than the night's."""
    line, counts = added.by_item, night.settings.counts
    item, start = np.unique(line.owner, return_index=True)
    stop = np.append(start[1:], len(line.owner))
    fresh = np.minimum(stop - start, counts.recent_events)
    older = np.minimum(counts.recent_events - fresh, base["events"][item])
    end, running = night.arrays["item_start"][item + 1], night.arrays["item_running"]
    whole = {name: values.copy() for name, values in base.items()}
    whole["first"][item] = np.where(base["events"][item] > 0, base["first"][item], line.time[start])
    whole["last"][item] = line.time[stop - 1]
    whole["events"][item] += stop - start
    whole["positives"][item] += line.positives(start, stop)
    whole["newest_events"][item] = fresh + older
    whole["newest_positives"][item] = line.positives(stop - fresh, stop) + running[end] - running[end - older]
    return whole


def user_tally(times: Ints, labels: Floats, moment: int, live: Live) -> Tally:
    """Counts (1,) of one user's events, oldest first, all before the moment."""
    counts = live.night.settings.counts
    recent = int(np.searchsorted(times, moment - int(counts.recent_days * DAY)))
    newest = max(len(times) - counts.recent_events, 0)
    sums = [(np.array([len(times) - each]), labels[each:].sum(dtype=np.float64, keepdims=True)) for each in (0, recent, newest)]
    edges = times[[0, -1]] if len(times) else np.zeros(2, np.int64)
    return Tally(*sums[0], *sums[1], *sums[2], edges[:1], edges[1:])


def past_of(items: Ints, times: Ints, labels: Floats, moment: int, length: int) -> Past:
    """The newest events of one user as a `Past` of one row, newest first, without padding."""
    newest = slice(None, -length - 1, -1)
    ages = ((moment - times[newest]) / DAY).astype(np.float32)
    return Past(items[None, newest], labels[None, newest], ages[None], np.ones((1, len(ages)), np.bool_))


def refitted(live: Live) -> Live:
    """The state with the collaborative fit that the training rows of `until` would have; a fit costs seconds."""
    night, added = live.night, live.added
    own: tuple[tuple[int, Fit], ...] = ((night.about["refit"], night.fitted),) if night.fitted else ()
    moments = refit_moments([night.arrays["time"], added.time], night.settings.collaborative)
    moments = moments[moments <= live.until]
    if not len(moments) or (own and moments[-1] <= own[0][0]):
        return replace(live, refits=own)
    moment = int(moments[-1])
    return replace(live, refits=(*own, (moment, _fit_before(live, moment))))


def _fit_before(live: Live, moment: int) -> Fit:
    """A fit of all events before a moment, in the order of the log: time, user, item."""
    arrays, added = live.night.arrays, live.added.before(moment)
    user = np.repeat(np.arange(len(live.night.users)), np.diff(arrays["user_start"])[: len(live.night.users)])
    order = np.argsort(arrays["user_time"], kind="stable")
    order = order[arrays["user_time"][order] < moment]
    sides = (user, added.user), (arrays["user_item"], added.item), (arrays["user_label"], added.label)
    users, items, labels = (np.concatenate([mine[order], later]) for mine, later in sides)
    return fit_of(users, items.astype(np.int64), labels, len(live.night.items), live.night.settings)
