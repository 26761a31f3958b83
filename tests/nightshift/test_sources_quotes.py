"""Quotes in CSV and TSV: what an open one swallows is told, and TSV has none."""

import contextlib
import csv
import gzip
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.errors import SourceError
from nightshift.sources import (
    InteractionsSource,
    ItemsSource,
    SourcesSettings,
    UsersSource,
    clean_text,
    describe,
    read_interactions,
    read_items,
    read_users,
)
from nightshift.sources.reads import SWALLOWED, EventsRead, ItemsRead

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS = """user,sku,at,comment
u0,i0,2026-10-01T06:00:00Z,fine
u1,i0,2026-10-02T06:00:00Z,"great
u2,i5,2026-10-03T06:00:00Z,fine
u3,i5,2026-10-04T06:00:00Z,loved it"
u4,i0,2026-10-05T06:00:00Z,fine
"""
ROWS = [
    "sku,name,about,cat",
    "i0,Lamp,A lamp,Garden",
    "i1,{}Best desk,A desk,Toys",
    "i2,Rug,A rug,Toys",
    "i3,The big clock{},A clock,Kitchen",
]


def catalogue(folder: Path, content: str | bytes, name: str = "items.csv", **mapping: object) -> ItemsRead:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_items(
        ItemsSource.model_validate({"path": name, "item_id": "sku", "title": "name"} | mapping), folder
    )


def events(folder: Path, content: str = EVENTS, share: float = 1.0) -> EventsRead:
    (folder / "events.csv").write_text(content)
    source = InteractionsSource(
        path="events.csv", user_id="user", item_id="sku", timestamp="at", max_rejected_share=share
    )
    return read_interactions(source, folder, pl.DataFrame({"item_id": ["i0", "i5"]}), before=None, now=NOW)


def test_swallowed_rows_are_counted_and_listed_with_their_line_and_the_line_of_the_quote(
    tmp_path: Path,
) -> None:
    found = events(tmp_path)
    assert (found.rows, found.frame.height, found.dropped) == (5, 3, {SWALLOWED: 2})
    assert found.rejects.select("key", "answer").rows() == [
        ("events.csv line 4, inside the quote of line 3", "u2,i5,2026-10-03T06:00:00Z,fine"),
        ("events.csv line 5, inside the quote of line 3", "u3,i5,2026-10-04T06:00:00Z,loved it"),
    ]


def test_more_swallowed_rows_than_allowed_stop_the_night_and_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"2 of 5 rows of events.csv .* swallowed .*first in events.csv line 4, inside the quote of "
        r"line 3",
    ):
        events(tmp_path, share=0.05)


def test_check_lists_what_a_quote_swallowed(tmp_path: Path) -> None:
    items = catalogue(tmp_path, "sku,name\ni0,Lamp\ni5,Rug\n")
    found = events(tmp_path)
    sources = SourcesSettings.model_validate(
        {
            "items": {"path": "items.csv", "item_id": "sku"},
            "interactions": {"path": "events.csv", "user_id": "user", "item_id": "sku", "timestamp": "at"},
        }
    )
    first = describe(sources, items, found).findings[0]
    assert (first.rows, first.share, first.where) == (2, 0.4, "events.csv line 3")
    assert first.value == "a quoted field runs over 3 lines; 2 rows were swallowed: '\"great'"
    assert "Close the quote" in str(first.fix)


@pytest.mark.parametrize(
    ("content", "line", "swallowed"),
    [
        ("\n".join(ROWS).format('"', '"') + "\n", 3, 2),
        ("\r\n".join(ROWS).format('"', '"') + "\r\n", 3, 2),
        ("\n".join(ROWS).format('"', '"'), 3, 2),
        ('sku,name,n\n1,"a,x\n2,b,x\n3,c",x\n', 2, 2),
        ('sku,name\n1,"a\n2,b"\n3,c\n', 2, 1),
        ('sku,name,a,b\n1,"x\ny",2,3\n2,"s, t",u,v\n3,w,x,"open\n4,w,x,shut"\n', 5, 1),
    ],
    ids=[
        "in-the-middle",
        "crlf",
        "no-last-line-end",
        "three-columns",
        "two-columns",
        "beside-a-true-text-of-two-lines",
    ],
)
@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz"])
def test_a_swallow_is_found_wherever_it_stands(
    tmp_path: Path, content: str, line: int, swallowed: int, name: str
) -> None:
    raw = gzip.compress(content.encode()) if name.endswith(".gz") else content.encode()
    found = catalogue(tmp_path, raw, name, max_rejected_share=1)
    assert found.dropped == {SWALLOWED: swallowed}
    assert [span.line for span in found.spans if span.as_rows] == [line]


@pytest.mark.parametrize(
    "content",
    [
        'sku,name,about\n1,Desk,"A desk\nmade of oak"\n2,Rug,"Red,\n\nand soft"\n',
        'sku,about,name\n1,"A desk\nmade of oak",Desk\n2,"Red,\r\nand soft",Rug\n',
        'sku\tabout\tname\n1\t"A desk\nmade of oak"\tDesk\n2\tRed\tRug\n',
    ],
)
def test_texts_of_several_lines_are_read_whole_and_only_told(tmp_path: Path, content: str) -> None:
    found = catalogue(tmp_path, content, "items.tsv" if "\t" in content else "items.csv", text="about")
    assert found.frame["title"].to_list() == ["Desk", "Rug"]
    assert found.frame["text"][0] == "A desk made of oak"
    assert found.dropped == {}
    assert [span.as_rows for span in found.spans][:1] == [False]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ('"Best', 'clock"'),
        ('"Best', "clock"),
        ('Best 17"', "clock"),
        ('"', '"'),
        ('"The" Best', "clock"),
        ('Be"st', 'clo"ck'),
    ],
)
@pytest.mark.parametrize("name", ["items.tsv", "items.tsv.gz"])
def test_in_tsv_a_tab_or_line_end_always_ends_a_field(
    tmp_path: Path, first: str, last: str, name: str
) -> None:
    text = (
        f"sku\tname\tcat\ni0\tLamp\tGarden\ni1\t{first}\tToys\ni2\tRug\tToys\ni3\t{last}\tKitchen\n".encode()
    )
    found = catalogue(tmp_path, gzip.compress(text) if name.endswith(".gz") else text, name, attributes="cat")
    assert found.frame["title"].to_list() == ["Lamp", first, "Rug", last]
    assert found.frame["attributes"].to_list() == [["Garden"], ["Toys"], ["Toys"], ["Kitchen"]]


def test_a_tsv_with_quotes_round_every_field_keeps_their_words_only(tmp_path: Path) -> None:
    found = catalogue(tmp_path, b'"sku"\t"name"\r\n"1"\t"The ""big"" desk"\r\n"2"\t""\r\n', "items.tsv")
    assert found.frame.select("item_id", "title").rows() == [("1", 'The "big" desk'), ("2", "2")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('sku,name\n0,k\n1,"open\n2,z\n', "line 3 opens a quoted field that is never closed: '1,\"open'"),
        ('sku,name\n0,k\n1,"17" monitor"\n2,z\n', "line 3 goes on after a closing quote"),
        ('sku,name\n0,k\n"1,a\n2,b\n3,"c"\n', "line 5 goes on after a closing quote"),
        ('sku,name\n0,"' + "x" * 200_000 + "\n1,b\n", "line 2 opens a quoted field that is never closed"),
    ],
)
@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz", "gzipped.csv"])
def test_a_quote_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, content: str, words: str, name: str
) -> None:
    raw = content.encode() if name == "items.csv" else gzip.compress(content.encode())
    with pytest.raises(SourceError) as caught:
        catalogue(tmp_path, raw, name)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [
        ['1,17" monitor', "2,z"],
        ['1,17" monitor', "2,z", '3,18" x'],
        ['1,17" x 18"', "2,z"],
        ['1,a"b', '2,"c, d"'],
        ['1,a"', "2,", '3,""'],
    ],
)
def test_a_quote_inside_a_field_is_a_letter(tmp_path: Path, rows: list[str]) -> None:
    text = "\n".join(["sku,name", *rows]) + "\n"
    titles = [row["name"] or row["sku"] for row in csv.DictReader(io.StringIO(text))]
    found = catalogue(tmp_path, text)
    assert found.frame["title"].to_list() == titles
    assert found.dropped == {}


FIELD = st.text(alphabet='ab ",', min_size=1, max_size=6).map(lambda text: text.strip() or "a")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD, st.booleans()), min_size=1, max_size=8))
def test_whatever_quotes_a_csv_holds_it_is_read_as_python_reads_it_or_what_is_lost_is_told(
    rows: list[tuple[str, str, bool]],
) -> None:
    lines = [
        f"i{number},{_quoted(a, True)},{_quoted(b.replace(',', ';'), quoted)}"
        for number, (a, b, quoted) in enumerate(rows)
    ]
    text = "\n".join(["sku,x,name", *lines]) + "\n"
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SourceError):
        found = catalogue(Path(folder), text, max_rejected_share=1, text="x")
        with contextlib.suppress(csv.Error):
            read = list(csv.DictReader(io.StringIO(text), strict=True))
            said = [
                (row["sku"], clean_text(row["x"], 99) or None, clean_text(row["name"], 99) or row["sku"])
                for row in read
            ]
            assert found.frame.select("item_id", "text", "title").rows() == said
        assert found.rows >= len(rows) or found.spans


def _quoted(text: str, quoted: bool) -> str:
    return '"' + text.replace('"', '""') + '"' if quoted else text


def test_groups_of_users_that_a_quote_swallowed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(
        'user,age,town,note\nu1,20,a,x\nu2,30,b,"open\nu3,20,b,x\nu4,30,a,shut"\n'
    )
    with pytest.raises(
        SourceError, match=r"users.csv line 3: a quoted field runs over 3 lines; 2 rows were swallowed"
    ):
        read_users(UsersSource(path="users.csv", user_id="user", groups=("age",)), tmp_path)
