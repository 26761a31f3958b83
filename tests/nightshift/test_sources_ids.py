"""Ids of every type that whole numbers and texts are stored as."""

import uuid
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.errors import SourceError
from nightshift.sources import ItemsSource, UsersSource, read_items, read_users
from tests.written_sources import findings, mapping, one, read, write

SOURCE = ItemsSource(path="items.parquet", item_id="sku")
UUIDS = [uuid.UUID(int=1 << 127), uuid.UUID(int=5)]


def ids(folder: Path, column: pa.Array) -> list[str]:
    pq.write_table(pa.table({"sku": column}), folder / "items.parquet")
    return read_items(SOURCE, folder).frame["item_id"].to_list()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([Decimal(1), Decimal(2)], pa.decimal128(38, 0)), ["1", "2"]),
        (pa.array([Decimal(1), Decimal(10**30)], pa.decimal128(38, 0)), ["1", str(10**30)]),
        (pa.array([Decimal("100.00"), Decimal("2.50")], pa.decimal128(10, 2)), ["100", "2.50"]),
        (pa.array([1.0, 2.0], pa.float64()), ["1", "2"]),
        (pa.array([2**63], pa.uint64()), [str(2**63)]),
        (pa.array([u.bytes for u in UUIDS], pa.binary(16)), [u.hex for u in UUIDS]),
        (pa.array([UUIDS[1].bytes], pa.uuid()), [UUIDS[1].hex]),
        (pa.array([b"\xff\x00\x01"], pa.binary()), ["ff0001"]),
        (pa.array([b" B-7 ", "é".encode()], pa.binary()), ["B-7", "é"]),
        (pa.array(["b", "a"], pa.dictionary(pa.int32(), pa.string())), ["b", "a"]),
    ],
)
def test_an_id_is_text_whatever_it_is_stored_as(
    tmp_path: Path, column: pa.Array, expected: list[str]
) -> None:
    assert ids(tmp_path, column) == expected


def test_bytes_without_a_value_are_no_id(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"sku": pa.array([UUIDS[0].bytes, None], pa.binary(16))}), tmp_path / "items.parquet"
    )
    assert read_items(SOURCE.model_copy(update={"max_rejected_share": 1.0}), tmp_path).dropped == {
        "item_id is missing": 1
    }


@pytest.mark.parametrize("column", [pa.array([True]), pa.array([[1]]), pa.array([{"a": 1}])])
def test_what_is_no_id_names_the_column(tmp_path: Path, column: pa.Array) -> None:
    with pytest.raises(
        SourceError, match=r"column 'sku' of items.parquet is .*an id should be text or a whole number"
    ):
        ids(tmp_path, column)


def test_decimals_meet_texts_in_events_and_groups(tmp_path: Path) -> None:
    write(tmp_path, "user,sku,at\n7,1,2026-10-01\n", "sku,name\n1,a\n")
    number = pa.array([Decimal(7)], pa.decimal128(38, 0))
    pq.write_table(
        pa.table({"user": number, "sku": pa.array([1]), "at": ["2026-10-01"], "req": number}),
        tmp_path / "e.parquet",
    )
    frame = read(tmp_path, mapping(path="e.parquet", feedback="impressions", label="sku", group="req")).frame
    assert frame.select("user_id", "item_id", "request_id").row(0) == ("7", "1", "7")
    pq.write_table(pa.table({"user": number, "sex": ["f"]}), tmp_path / "u.parquet")
    users = read_users(UsersSource(path="u.parquet", user_id="user", groups=("sex",)), tmp_path)
    assert users["user_id"].to_list() == ["7"]


@pytest.mark.parametrize(
    ("catalogue", "event"), [("12", "12.0"), ("12.0", "12"), ("12", "12.00"), ("-3", "-3.0")]
)
def test_an_id_that_became_a_float_is_read_as_the_catalogue_has_it(
    tmp_path: Path, catalogue: str, event: str
) -> None:
    write(tmp_path, f"user,sku,at\nu,x,2026-10-01\nu,{event},2026-10-02\n", f"sku,name\n{catalogue},a\nx,b\n")
    found = read(tmp_path, mapping())
    assert (found.frame["item_id"].to_list(), found.unknown_items) == (["x", catalogue], 0)
    odd = one(findings(tmp_path, mapping()), "events spell an item id as a float")
    assert (odd.rows, odd.where, odd.column, odd.value) == (1, "events.csv row 2", "sku", f"'{event}'")
    assert "pandas: dtype='Int64'" in odd.fix


@pytest.mark.parametrize("event", ["12.5", "v12.0", "012.0", "1.2e1", "12.0.0"])
def test_nothing_else_is_guessed_of_an_id(tmp_path: Path, event: str) -> None:
    write(tmp_path, f"user,sku,at\nu,12,2026-10-01\nu,{event},2026-10-02\n", "sku,name\n12,a\n")
    assert read(tmp_path, mapping()).unknown_items == 1


def test_ids_of_versions_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "user,sku,at\nu,1.0,2026-10-01\nu,1,2026-10-02\n", "sku,name\n1,a\n1.0,b\n")
    assert read(tmp_path, mapping()).frame["item_id"].to_list() == ["1.0", "1"]


@pytest.mark.parametrize(
    ("events", "items", "words"),
    [
        (
            "user,sku,at\n7,i,2026-10-01\n7.0,i,2026-10-02\n",
            "sku,name\ni,a\n",
            "users stand there twice, as '7' and as '7.0'",
        ),
        (
            "user,sku,at\nu,12,2026-10-01\n",
            "sku,name\n12,a\n12.0,a\n",
            "items stand there twice, as '12' and as '12.0'",
        ),
    ],
)
def test_one_id_in_two_spellings_is_told(tmp_path: Path, events: str, items: str, words: str) -> None:
    write(tmp_path, events, items)
    assert "as text or whole numbers throughout" in one(findings(tmp_path, mapping()), words).fix


@pytest.mark.parametrize(
    ("ratings", "odd"),
    [
        ([5, 4, -1], {"ratings are below 0": "-1"}),
        ([10, 7, 0, 0], {"ratings are 0, and all others 1 or more": "0"}),
        ([5, -1, 0], {"ratings are below 0": "-1"}),
        ([5, 1, 4], {}),
        ([1, 0, 1], {}),
        ([0.5, 0, 5], {}),
    ],
)
def test_ratings_that_may_be_none_are_told(tmp_path: Path, ratings: list[float], odd: dict[str, str]) -> None:
    rows = [
        {"user": f"u{k}", "sku": "i1", "at": "2026-10-01", "stars": rating}
        for k, rating in enumerate(ratings)
    ]
    write(tmp_path, pl.DataFrame(rows, strict=False))
    found = findings(tmp_path, mapping(feedback="explicit", label="stars", positive_from=4))
    assert {what: one.value for what, one in found.items() if what.startswith("ratings")} == odd
    assert all("counts as a dislike; if it means 'not rated'" in found[what].fix for what in odd)
