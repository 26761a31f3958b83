"""Lists that were written as text are read as the lists they were, or told."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.sources import (
    InteractionsSource,
    ItemsRead,
    ItemsSource,
    SourcesSettings,
    describe,
    read_interactions,
    read_items,
)
from nightshift.sources.onboarding import Samples, draft_of
from nightshift.sources.reads import UNLISTED
from nightshift.sources.text_lists import list_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SHAPES = {
    "json": json.dumps,
    "python": str,
    "numpy": lambda values: str(np.array(values, dtype=object)),
    "tuple": lambda values: str(tuple(values)),
    "nested": lambda values: json.dumps([[one] for one in values]),
    "spaced": lambda values: f"  {json.dumps(values, indent=1)}\n",
}
LISTS = [["Toys", "Sale's", "Home"], ["Toys", "Home, garden"], ['17" screens', "Été"], ["Home"]]


def catalogue(
    folder: Path, values: list[str | None], ending: str = "parquet", **mapping: object
) -> ItemsRead:
    frame = pl.DataFrame(
        {"sku": [f"i{row}" for row in range(len(values))], "cat": pl.Series(values, dtype=pl.String)}
    )
    writers = {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}
    writers[ending](folder / f"items.{ending}")
    return read_items(
        ItemsSource.model_validate(
            {"path": f"items.{ending}", "item_id": "sku", "attributes": "cat"} | mapping
        ),
        folder,
    )


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("more", [{}, {"attributes_separator": "|"}, {"attributes_separator": ", "}])
def test_a_list_as_text_is_the_same_attributes_as_the_list(
    tmp_path: Path, ending: str, shape: str, more: dict[str, str]
) -> None:
    found = catalogue(tmp_path, [SHAPES[shape](one) for one in LISTS], ending, **more)
    assert found.frame["attributes"].to_list() == LISTS
    assert found.dropped == {}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(min_size=1).filter(lambda text: text.isprintable()), max_size=5),
    st.sampled_from([json.dumps, str]),
)
def test_whatever_texts_a_list_holds_they_come_back(values: list[str], write: object) -> None:
    assert list_of(write(values)) == values  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[]", []),
        ("[1, 2.50, 12345678901234567890123]", ["1", "2.50", "12345678901234567890123"]),
        ("['a', None]", ["a"]),
        ('["a", null]', ["a"]),
        ("['a'\n 'b']", ["a", "b"]),
        ("{'b', 'a'}", ["a", "b"]),
        ("['a' 'b', 'c']", None),
        ("[Toys, Home]", None),
        ("[{'id': 16, 'name': 'Home'}]", None),
        ('[{"id": 16}]', None),
        ("{'a': 1}", None),
        ("['a', nan]", None),
        ("[__import__('os').getcwd()]", None),
        ("['a'] + ['b']", None),
        ("[" * 10_000, None),
        ("[true]", None),
        ("[b'a']", None),
        ("'a'", None),
        ("", None),
    ],
)
def test_only_texts_and_numbers_are_read_from_a_list(text: str, values: list[str] | None) -> None:
    assert list_of(text) == values


def test_a_python_list_of_a_megabyte_is_not_read() -> None:
    assert list_of(str(["a"] * 200_000)) is None
    assert len(list_of(json.dumps(["a"] * 200_000)) or []) == 200_000


def test_an_item_whose_list_cannot_be_read_has_no_attributes_and_is_told(tmp_path: Path) -> None:
    found = catalogue(tmp_path, ['["Toys"]', "[{'id': 16, 'name': 'Home'}]", "['Home']", None, ""])
    assert found.frame["attributes"].to_list() == [["Toys"], None, ["Home"], None, []]
    assert found.dropped == {UNLISTED: 1}
    assert found.rejects.select("key", "answer").rows() == [
        ("items.parquet row 2", "[{'id': 16, 'name': 'Home'}]")
    ]


@pytest.mark.parametrize(
    "value", ["[{'id': 16, 'name': 'Home'}]", "{Toys,Home}", "[Toys, Home]", '{"name": "Toys"}', "[1 2]"]
)
def test_check_names_the_first_value_and_the_fix(tmp_path: Path, value: str) -> None:
    items = catalogue(tmp_path, [value] * 3)
    pl.DataFrame({"user": ["u"], "sku": ["i0"], "at": ["2026-10-01T06:00:00Z"]}).write_parquet(
        tmp_path / "events.parquet"
    )
    events = InteractionsSource(path="events.parquet", user_id="user", item_id="sku", timestamp="at")
    sources = SourcesSettings(
        items=ItemsSource(path="items.parquet", item_id="sku", attributes="cat"), interactions=events
    )
    read = read_interactions(events, tmp_path, items.frame, before=None, now=NOW)
    first = describe(sources, items, read).findings[0]
    assert (first.what, first.rows, first.where, first.column) == (UNLISTED, 3, "items.parquet row 1", "cat")
    assert value[:10] in str(first.value)
    assert '["Toys", "Home"], or as text with bars' in str(first.fix)


@pytest.mark.parametrize(
    ("values", "attributes"),
    [
        (["[Sale] Toys", "Home"], [["[Sale] Toys"], ["Home"]]),
        (["[18+]", "Toys", "Home"], [["[18+]"], ["Toys"], ["Home"]]),
        (["Toys|Home", "(new) Toys"], [["Toys", "Home"], ["(new) Toys"]]),
        (["Toys|Home", "['Toys', 'Sale']"], [["Toys", "Home"], ["Toys", "Sale"]]),
        (["(Toys)", "(Home)"], [["(Toys)"], ["(Home)"]]),
        (["[1]", "Toys", "Home"], [["[1]"], ["Toys"], ["Home"]]),
    ],
)
def test_brackets_in_a_column_of_plain_texts_are_letters(
    tmp_path: Path, values: list[str], attributes: list[list[str]]
) -> None:
    found = catalogue(tmp_path, list(values))
    assert found.frame["attributes"].to_list() == attributes
    assert found.dropped == {}


def test_a_description_that_is_a_list_as_text_is_joined_as_a_list_is(tmp_path: Path) -> None:
    values = ["['A desk.', \"It's oak.\"]", '["A rug."]', "[]", None]
    assert catalogue(tmp_path, values, attributes=None, text="cat").frame["text"].to_list() == [
        "A desk. It's oak.",
        "A rug.",
        None,
        None,
    ]
    prose = ["[Note] a desk", "A rug [red]", "[sic]"]
    assert catalogue(tmp_path, prose, attributes=None, text="cat").frame["text"].to_list() == prose


@pytest.mark.parametrize("shape", ["json", "python", "numpy"])
def test_init_sees_the_lists(tmp_path: Path, shape: str) -> None:
    catalogue(tmp_path, [SHAPES[shape](one) for one in LISTS])
    pl.DataFrame({"user": ["u"], "sku": ["i0"], "at": ["2026-10-01T06:00:00Z"]}).write_parquet(
        tmp_path / "events.parquet"
    )
    column = Samples.of("items.parquet", "events.parquet", tmp_path).items.columns["cat"]
    assert column.is_list
    assert column.values.to_list() == LISTS


def test_init_takes_no_list_of_objects_for_attributes(tmp_path: Path) -> None:
    rows = [
        {"sku": f"i{row}", "name": f"Lamp number {row}", "genres": str([{"id": row % 3}])}
        for row in range(60)
    ]
    items = pl.DataFrame(rows)
    items.write_parquet(tmp_path / "items.parquet")
    events = [
        {"user": f"u{row % 7}", "sku": f"i{row % 60}", "at": f"2026-10-{1 + row % 28:02}T06:00:00Z"}
        for row in range(300)
    ]
    pl.DataFrame(events).write_parquet(tmp_path / "events.parquet")
    draft = draft_of(Samples.of("items.parquet", "events.parquet", tmp_path), {}, NOW)
    assert "attributes" not in draft.blocks()["items"]
    plain = items.with_columns(genres=pl.Series([str(["Toys", "Home"][: 1 + row % 2]) for row in range(60)]))
    plain.write_parquet(tmp_path / "items.parquet")
    draft = draft_of(Samples.of("items.parquet", "events.parquet", tmp_path), {}, NOW)
    assert draft.blocks()["items"]["attributes"] == "genres"
    assert "attributes_separator" not in draft.blocks()["items"]
    assert "'Toys'" in next(guess.why for guess in draft.guesses if guess.setting == "items.attributes")


def test_ten_thousand_lists_are_read_in_seconds(tmp_path: Path) -> None:
    found = catalogue(tmp_path, [f"['c{row % 50}', 'd{row % 7}']" for row in range(10_000)])
    assert found.frame["attributes"].list.len().unique().to_list() == [2]
