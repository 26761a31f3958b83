import contextlib
import gzip
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.errors import SourceError
from nightshift.sources import ItemsRead, ItemsSource, read_items
from nightshift.tables import ITEMS, REJECTS


def read(
    folder: Path, content: bytes | pl.DataFrame, name: str = "items.csv", **mapping: object
) -> ItemsRead:
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    else:
        content.write_parquet(folder / name)
    return read_items(
        ItemsSource.model_validate({"path": name, "item_id": "id", "title": "name"} | mapping), folder
    )


CSV = (
    b'id,name,about,tags,born\n007,Bond,"Spies, and '
    b'cars",Action|Thriller,2024-01-02\n8,Next,,,2024-01-03T04:05:06Z\n'
)
JSONL = b"""{"id": "007", "name": "Bond", "about": "Spies, and cars", "tags": ["Action", "Thriller"], "born": "2024-01-02"}
{"id": "8", "name": "Next", "born": "2024-01-03 04:05:06+00:00"}
"""
TSV = CSV.replace(b",", b"\t").replace(b'"Spies\t and cars"', b"Spies, and cars")
MAPPED = {"text": "about", "attributes": "tags", "created_at": "born"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.csv", CSV),
        ("items.csv.gz", gzip.compress(CSV, mtime=0)),
        ("items.tsv", TSV),
        ("items.jsonl", JSONL),
        ("items.jsonl.gz", gzip.compress(JSONL, mtime=0)),
    ],
)
def test_every_text_format_gives_the_same_catalogue(tmp_path: Path, name: str, content: bytes) -> None:
    frame = read(tmp_path, content, name, **MAPPED).frame
    assert frame.schema == ITEMS.schema
    assert frame.rows() == [
        ("007", "Bond", "Spies, and cars", ["Action", "Thriller"], datetime(2024, 1, 2, tzinfo=UTC)),
        ("8", "Next", None, None, datetime(2024, 1, 3, 4, 5, 6, tzinfo=UTC)),
    ]


def test_parquet_ids_of_any_number_type_become_text(tmp_path: Path) -> None:
    ids = [
        pl.Series("id", [1, 2], pl.UInt16),
        pl.Series("id", [1.0, 2.0]),
        pl.Series("id", ["1", " 2 "], pl.Categorical),
    ]
    for column in ids:
        frame = read(tmp_path, pl.DataFrame({"id": column, "name": ["a", "b"]}), "items.parquet").frame
        assert frame["item_id"].to_list() == ["1", "2"]


def test_files_of_a_glob_are_read_in_the_order_of_their_names_and_marker_files_are_left_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "_SUCCESS").write_bytes(b"")
    (tmp_path / "c.csv").write_bytes(b"")
    (tmp_path / "b.csv").write_bytes(b"id,name\n2,two\n")
    assert read(tmp_path, b"id,name\n1,one\n", "a.csv", path="*").frame["item_id"].to_list() == ["1", "2"]
    assert read(tmp_path, b"id,name\n1,one\n", "a.csv", path=str(tmp_path)).frame["item_id"].to_list() == [
        "1",
        "2",
    ]


def test_several_text_columns_and_lists_of_text_are_joined_in_their_order(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"id": [1, 2, 3], "name": ["a"] * 3, "d": ["Long.", None, None], "b": [["x", None, "y"], ["z"], None]}
    )
    assert read(tmp_path, frame, "items.parquet", text=["d", "b"]).frame["text"].to_list() == [
        "Long. x y",
        "z",
        None,
    ]


def test_attributes_are_split_flattened_cleaned_and_kept_once(tmp_path: Path) -> None:
    text = pl.DataFrame({"id": [1, 2, 3], "name": ["a"] * 3, "c": ["Drama, War|Drama", " \x00 ", None]})
    assert read(tmp_path, text, "items.parquet", attributes="c").frame["attributes"].to_list() == [
        ["Drama", "War"],
        [],
        None,
    ]
    assert read(tmp_path, text, "items.parquet", attributes="c", attributes_separator="|").frame[
        "attributes"
    ][0].to_list() == [
        "Drama, War",
        "Drama",
    ]
    nested = pl.DataFrame(
        {"id": [1, 2], "name": ["a"] * 2, "c": [[["Beauty", "Hair"], ["Beauty", "Skin"]], None]}
    )
    assert read(tmp_path, nested, "items.parquet", attributes="c").frame["attributes"].to_list() == [
        ["Beauty", "Hair", "Skin"],
        None,
    ]


def test_a_text_of_a_megabyte_is_cut_and_counted(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2], "name": ["t" * 1000, "b"], "d": ["word " * 200_000, "x" * 2000]})
    found = read(tmp_path, frame, "items.parquet", text="d")
    assert found.capped == 1
    assert found.frame["text"].str.len_chars().to_list() == [
        1999,
        2000,
    ]  # the cut falls behind a word, its blank goes
    assert found.frame["title"][0] == "t" * 300


def test_an_item_without_a_title_carries_its_id_and_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, b'id,name\na1,\nb2,"  "\nc3,Real\n')
    assert found.frame["title"].to_list() == ["a1", "b2", "Real"]
    assert found.untitled == 2


def test_a_row_without_an_id_becomes_a_reject_with_its_place(tmp_path: Path) -> None:
    found = read(tmp_path, b"id,name\n1,a\n,b\n3,c\n", max_rejected_share=0.5)
    assert found.frame.height == 2
    assert found.rejects.schema == REJECTS.schema
    assert found.rejects.select("table", "key", "reason").rows() == [
        ("items", "items.csv row 2", "item_id is missing")
    ]


def test_a_date_that_cannot_be_read_keeps_the_item_and_is_listed(tmp_path: Path) -> None:
    found = read(tmp_path, b"id,name,born\n1,a,2024-01-01\n2,b,soon\n", created_at="born")
    assert found.frame["created_at"].is_null().to_list() == [False, True]
    assert found.rejects["answer"].to_list() == ["soon"]


def test_a_duplicate_id_is_refused_with_both_rows(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"id,name\n9,x\n1,again\n")
    with pytest.raises(
        SourceError,
        match=r"item id '1' \(column 'id'\) is in a.csv row 2 and in b.csv row 2; 1 rows .* keep_first",
    ):
        read(tmp_path, b"id,name\n3,z\n1,a\n", "a.csv", path="?.csv")


def test_a_duplicate_id_may_keep_its_first_row_and_list_the_others(tmp_path: Path) -> None:
    found = read(tmp_path, b"id,name\n1,first\n2,b\n1,second\n1,third\n", duplicate_item="keep_first")
    assert found.frame["title"].to_list() == ["first", "b"]
    assert found.rejects.select("key", "answer").rows() == [
        ("items.csv row 3", "1"),
        ("items.csv row 4", "1"),
    ]


def test_a_missing_column_names_the_file_and_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"items.csv has no column 'name', which sources.items.title names; did you mean 'nam'\? It "
        r"has 'id', 'nam'",
    ):
        read(tmp_path, b"id,nam\n1,a\n")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"no file matches 'nothing/\*.parquet' in .*; set sources.items.path"
    ):
        read(tmp_path, b"id,name\n", path="nothing/*.parquet")


@pytest.mark.parametrize("content", [b"", b"id,name\n"])
def test_an_empty_catalogue_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"items.csv (is empty|has no rows)"):
        read(tmp_path, content)


def test_a_catalogue_without_any_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"1 of 1 rows .* item_id is missing, first in items.csv row 1, column 'id'"
    ):
        read(tmp_path, b"id,name\n,b\n")


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        ("id", pl.List(pl.Int64)),
        ("id", pl.Boolean),
        ("name", pl.Struct({"a": pl.Int64})),
        ("tags", pl.Struct({"a": pl.Int64})),
    ],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path: Path, column: str, dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"id": ["1"], "name": ["a"], "tags": ["x"]}).with_columns(
        pl.lit(None, dtype).alias(column)
    )
    with pytest.raises(
        SourceError,
        match=rf"column '{column}' of items.parquet is (List|Boolean|Struct).*(it should be|an id should be)",
    ):
        read(tmp_path, frame, "items.parquet", attributes="tags")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("items.csv", b"id,name\n1,a\n2,b,c\n", r"line 3 has 3 fields, the header has 2: '2,b,c'"),
        ("items.csv", b"id,name\n1,caf\xe9\n", r"line 2 is not UTF-8: '1,caf"),
        ("items.jsonl", b'{"id": 1, "name": "a"}\n{"id": 2,\n', r"line 2 is not JSON: '\{\"id\": 2,'"),
        ("items.jsonl", b'{"id": 1, "name": "a"}\n[1]\n', r"line 2 is not a JSON object"),
        ("items.parquet", b"not parquet", r"items.parquet cannot be read as parquet"),
        (
            "items.csv.gz",
            gzip.compress(b"id,name\n1,a\n" * 99, mtime=0)[:-12],
            r"items.csv.gz cannot be read as csv",
        ),
        ("items.csv.gz", b"\x1f\x8b" + b"x" * 50, r"items.csv.gz cannot be read as csv"),
        (
            "items.jsonl",
            b'{"id": 1, "name": "a", "tags": [{"k": 1}]}',
            r"column 'tags' of items.jsonl is List\(Struct",
        ),
        ("items.jsonl", b'{"id": null, "name": "a"}', r"item_id is missing, first in items.jsonl row 1"),
        ("items.xlsx", b"x", r"items.xlsx is not a format that sources.items reads; use .parquet, .csv"),
    ],
)
def test_a_file_that_cannot_be_read_names_itself_and_the_line(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(SourceError, match=words):
        read(tmp_path, content, name, **({"attributes": "tags"} if b"tags" in content else {}))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([".csv", ".tsv", ".jsonl", ".csv.gz", ".jsonl.gz"]),
    st.binary(max_size=40),
    st.integers(0, 60),
)
def test_whatever_bytes_a_text_file_holds_it_is_read_or_refused_in_our_words(
    ending: str, noise: bytes, place: int
) -> None:
    whole = JSONL if "jsonl" in ending else CSV
    torn = gzip.compress(whole) if ending.endswith(".gz") else whole
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SourceError):
        read(Path(folder), torn[:place] + noise + torn[place:], f"items{ending}", duplicate_item="keep_first")


def test_a_parquet_file_with_a_hole_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"id": range(5000), "name": [f"title {number}" for number in range(5000)]}).write_parquet(
        tmp_path / "whole"
    )
    whole = (tmp_path / "whole").read_bytes()
    with pytest.raises(SourceError, match=r"items.parquet cannot be read as parquet"):
        read(tmp_path, whole[:1000] + whole[9000:], "items.parquet")


def test_a_bucket_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"'s3://bucket/items.parquet' is a URL; .*mount the bucket, or copy it first"
    ):
        read(tmp_path, b"id,name\n", path="s3://bucket/items.parquet")


def test_an_all_null_column_is_only_missing_values(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        b'{"id": 1, "name": null, "born": null, "tags": []}\n',
        "items.jsonl",
        created_at="born",
        attributes="tags",
        text="tags",
    )
    assert found.frame.rows() == [("1", "1", None, [], None)]


def test_a_message_never_prints_more_than_a_line_of_a_value(tmp_path: Path) -> None:
    long = b"x" * 100_000
    with pytest.raises(SourceError) as caught:
        read(tmp_path, b"id,name\n" + long + b",a\n" + long + b",b\n")
    assert len(str(caught.value)) < 400
