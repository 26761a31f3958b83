import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.sources import (
    EventsRead,
    InteractionsSource,
    ItemsSource,
    SourcesSettings,
    describe,
    read_interactions,
    read_items,
    source_digest,
)
from nightshift.tables import INTERACTIONS, REJECTS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = datetime(2024, 1, 2, tzinfo=UTC)
CATALOGUE = pl.DataFrame({"item_id": ["a", "b"]})


def source(**mapping: object) -> InteractionsSource:
    return InteractionsSource.model_validate(
        {"path": "events.csv", "user_id": "u", "item_id": "i", "timestamp": "t"} | mapping
    )


def read(
    folder: Path, content: bytes | pl.DataFrame, before: datetime | None = None, **mapping: object
) -> EventsRead:
    wanted = source(**({} if isinstance(content, bytes) else {"path": "events.parquet"}) | mapping)
    if isinstance(content, bytes):
        (folder / wanted.path).write_bytes(content)
    else:
        content.write_parquet(folder / wanted.path)
    return read_interactions(wanted, folder, CATALOGUE, before=before, now=NOW)


def events(times: pl.Series | list[object], **more: object) -> pl.DataFrame:
    return pl.DataFrame({"u": ["x"] * len(times), "i": ["a"] * len(times), "t": times} | more)


def test_implicit_feedback_is_positive_and_sorted(tmp_path: Path) -> None:
    frame = read(tmp_path, b"u,i,t\ny,a,2024-01-03\nx,b,2024-01-02\nx,a,2024-01-02\n").frame
    assert frame.schema == INTERACTIONS.schema
    assert frame.select("user_id", "item_id", "label").rows() == [
        ("x", "a", 1.0),
        ("x", "b", 1.0),
        ("y", "a", 1.0),
    ]


def test_explicit_feedback_is_cut_at_positive_from(tmp_path: Path) -> None:
    content = (
        b'{"u": 1, "i": "a", "t": "2024-01-02", "r": 4}\n{"u": 1, "i": "b", "t": "2024-01-02", "r": 3.5}\n'
    )
    found = read(tmp_path, content, path="events.jsonl", feedback="explicit", label="r", positive_from=4)
    assert found.frame["label"].to_list() == [1.0, 0.0]


@pytest.mark.parametrize("labels", [[1, 0], [True, False], [1.0, 0.0], ["true", "False"], ["1", "0"]])
def test_impressions_keep_their_list_and_read_every_kind_of_click(
    tmp_path: Path, labels: list[object]
) -> None:
    frame = pl.DataFrame(
        {"u": [1, 1], "i": ["a", "b"], "t": [DAY, DAY], "c": labels, "g": [7, 7], "k": ["home", None]}
    )
    found = read(tmp_path, frame, feedback="impressions", label="c", group="g", kind="k").frame
    assert found.select("label", "request_id", "kind").rows() == [(1.0, "7", "home"), (0.0, "7", None)]


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        (pl.Series([1704153600], dtype=pl.Int32), "s"),
        (pl.Series([1704153600.0]), "s"),
        (pl.Series([1704153600000]), "ms"),
        (pl.Series([1704153600000000]), "us"),
        (pl.Series([1704153600000000000]), "ns"),
        (pl.Series([1704153600000000000.0]), "ns"),
        (pl.Series(["1704153600"]), "s"),
        (pl.Series(["1704153600000000000"]), "ns"),
        (pl.Series([DAY.replace(tzinfo=None)], dtype=pl.Datetime("ns")), None),
        (pl.Series([DAY.date()]), None),
        (pl.Series([DAY]).dt.convert_time_zone("Asia/Tokyo"), None),
        (pl.Series(["2024-01-02"]), None),
        (pl.Series(["2024-01-02 00:00"]), None),
        (pl.Series(["2024-01-02T00:00:00.000Z"]), None),
        (pl.Series(["2024-01-02T01:00:00+01:00"]), None),
        (pl.Series(["2024-01-01 19:00:00-05"]), None),
    ],
)
def test_a_moment_is_the_same_in_every_spelling(tmp_path: Path, times: pl.Series, unit: str | None) -> None:
    assert read(tmp_path, events(times), timestamp_unit=unit).frame["timestamp"].to_list() == [DAY]


def test_an_integer_timestamp_without_a_unit_asks_for_one(tmp_path: Path) -> None:
    words = (
        r"column 't' of events.parquet is Int64; set sources.interactions.timestamp_unit to s, ms, us or ns"
    )
    with pytest.raises(SourceError, match=words):
        read(tmp_path, events([17]))


def test_numbers_in_a_csv_without_a_unit_ask_for_one(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"first in events.csv row 1, column 't' holds '1704153600'.* numbers need timestamp_unit",
    ):
        read(tmp_path, b"u,i,t\nx,a,1704153600\n")


def test_a_unit_for_a_datetime_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is Datetime.*; remove sources.interactions.timestamp_unit"):
        read(tmp_path, events([DAY]), timestamp_unit="s")


def test_a_truth_value_is_no_timestamp(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"column 't' of events.parquet is Boolean; it should be a datetime"
    ):
        read(tmp_path, events([True]))


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (
            1704153600000,
            "s",
            r"puts 1704153600000 in year 5\d{4}; ms would put it in 2024: set "
            r"sources.interactions.timestamp_unit to ms",
        ),
        (1704153600000000, "ms", r"us would put it in 2024"),
        (1704153600, "ms", r"in year 1970; s would put it in 2024"),
        (1704153600000, "us", r"in year 1970; ms would put it in 2024"),
        (
            1704153600000000000,
            "us",
            r"ns would put it in 2024: set sources.interactions.timestamp_unit to ns",
        ),
    ],
)
def test_a_wrong_unit_names_the_one_that_fits(tmp_path: Path, value: int, unit: str, words: str) -> None:
    with pytest.raises(
        SourceError,
        match=rf"column 't' of events.parquet: sources.interactions.timestamp_unit {unit} {'.*' + words}",
    ):
        read(tmp_path, events([value]), timestamp_unit=unit)


def test_only_the_positive_kinds_are_events_and_the_others_are_counted(tmp_path: Path) -> None:
    kinds = ["view", "cart", None, "purchase"]
    times = [DAY, DAY + timedelta(days=1), DAY, DAY + timedelta(days=2)]
    found = read(tmp_path, events(times, k=kinds), kind="k", positive_kinds=["cart", "purchase"])
    assert found.frame.select("kind", "label").rows() == [("cart", 1.0), ("purchase", 1.0)]
    assert (found.rows, found.other_kinds) == (2, 2)


def test_positive_kinds_that_no_event_has_name_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"positive_kinds \['buy'\]; column 'k' holds \['view', 'cart'\]; name some of these",
    ):
        read(tmp_path, events([DAY, DAY], k=["view", "cart"]), kind="k", positive_kinds=["buy"])


def test_positive_kinds_need_their_column(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set kind beside it"):
        source(positive_kinds=["buy"])


def test_small_numbers_that_fit_no_unit_are_taken_as_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, events([3, 1, 2]), timestamp_unit="s").frame["timestamp"].dt.epoch(
        "s"
    ).to_list() == [1, 2, 3]


def test_a_bad_row_has_a_reason_a_place_and_its_value(tmp_path: Path) -> None:
    rows = [
        b"x,a,1704153600,5",
        b",a,1704153600,5",
        b"x,,1704153600,5",
        b"x,a,soon,5",
        b"x,a,99999999999,5",
        b"x,a,1704153601,good",
        b"x,zz,1704153600,5",
    ]
    found = read(
        tmp_path, b"\n".join([b"u,i,t,r", *rows]), timestamp_unit="s", feedback="explicit", label="r", positive_from=4, max_rejected_share=1
    )  # fmt: skip
    assert found.rejects.schema == REJECTS.schema
    assert found.rejects.select("key", "reason", "answer").rows() == [
        ("events.csv row 2", "user_id is missing", None),
        ("events.csv row 3", "item_id is missing", None),
        ("events.csv row 4", "timestamp is missing or unreadable", "soon"),
        (
            "events.csv row 5",
            "timestamp is later than the wall clock: check timestamp_unit and time zone",
            "99999999999",
        ),
        ("events.csv row 6", "label is missing or unreadable", "good"),
        ("events.csv row 7", "item is not in the catalogue", "zz"),
    ]
    assert (found.rows, found.frame.height) == (7, 1)
    assert (found.null_ids, found.bad_timestamps, found.future, found.bad_labels, found.unknown_items) == (
        2,
        1,
        1,
        1,
        1,
    )


def test_every_row_is_accepted_or_counted_once(tmp_path: Path) -> None:
    content = (
        b"u,i,t\nx,a,2024-01-01\nx,a,2024-01-01\n,a,2024-01-01\nx,q,2024-01-01\nx,b,2025-01-01\nx,q,"
        b"2025-01-01\nx,b,2030-01-01\n"
    )
    found = read(tmp_path, content, before=datetime(2024, 6, 1, tzinfo=UTC), max_rejected_share=1)
    assert found.rows == found.frame.height + found.duplicates + found.later + sum(found.dropped.values())
    assert (found.duplicates, found.later, found.unknown_items, found.future) == (1, 2, 1, 1)


def test_events_at_the_night_itself_are_left_for_later(tmp_path: Path) -> None:
    found = read(
        tmp_path, events([DAY - timedelta(microseconds=1), DAY, DAY + timedelta(days=1)]), before=DAY
    )
    assert found.frame["timestamp"].to_list() == [DAY - timedelta(microseconds=1)]
    assert (found.later, found.rejects.height) == (2, 0)


def test_the_night_may_be_given_in_another_zone(tmp_path: Path) -> None:
    tokyo = DAY.astimezone(timezone(timedelta(hours=9)))
    assert read(tmp_path, events([DAY - timedelta(hours=1), DAY]), before=tokyo).frame.height == 1


def test_a_future_event_alone_does_not_stop_the_night_but_many_do(tmp_path: Path) -> None:
    times: list[object] = [DAY + timedelta(minutes=minute) for minute in range(99)]
    assert read(tmp_path, events([*times, NOW + timedelta(seconds=1)])).future == 1
    with pytest.raises(
        SourceError,
        match=r"50 of 149 rows .*later than the wall clock.*events.parquet row 100.*Check timestamp_unit "
        r"and the time zone",
    ):
        read(tmp_path, events([*times, *[NOW + timedelta(days=1)] * 50]))


def test_of_equal_events_the_first_in_the_file_is_kept(tmp_path: Path) -> None:
    frame = events([DAY, DAY], r=[5, 1])
    found = read(tmp_path, frame, feedback="explicit", label="r", positive_from=4)
    assert (found.frame["label"].to_list(), found.duplicates) == ([1.0], 1)


def test_unknown_items_may_stop_the_night(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"not in the catalogue: 1. events.csv row 2 has item 'zz', .* \['a', 'b'\]. Set unknown_item "
        r"to drop",
    ):
        read(tmp_path, b"u,i,t\nx,a,2024-01-01\nx,zz,2024-01-01\n", unknown_item="refuse")


def test_ids_that_never_match_stop_the_night(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"no event's item is in the catalogue: events.csv row 1 has item 'A'"
    ):
        read(tmp_path, b"u,i,t\nx,A,2024-01-01\n")


def test_an_early_night_with_unknown_items_only_is_empty_and_no_error(tmp_path: Path) -> None:
    found = read(tmp_path, b"u,i,t\nx,zz,2024-01-01\nx,a,2024-02-01\n", before=DAY)
    assert (found.frame.height, found.unknown_items, found.later) == (0, 1, 1)


def test_empty_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"events.csv has no rows"):
        read(tmp_path, b"u,i,t\n")


def test_a_csv_that_is_not_separated_by_commas_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"events.csv has one column, 'u;i;t': its values are separated by semicolons. Save it as "
        r"Parquet",
    ):
        read(tmp_path, b"u;i;t\nx;a;2024-01-01\n")


def test_a_missing_column_names_the_file_and_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"events.csv has no column 't', which sources.interactions.timestamp names; did you mean "
        r"'ts'\?",
    ):
        read(tmp_path, b"u,i,ts\nx,a,2024-01-01\n")


def test_the_file_of_a_glob_that_differs_is_named(tmp_path: Path) -> None:
    events([DAY]).write_parquet(tmp_path / "1.parquet")
    events([17]).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(SourceError, match=r"column 't' of 2.parquet is Int64"):
        read_interactions(source(path="*.parquet"), tmp_path, CATALOGUE, before=None, now=NOW)


def test_files_of_different_types_are_read_together(tmp_path: Path) -> None:
    pl.DataFrame({"u": [1], "i": ["a"], "t": [DAY]}).write_parquet(tmp_path / "1.parquet")
    (tmp_path / "2.csv").write_bytes(b"u,i,t\n1,b,2024-01-03\n")
    assert read_interactions(source(path="*"), tmp_path, CATALOGUE, before=None, now=NOW).frame[
        "user_id"
    ].to_list() == ["1", "1"]


@pytest.mark.parametrize(
    ("feedback", "words"), [("explicit", "needs numbers"), ("impressions", "needs 0/1 or true/false")]
)
def test_a_label_of_the_wrong_type_is_refused(tmp_path: Path, feedback: str, words: str) -> None:
    positive = {"positive_from": 1} if feedback == "explicit" else {"group": "u"}
    with pytest.raises(
        SourceError, match=rf"column 'r' of events.parquet is List\(Int64\); feedback {feedback} {words}"
    ):
        read(tmp_path, events([DAY], r=[[1]]), feedback=feedback, label="r", **positive)


def test_labels_that_cannot_be_read_stop_with_the_first_value(tmp_path: Path) -> None:
    content = b"u,i,t,r\nx,a,2024-01-01,5\nx,b,2024-01-01," + b"g" * 5000 + b"\n"
    with pytest.raises(
        SourceError, match=r"1 of 2 rows .* label is .*events.csv row 2, column 'r' holds 'ggg"
    ) as caught:
        read(tmp_path, content, feedback="explicit", label="r", positive_from=4)
    assert len(str(caught.value)) < 500


def test_listed_rejects_are_bounded_and_counts_are_complete(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["x"] * 3000, "i": ["zz"] * 2999 + ["a"], "t": [DAY] * 3000})
    found = read(tmp_path, frame)
    assert (found.unknown_items, found.rejects.height) == (2999, 1000)


def test_a_million_events_are_read_in_seconds(tmp_path: Path) -> None:
    rows = 1_000_000
    numbers = pl.int_range(rows, eager=True)
    frame = pl.DataFrame(
        {"u": numbers % 50_000, "i": numbers % 2, "t": 1_600_000_000 + (numbers * 7919) % 10_000_000}
    )
    frame.with_columns(pl.col("i").replace_strict({0: "a", 1: "b"})).write_parquet(tmp_path / "e.parquet")
    started = datetime.now(UTC)
    found = read_interactions(
        source(path="e.parquet", timestamp_unit="s"), tmp_path, CATALOGUE, before=None, now=NOW
    )
    assert found.frame.height == rows
    assert (datetime.now(UTC) - started).total_seconds() < 20  # 0.2 s alone on two cores


def test_the_description_says_what_was_understood(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_bytes(b"id,about,tags\na,Some text here,x|y\nb,,\n")
    mapping = SourcesSettings(
        items=ItemsSource(path="items.csv", item_id="id", text="about", attributes="tags", max_text_chars=9),
        interactions=source(),
    )
    items = read_items(mapping.items, tmp_path)
    (tmp_path / "events.csv").write_bytes(b"u,i,t\nx,a,2024-01-01\ny,a,2024-01-03\nx,q,2024-01-01\n")
    found = describe(
        mapping, items, read_interactions(mapping.interactions, tmp_path, items.frame, before=None, now=NOW)
    )
    assert (found.items, found.items_with_events, found.events, found.users, found.positives) == (
        2,
        1,
        2,
        2,
        1.0,
    )
    assert (found.first, found.last) == (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC))
    assert (found.text_chars["max"], found.capped_texts, found.untitled, found.items_without_text) == (
        9,
        1,
        2,
        1,
    )
    assert found.dropped == {"interactions: item is not in the catalogue": 1}
    lines = "\n".join(found.lines())
    assert "events: 2 (implicit feedback) by 2 users, from 2024-01-01 00:00 to 2024-01-03 00:00 UTC" in lines
    assert "dropped: 1 rows of interactions: item is not in the catalogue" in lines


def test_the_digest_changes_with_files_and_mapping_only(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"u,i,t\nx,a,2024-01-01\n")
    first = source_digest(source(), tmp_path)
    assert source_digest(source(), tmp_path) == first
    assert source_digest(source(kind="u"), tmp_path) != first
    os.utime(path, ns=(1, 1))
    assert source_digest(source(), tmp_path) != first


def test_an_order_without_times_is_laid_back_from_a_last_day_that_all_users_share(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"u": ["x", "x", "x", "y", "y"], "i": ["a", "b", "a", "b", "a"], "t": [0, 1, 5, 7, 3]}
    )
    found = read(tmp_path, frame, timestamp_unit="order").frame
    days = found.select("user_id", "item_id", pl.col("timestamp").dt.date().cast(pl.String)).rows()
    assert days == [
        ("x", "a", "2000-12-29"), ("x", "b", "2000-12-30"), ("y", "a", "2000-12-30"), ("x", "a", "2000-12-31"), ("y", "b", "2000-12-31"),
    ]  # fmt: skip


def test_rows_that_are_dropped_have_no_place_in_the_order(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"u": ["x", "x", None, "x"], "i": ["a", "b", "a", "unknown"], "t": ["1", "2", "3", "9"]}
    )
    found = read(tmp_path, frame, timestamp_unit="order", max_rejected_share=0.5)
    assert found.frame["timestamp"].max() == datetime(2000, 12, 31, 12, tzinfo=UTC)
    assert found.unknown_items == found.null_ids == 1


def test_a_night_on_the_last_day_knows_all_but_the_last_of_each_order(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"u": ["x", "x", "y", "y", "y"], "i": ["a", "b", "a", "b", "a"], "t": [1, 2, 1, 2, 3]}
    )
    found = read(tmp_path, frame, before=datetime(2000, 12, 31, tzinfo=UTC), timestamp_unit="order")
    assert found.frame.group_by("user_id").len().sort("user_id").rows() == [("x", 1), ("y", 2)]
    assert found.later == 2


def test_an_order_of_dates_is_refused_and_one_that_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"remove sources\.interactions\.timestamp_unit"):
        read(tmp_path, events([DAY]), timestamp_unit="order")
    found = read(tmp_path, events(["1", "first"]), timestamp_unit="order", max_rejected_share=0.6)
    assert found.bad_timestamps == 1
