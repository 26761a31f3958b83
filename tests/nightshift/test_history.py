from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.features.history import EventLog, encode, history_before, midnight, without_duplicates
from nightshift.tables import INTERACTIONS

START = datetime(2024, 1, 1, tzinfo=UTC)


def events(rows: list[tuple[str, str, float, float]]) -> pl.DataFrame:
    """(user, item, hours after START, label)"""
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "hours", "label"], orient="row")
    moments = [START + timedelta(hours=hours) for hours in frame["hours"]]
    nothing = pl.lit(None, pl.String)
    return INTERACTIONS.conform(
        frame.drop("hours").with_columns(pl.Series("timestamp", moments), kind=nothing, request_id=nothing)
    )


def random_events(size: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    rows = zip(
        [f"u{n}" for n in random.integers(0, 12, size)],
        [f"i{n}" for n in random.integers(0, 30, size)],
        random.integers(0, 60, size).astype(float),  # many ties
        random.integers(0, 2, size).astype(float),
        strict=True,
    )
    return events(list(rows))


def test_the_past_is_what_a_loop_over_rows_finds() -> None:
    frame = without_duplicates(random_events(600))
    items = frame["item_id"].unique().sort()
    log = EventLog.of(frame, items)
    past = log.past(log.user, log.time, 7)
    for row in range(0, len(log.user), 11):
        mine = [
            k for k in range(len(log.user)) if log.user[k] == log.user[row] and log.time[k] < log.time[row]
        ]
        newest = sorted(mine, key=lambda k: (log.time[k], log.item[k]), reverse=True)[:7]
        assert past.valid[row].sum() == len(newest)
        assert past.items[row][past.valid[row]].tolist() == [log.item[k] for k in newest]
        assert past.labels[row][past.valid[row]].tolist() == [log.label[k] for k in newest]


def test_events_of_the_very_same_moment_are_not_past() -> None:
    frame = events([("u", "a", 1, 1.0), ("u", "b", 1, 1.0), ("u", "c", 0, 0.0)])
    log = EventLog.of(frame, pl.Series(["a", "b", "c"]))
    past = log.past(log.user, log.time, 5)
    assert past.valid.sum(1).tolist() == [0, 1, 1]


def test_an_unknown_user_has_no_past() -> None:
    log = EventLog.of(events([("u", "a", 1, 1.0)]), pl.Series(["a"]))
    user = encode(pl.Series(["nobody", "u"]), log.users)
    assert log.past(user, np.full(2, log.time[0] + 1), 5).valid.sum(1).tolist() == [0, 1]


def test_a_log_without_events_has_no_past() -> None:
    log = EventLog.of(INTERACTIONS.empty(), pl.Series(["a"]))
    assert not log.past(encode(pl.Series(["u"]), log.users), np.array([5]), 3).valid.any()


def test_the_highest_label_of_a_repeated_event_stays() -> None:
    frame = events([("u", "a", 1, 0.0), ("u", "a", 1, 1.0), ("u", "a", 2, 0.0)])
    assert without_duplicates(frame)["label"].to_list() == [1.0, 0.0]


def test_an_event_on_an_unknown_item_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match="'b'"):
        EventLog.of(events([("u", "b", 1, 1.0)]), pl.Series(["a"]))


def test_counts_and_clicks_of_a_window_are_those_before_the_moment() -> None:
    frame = without_duplicates(random_events(400, seed=3))
    log = EventLog.of(frame, frame["item_id"].unique().sort())
    start, stop = log.by_item.window(log.item, log.time)
    for row in range(0, len(log.item), 17):
        before = (log.item == log.item[row]) & (log.time < log.time[row])
        assert stop[row] - start[row] == before.sum()
        assert log.by_item.positives(start, stop)[row] == log.label[before].sum()


def test_a_night_sees_whole_histories_but_keeps_the_newest() -> None:
    frame = events([("u", f"i{hour}", hour, hour % 2) for hour in range(30)] + [("v", "i0", 30, 1.0)])
    night = history_before(frame, date(2024, 1, 2), max_length=3)
    assert night["user_id"].to_list() == ["u"]
    assert night["history_length"].item() == 24
    assert night["item_ids"].item().to_list() == ["i23", "i22", "i21"]
    assert night["labels"].item().to_list() == [1.0, 0.0, 1.0]
    assert night["last_event_at"].item() == START + timedelta(hours=23)


def test_midnight_itself_belongs_to_the_day_not_to_the_night() -> None:
    frame = events([("u", "a", 24, 1.0)])
    assert history_before(frame, date(2024, 1, 2)).height == 0
    log = EventLog.of(frame, pl.Series(["a"]))
    assert len(log.before(midnight(date(2024, 1, 2))).time) == 0


@pytest.mark.slow
def test_a_million_events_are_answered_in_seconds() -> None:
    random = np.random.default_rng(0)
    size = 1_000_000
    user, item = random.integers(0, 50_000, size), random.integers(0, 4000, size)
    time = np.sort(random.integers(0, 10**13, size))
    log = EventLog(
        pl.Series(range(50_000)), pl.Series(range(4000)), user, item, time, (item % 2).astype(np.float32)
    )
    start, stop = log.by_user.window(user, time)
    assert (stop - start).max() > 10
