"""How fast a history ages, chosen from the events: planted worlds in which it does, and does not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from nightshift.features.candidates.asked import asked_at
from nightshift.features.candidates.fits import Learnt
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.history import EventLog

ITEMS, LENGTH, DAY_ONE = 60, 8, datetime(2024, 1, 1, tzinfo=UTC)


def log_of(histories: np.ndarray) -> EventLog:
    """Users who liked (users, LENGTH) items, one a day."""
    users, length = histories.shape
    events = pl.DataFrame(
        {
            "user_id": [f"u{user:04}" for user in range(users) for _ in range(length)],
            "item_id": [f"i{item:03}" for item in histories.ravel()],
            "timestamp": [DAY_ONE + timedelta(days=day) for _ in range(users) for day in range(length)],
            "label": 1.0,
            "request_id": pl.Series([None] * histories.size, dtype=pl.String),
        }
    )
    return EventLog.of(events, pl.Series([f"i{item:03}" for item in range(ITEMS)]))


def walks(users: int) -> np.ndarray:
    """Everybody goes on to the next item, and now and then starts again elsewhere: only the newest counts."""
    random = np.random.default_rng(1)
    step = np.where(random.random((users, LENGTH)) < 0.3, random.integers(0, ITEMS, (users, LENGTH)), 1)
    return np.cumsum(step, axis=1) % ITEMS


def tastes(users: int) -> np.ndarray:
    """Everybody stays with one of six kinds of items, in any order: each event says the same."""
    random = np.random.default_rng(2)
    kinds = random.integers(0, 6, users)
    return np.stack([random.permutation(ITEMS // 6)[:LENGTH] + kind * (ITEMS // 6) for kind in kinds])


def half_life(log: EventLog, **settings: object) -> float | None:
    return Learnt(log, CandidateSettings.model_validate({"shrinkage": 1.0, **settings})).half_life


def test_where_only_the_newest_item_counts_a_short_half_life_is_chosen() -> None:
    chosen = half_life(log_of(walks(600)))
    assert chosen is not None
    assert chosen <= 2.0


def test_where_all_items_say_the_same_they_weigh_the_same() -> None:
    assert half_life(log_of(tastes(600))) is None


def test_under_a_hundred_users_nothing_is_chosen_and_a_setting_decides_alone() -> None:
    assert half_life(log_of(walks(99))) is None
    assert half_life(log_of(walks(600)), recency=None) is None
    assert half_life(log_of(tastes(600)), recency=3.5) == 3.5


def test_the_choice_does_not_depend_on_who_comes_later() -> None:
    everybody = log_of(walks(600))
    cut = int((DAY_ONE + timedelta(days=LENGTH - 2)).timestamp() * 1_000_000)
    early = everybody.before(cut)
    users = pl.concat([pl.Series(["a new user"]), everybody.users]).sort()
    moved = EventLog(users, early.items, early.user + 1, early.item, early.time, early.label)
    assert half_life(early) == half_life(moved) is not None


@pytest.mark.parametrize(("recency", "weights"), [(None, [1, 1, 1]), (1.0, [0.25, 0.5, 1])])
def test_the_history_is_weighed_by_age(recency: float | None, weights: list[float]) -> None:
    log = log_of(np.array([[5, 9, 2]]))
    asked = asked_at(log, log.users, np.array([np.iinfo(np.int64).max]))
    assert asked.history(recency).toarray()[0, [5, 9, 2]].tolist() == weights
