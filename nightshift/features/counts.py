"""Clicks and events of a user or an item strictly before a moment: the features a text must first beat.

Rates are blended with the overall click rate before the same moment (a beta prior), so that one lucky click is not a
hundred percent and nothing is read from the future.
"""

import numpy as np
from numpy.typing import NDArray

from nightshift.features.rows import Columns, Rows, float32, prefixed
from nightshift.features.settings import CountSettings
from nightshift.history import DAY, EventLog, Ints, Timeline

Doubles = NDArray[np.float64]


def overall_rate(log: EventLog, moment: Ints) -> Doubles:
    """Click rate (rows,) over all events strictly before each moment, starting from one half."""
    running = np.concatenate([[0.0], np.cumsum(log.label, dtype=np.float64)])
    events = np.searchsorted(log.time, moment)
    return np.asarray((running[events] + 1.0) / (events + 2.0))


def smoothed(positives: Doubles, events: Ints, prior: Doubles, strength: float) -> Doubles:
    """(positives + strength * prior) / (events + strength)."""
    return np.asarray((positives + strength * prior) / (events + strength))


def _days_since(line: Timeline, index: Ints, moment: Ints, known: NDArray[np.bool_]) -> Doubles:
    if not len(line.time):
        return np.full(len(moment), np.nan)
    days = (moment - line.time[np.where(known, index, 0)]) / DAY
    return np.where(known, days, np.nan)


def side_columns(line: Timeline, owner: Ints, moment: Ints, prior: Doubles, settings: CountSettings) -> Columns:
    """Counts, smoothed rates, days since the last and the first event of one side, all strictly before each moment."""
    start, stop = line.window(owner, moment)
    recent = line.window(owner, moment - int(settings.recent_days * DAY))[1]
    newest = np.maximum(start, stop - settings.recent_events)
    events = stop - start
    return float32(
        {
            "events": events,
            "rate": smoothed(line.positives(start, stop), events, prior, settings.smoothing),
            "recent_events": stop - recent,
            "recent_rate": smoothed(line.positives(recent, stop), stop - recent, prior, settings.smoothing),
            "newest_rate": smoothed(line.positives(newest, stop), stop - newest, prior, 2.0),
            "recency_days": _days_since(line, stop - 1, moment, events > 0),
            "age_days": _days_since(line, start, moment, events > 0),
        }
    )


def count_columns(log: EventLog, rows: Rows, settings: CountSettings) -> Columns:
    """`user_*`, `item_*` and the size of the list for real lists (NaN elsewhere).

    The place within a list is not used: sources seldom keep the order of display, and some write the click first.
    """
    prior = overall_rate(log, rows.moment)
    return {
        **prefixed("user_", side_columns(log.by_user, rows.user, rows.moment, prior, settings)),
        **prefixed("item_", side_columns(log.by_item, rows.item, rows.moment, prior, settings)),
        "list_size": rows.list_size,
    }
