from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.errors import TableError
from nightshift.features.asof import join_features
from nightshift.tables import MOMENT

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def asked(*rows: tuple[str | None, datetime]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"user_id": pl.String, "timestamp": MOMENT}, orient="row")


def night(**values: float) -> pl.DataFrame:
    return pl.DataFrame(
        {"user_id": list(values), "score": list(values.values())},
        schema={"user_id": pl.String, "score": pl.Float32},
    )


NIGHTS = {date(2026, 1, 1): night(ann=1.0, bob=2.0), date(2026, 1, 3): night(ann=3.0)}


def test_a_row_gets_the_newest_night_that_is_open_and_has_its_key() -> None:
    joined = join_features(
        asked(
            ("ann", FIRST + timedelta(days=2)),
            ("bob", FIRST + timedelta(days=5)),
            ("ann", FIRST),
            ("cat", FIRST),
        ),
        NIGHTS,
    )
    assert joined["score"].to_list() == pytest.approx([3.0, 2.0, 1.0, np.nan], nan_ok=True)
    assert joined["as_of"].to_list() == [date(2026, 1, 3), date(2026, 1, 1), date(2026, 1, 1), None]


def test_a_moment_before_a_night_opens_does_not_see_it() -> None:
    joined = join_features(
        asked(
            ("ann", FIRST - timedelta(microseconds=1)), ("ann", FIRST + timedelta(days=2, microseconds=-1))
        ),
        NIGHTS,
    )
    assert joined["as_of"].to_list() == [None, date(2026, 1, 1)]
    assert joined["score"].to_list() == pytest.approx([np.nan, 1.0], nan_ok=True)


def test_repeated_examples_stay_repeated_and_in_order() -> None:
    rows = asked(*[("bob", FIRST), ("ann", FIRST), ("bob", FIRST)])
    joined = join_features(rows, NIGHTS)
    assert joined.select(rows.columns).equals(rows)
    assert joined["score"].to_list() == [2.0, 1.0, 2.0]


def test_a_night_that_has_a_key_twice_is_refused() -> None:
    twice = pl.concat([night(ann=1.0), night(ann=2.0)])
    with pytest.raises(TableError, match=r"2026-01-02 has user_id 'ann' more than once"):
        join_features(asked(("ann", FIRST)), {date(2026, 1, 2): twice})


def test_a_column_that_is_already_there_is_refused() -> None:
    with pytest.raises(TableError, match="already have column 'score'"):
        join_features(asked(("ann", FIRST)).with_columns(score=pl.lit(1.0)), NIGHTS)


def test_no_nights_no_rows_and_null_keys_are_fine() -> None:
    assert join_features(asked(("ann", FIRST)), {})["as_of"].to_list() == [None]
    assert join_features(asked(), NIGHTS).columns == ["user_id", "timestamp", "score", "as_of"]
    assert join_features(asked((None, FIRST)), NIGHTS)["score"].is_nan().all()


def test_a_column_that_a_later_night_lacks_is_missing_from_then_on() -> None:
    nights = NIGHTS | {date(2026, 1, 4): pl.DataFrame({"user_id": ["ann"], "other": [1.0]})}
    joined = join_features(
        asked(("ann", FIRST + timedelta(days=4)), ("bob", FIRST + timedelta(days=4))), nights
    )
    assert joined["score"].to_list() == pytest.approx([np.nan, 2.0], nan_ok=True)


@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.integers(-30, 200)), max_size=40),
    known=st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 6)), max_size=6),
)
@settings(deadline=None, max_examples=100)
def test_the_join_is_that_of_polars_join_asof(
    rows: list[tuple[int, int]], known: dict[int, set[int]]
) -> None:
    examples = asked(*[(f"u{user}", FIRST + timedelta(hours=hour)) for user, hour in rows])
    nights = {
        (FIRST + timedelta(days=day)).date(): night(
            **{f"u{user}": float(10 * day + user) for user in sorted(users)}
        )
        for day, users in known.items()
    }
    schema = {"user_id": pl.String, "score": pl.Float32, "opened": MOMENT}
    stacked = [
        frame.with_columns(opened=pl.lit(day).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        for day, frame in nights.items()
    ]
    right = pl.concat(stacked).select(list(schema)) if stacked else pl.DataFrame(schema=schema)
    left = examples.with_row_index().sort("timestamp")
    expected = left.join_asof(
        right.sort("opened"), left_on="timestamp", right_on="opened", by="user_id", check_sortedness=False
    ).sort("index")
    found = join_features(examples, nights)
    if stacked:
        assert found["score"].fill_nan(None).to_list() == expected["score"].to_list()
    assert found["as_of"].to_list() == expected["opened"].dt.date().to_list()
