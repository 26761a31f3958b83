"""Clicks and events of a user or an item strictly before a moment: the features a text must first beat.

Rates are blended with the overall click rate before the same moment (a beta prior), so that one lucky
click is not a hundred percent and nothing is read from the future.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightshift.features.history import DAY, EventLog, Ints, Timeline
from nightshift.features.rows import Columns, Doubles, Rows, float32, prefixed
from nightshift.features.settings import CountSettings


def overall_rate(log: EventLog, moment: Ints) -> Doubles:
    """Click rate (rows,) over all events strictly before each moment, starting from one half."""
    running = np.concatenate([[0.0], np.cumsum(log.label, dtype=np.float64)])
    events = np.searchsorted(log.time, moment)
    return np.asarray((running[events] + 1.0) / (events + 2.0))


def smoothed(positives: Doubles, events: Ints | Doubles, prior: Doubles, strength: float) -> Doubles:
    """(positives + strength * prior) / (events + strength)."""
    return np.asarray((positives + strength * prior) / (events + strength))


@dataclass(frozen=True)
class Tally:
    """What one side had seen strictly before each moment (rows,): all events, the recent ones, the newest
    few."""

    events: Ints | Doubles
    positives: Doubles
    recent_events: Ints | Doubles
    recent_positives: Doubles
    newest_events: Ints | Doubles
    newest_positives: Doubles
    first: Ints
    """Moment of the first event; anything where there is none."""
    last: Ints
    """Moment of the newest event; anything where there is none."""


def tally(line: Timeline, owner: Ints, moment: Ints, settings: CountSettings) -> Tally:
    """Count a timeline for each owner and moment (rows,)."""
    start, stop = line.window(owner, moment)
    recent = line.window(owner, moment - int(settings.recent_days * DAY))[1]
    newest = np.maximum(start, stop - settings.recent_events)
    counts = [(stop - each, line.positives(each, stop)) for each in (start, recent, newest)]
    edges = [_moment_of(line, index, stop > start) for index in (start, stop - 1)]
    return Tally(*counts[0], *counts[1], *counts[2], *edges)


def _moment_of(line: Timeline, index: Ints, known: NDArray[np.bool_]) -> Ints:
    return line.time[np.where(known, index, 0)] if len(line.time) else np.zeros(len(index), np.int64)


def tally_columns(seen: Tally, moment: Ints, prior: Doubles, settings: CountSettings) -> Columns:
    """Counts, smoothed rates, days since the last and the first event (rows,); NaN days where there is no
    event."""
    some = seen.events > 0
    return float32(
        {
            "events": seen.events,
            "rate": smoothed(seen.positives, seen.events, prior, settings.smoothing),
            "recent_events": seen.recent_events,
            "recent_rate": smoothed(seen.recent_positives, seen.recent_events, prior, settings.smoothing),
            "newest_rate": smoothed(seen.newest_positives, seen.newest_events, prior, 2.0),
            "recency_days": np.where(some, (moment - seen.last) / DAY, np.nan),
            "age_days": np.where(some, (moment - seen.first) / DAY, np.nan),
        }
    )


def side_columns(
    line: Timeline, owner: Ints, moment: Ints, prior: Doubles, settings: CountSettings
) -> Columns:
    """Counts, smoothed rates, days since the last and the first event of one side, all strictly before
    each moment."""
    return tally_columns(tally(line, owner, moment, settings), moment, prior, settings)


def count_columns(log: EventLog, rows: Rows, settings: CountSettings) -> Columns:
    """`user_*`, `item_*` and the size of the list for real lists (NaN elsewhere).

    The place within a list is not used: sources seldom keep the order of display, and some write the click
    first.
    """
    prior = overall_rate(log, rows.moment)
    return {
        **prefixed("user_", side_columns(log.by_user, rows.user, rows.moment, prior, settings)),
        **prefixed("item_", side_columns(log.by_item, rows.item, rows.moment, prior, settings)),
        "list_size": rows.list_size,
    }
