"""A night and what happened since: the events a request may know, counted for items at once and for a user
at a time.

The night's own events are mapped; events added since then are few and held in memory. Counts of both
together are kept for every item, so that a request only looks them up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.collaborative import Fit, refit_moments
from nightshift.features.counts import Tally
from nightshift.features.history import DAY, EventLog, Floats, Ints, Past
from nightshift.features.rows import Doubles
from nightshift.serving.codes import with_added
from nightshift.serving.night import ServedNight
from nightshift.serving.prepare import FIXED, fit_of

History = tuple[Ints, Ints, Floats]
"""Events of one user, oldest first: items, moments, labels."""
SMALL_CATALOGUE = 50_000
"""Items up to which the neighbours of all of them are counted when events come in; above, those of the
candidates are."""
NOBODY = pl.Series("id", [], pl.String)


def no_events() -> EventLog:
    """A log without events."""
    none = np.zeros(0, np.int64)
    return EventLog(NOBODY, NOBODY, none, none, none, np.zeros(0, np.float32))


@dataclass(frozen=True)
class Refit:
    """A collaborative fit of the events before a moment, so many of them added since the night."""

    moment: int
    added: int
    fitted: Fit


@dataclass(frozen=True)
class Live:
    """What is known at a moment: a night, and the events since (`added`, none before the night), up to
    `until`."""

    night: ServedNight
    added: EventLog
    until: int
    """The stream of events is known up to here, in microseconds since 1970; collaborative refits follow
    it."""
    new_users: Mapping[str, int] = field(default_factory=dict)
    """Numbers of users who had no event before the night."""
    refits: tuple["Refit", ...] = ()
    """Collaborative fits, oldest first."""

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
        """(1,) overall click rate; as `overall_rate` of nightshift.features.counts for a moment after all
        events."""
        positives = self.night.about["positives"] + self.added.label.sum(dtype=np.float64)
        return np.array([(positives + 1.0) / (self.events + 2.0)])

    def before(self, moment: int) -> "Live":
        """The same without added events at or after a moment."""
        return replace(self, added=self.added.before(moment), until=min(self.until, moment))

    @cached_property
    def tallies(self) -> Doubles:
        """(items + 1, FIXED) fields of `Tally` that do not depend on the moment of the request."""
        base: Doubles = self.night.arrays["item_tallies"]
        return _with_added(self.night, base, self.added) if len(self.added.time) else base

    def item_tally(self, item: Ints, moment: int) -> Tally:
        """Counts of items (rows,) strictly before a moment that is after all known events."""
        found = self.tallies[item].T
        start = moment - int(self.night.settings.counts.recent_days * DAY)
        events, positives = self._since(item, start)
        return Tally(recent_events=events, recent_positives=positives, **dict(zip(FIXED, found, strict=True)))

    @cached_property
    def heads(self) -> dict[tuple[str, int], Doubles]:
        """Events of semantic-id heads by view and depth; see `nightshift.serving.codes`."""
        return with_added(self.night.arrays, self.night.about["codebooks"], self.added)

    @cached_property
    def fresh(self) -> Doubles:
        """(items + 1, 2) added events and positive ones of every item."""
        size, item = len(self.night.items) + 1, self.added.item
        return np.stack(
            [np.bincount(item, minlength=size), np.bincount(item, self.added.label, size)], axis=1
        ).astype(np.float64)

    def borrowed(self, view: str, item: Ints) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
        """Events and positive ones of the neighbours of items (rows,), and whether there are neighbours."""
        known = self.night.arrays[f"view_{view}_near_known"][item]
        near = self._near[view][item] if view in self._near else self._near_of(view, item)
        return near[:, 0], near[:, 1], known

    @cached_property
    def _near(self) -> dict[str, Doubles]:
        """View -> (items + 1, 2) events of the neighbours of all items: the night's, or counted anew where
        the catalogue is small."""
        views = self.night.about["views"]
        if not len(self.added.time):
            return {name: self.night.arrays[f"view_{name}_near"] for name in views}
        return (
            {name: self._near_of(name, slice(None)) for name in views}
            if len(self.night.items) <= SMALL_CATALOGUE
            else {}
        )

    def _near_of(self, view: str, item: Ints | slice) -> Doubles:
        near = self.night.arrays[f"view_{view}_near"][item]
        return np.asarray(
            near + self.fresh[self.night.arrays[f"view_{view}_neighbours"][item]].sum(1)
        )  # -1 is the unknown item: no events

    def _since(self, item: Ints, start: int) -> tuple[Doubles, Doubles]:
        """Events and positive ones of items (rows,) from a moment on."""
        arrays = self.night.arrays
        moments, running, stop = arrays["moments"], arrays["item_running"], arrays["item_start"][item + 1]
        first = arrays["item_keys"].searchsorted(item * (len(moments) + 1) + moments.searchsorted(start))
        events, positives = (stop - first).astype(np.float64), running[stop] - running[first]
        if len(self.added.time):
            recent = self.fresh[item] if start <= self.added.time[0] else self._fresh_since(item, start)
            events, positives = events + recent[:, 0], positives + recent[:, 1]
        return events, positives

    def _fresh_since(self, item: Ints, start: int) -> Doubles:
        line = self.added.by_item
        low, high = line.window(item, np.array([start]))[1], line.window(item, np.array([self.newest + 1]))[1]
        return np.stack([high - low, line.positives(low, high)], axis=1).astype(np.float64)

    def _number_of(self, user_id: str) -> int:
        """A user's number; one that owns no events for a user nobody knows."""
        known = len(self.night.users)
        number = int(self.night.users.of([user_id])[0])
        return number if number < known else self.new_users.get(user_id, known + len(self.new_users))

    def user(self, user_id: str) -> History:
        """A user's events, oldest first; none for a user nobody knows."""
        number, arrays, added = self._number_of(user_id), self.night.arrays, self.added.by_user
        low, high = added.owner.searchsorted([number, number + 1]) if len(added.owner) else (0, 0)
        mine = slice(0, 0)
        if number < len(self.night.users):
            mine = slice(int(arrays["user_start"][number]), int(arrays["user_start"][number + 1]))
        items, times, labels = (
            arrays["user_item"][mine].astype(np.int64),
            arrays["user_time"][mine],
            arrays["user_label"][mine],
        )
        if high == low:
            return items, times, labels
        fresh = slice(low, high)
        sides = (items, added.other[fresh]), (times, added.time[fresh]), (labels, added.label[fresh])
        return np.concatenate(sides[0]), np.concatenate(sides[1]), np.concatenate(sides[2])

    def fit_at(self, moment: int) -> Fit | None:
        """The newest collaborative fit made from events before a point at or before the moment."""
        return next((refit.fitted for refit in reversed(self.refits) if refit.moment <= moment), None)


def _with_added(night: ServedNight, base: Doubles, added: EventLog) -> Doubles:
    """The items' tallies with the added events, all of which are later than the night's."""
    line, newest = added.by_item, night.settings.counts.recent_events
    item, start = np.unique(line.owner, return_index=True)
    stop = np.append(start[1:], len(line.owner))
    mine = dict(zip(FIXED, base[item].T, strict=True))
    fresh = np.minimum(stop - start, newest)
    older = np.minimum(newest - fresh, mine["events"]).astype(np.int64)
    end, running = night.arrays["item_start"][item + 1], night.arrays["item_running"]
    now = {
        "events": mine["events"] + stop - start,
        "positives": mine["positives"] + line.positives(start, stop),
        "newest_events": fresh + older,
        "newest_positives": line.positives(stop - fresh, stop) + running[end] - running[end - older],
        "first": np.where(mine["events"] > 0, mine["first"], line.time[start]),
        "last": line.time[stop - 1],
    }
    whole = base.copy()
    whole[item] = np.stack([now[name] for name in FIXED], axis=1)
    return whole


def user_tally(times: Ints, labels: Floats, moment: int, live: Live) -> dict[str, float]:
    """`Tally` fields of one user's events, oldest first, all before the moment."""
    counts = live.night.settings.counts
    recent = int(times.searchsorted(moment - int(counts.recent_days * DAY)))
    newest = max(len(times) - counts.recent_events, 0)
    found: dict[str, float] = {}
    for head, begin in (("", 0), ("recent_", recent), ("newest_", newest)):
        found |= {
            f"{head}events": len(times) - begin,
            f"{head}positives": float(labels[begin:].sum(dtype=np.float64)),
        }
    return found | {
        "first": float(times[0]) if len(times) else 0.0,
        "last": float(times[-1]) if len(times) else 0.0,
    }


def beside(items: Tally, user: dict[str, float]) -> Tally:
    """The items' tally (rows + 1,) with the user behind them: one pass makes both sides' columns."""
    return Tally(**{name: np.append(values, user[name]) for name, values in vars(items).items()})


def past_of(items: Ints, times: Ints, labels: Floats, moment: int, length: int) -> Past:
    """The newest events of one user as a `Past` of one row, newest first, without padding."""
    newest = slice(None, -length - 1, -1)
    ages = ((moment - times[newest]) / DAY).astype(np.float32)
    return Past(items[None, newest], labels[None, newest], ages[None], np.ones((1, len(ages)), np.bool_))


def refitted(live: Live, earlier: tuple[Refit, ...] = ()) -> Live:
    """The state with the collaborative fit that the training rows of `until` would have. A fit costs
    seconds; `earlier` ones are reused."""
    night, added = live.night, live.added
    own = (Refit(night.about["refit"], 0, night.fitted),) if night.fitted else ()
    moments = refit_moments([night.arrays["time"], added.time], night.settings.collaborative)
    moments = moments[moments <= live.until]
    if not len(moments) or (own and moments[-1] <= own[0].moment):
        return replace(live, refits=own)
    moment, count = int(moments[-1]), int(np.searchsorted(added.time, moments[-1]))
    same = [refit for refit in earlier if (refit.moment, refit.added) == (moment, count)]
    return replace(live, refits=(*own, same[0] if same else Refit(moment, count, _fit_before(live, moment))))


def _fit_before(live: Live, moment: int) -> Fit:
    """A fit of all events before a moment, in the order of the log: time, user, item."""
    arrays, added = live.night.arrays, live.added.before(moment)
    user = np.repeat(np.arange(len(live.night.users)), np.diff(arrays["user_start"])[: len(live.night.users)])
    order = np.argsort(arrays["user_time"], kind="stable")
    order = order[arrays["user_time"][order] < moment]
    sides = (user, added.user), (arrays["user_item"], added.item), (arrays["user_label"], added.label)
    users, items, labels = (np.concatenate([mine[order], later]) for mine, later in sides)
    return fit_of(users, items.astype(np.int64), labels, len(live.night.items), live.night.settings)
