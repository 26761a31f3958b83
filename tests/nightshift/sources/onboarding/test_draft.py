"""Guesses on the shapes that people really have: in every format, and without the help of names."""

import random
import uuid
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.errors import ConfigError
from nightshift.sources import read_interactions, read_items
from nightshift.sources.onboarding import Draft, Samples, draft_of
from tests.nightshift.sources.onboarding.shapes import NOW, SHAPES, Frames, shop, write


def drafted(folder: Path, frames: Frames, ending: str = "parquet", **answers: Any) -> Draft:
    items, events = write(folder, frames, ending)
    return draft_of(
        Samples.of(items, events, folder),
        {name.replace("__", "."): value for name, value in answers.items()},
        NOW,
    )


def without_paths(draft: Draft) -> dict[str, dict[str, Any]]:
    blocks = {
        block: {name: value for name, value in found.items() if name != "path"}
        for block, found in draft.blocks().items()
    }
    if "positive_kinds" in blocks["interactions"]:
        blocks["interactions"]["positive_kinds"].sort()
    return blocks


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_recognised_and_its_mapping_reads_every_row(name: str, tmp_path: Path) -> None:
    make, items, events = SHAPES[name]
    draft = drafted(tmp_path, make(random.Random(3)))
    assert without_paths(draft) == {"items": items, "interactions": events}
    sources = draft.sources()
    catalogue = read_items(sources.items, tmp_path)
    read = read_interactions(sources.interactions, tmp_path, catalogue.frame, before=None, now=NOW)
    assert (catalogue.dropped, read.dropped) == ({}, {})


@pytest.mark.parametrize(
    "spell",
    [
        lambda number: Decimal(number),
        lambda number: Decimal(10**30 + number),
        lambda number: uuid.uuid5(uuid.NAMESPACE_OID, str(number)).bytes,
        float,
    ],
    ids=["decimals", "decimals beyond 64 bits", "uuids", "floats"],
)
def test_ids_of_a_warehouse_are_recognised_and_read(spell: Callable[[int], Any], tmp_path: Path) -> None:
    items, events = shop(random.Random(3))
    number = pl.col("sku").str.slice(4).cast(pl.Int64)
    items, events = (
        frame.with_columns(sku=pl.Series([spell(one) for one in frame.select(number).to_series()]))
        for frame in (items, events)
    )
    draft = drafted(tmp_path, (items, events))
    sources = draft.sources()
    catalogue = read_items(sources.items, tmp_path)
    read = read_interactions(sources.interactions, tmp_path, catalogue.frame, before=None, now=NOW)
    assert (sources.items.item_id, sources.interactions.item_id, read.dropped) == ("sku", "sku", {})


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("name", ["shop", "movie ratings", "news impressions"])
def test_the_format_does_not_change_the_guess(name: str, ending: str, tmp_path: Path) -> None:
    make, items, events = SHAPES[name]
    assert without_paths(drafted(tmp_path, make(random.Random(4)), ending)) == {
        "items": items,
        "interactions": events,
    }


def test_columns_called_a_to_d_are_still_told_apart_by_their_values(tmp_path: Path) -> None:
    items, events = shop(random.Random(5))
    nameless = (
        items.rename(dict(zip(items.columns, "abcd", strict=True))),
        events.rename(dict(zip(events.columns, "wxyz", strict=True))),
    )
    draft = drafted(tmp_path, nameless)
    blocks = without_paths(draft)
    assert blocks["items"] == {"item_id": "a", "title": "b", "text": ["c"], "attributes": "d"}
    assert {name: blocks["interactions"][name] for name in ("user_id", "item_id", "timestamp", "timestamp_unit")} == {
        "user_id": "w", "item_id": "x", "timestamp": "y", "timestamp_unit": "ms",
    }  # fmt: skip
    assert {"interactions.user_id", "items.title"} <= {guess.setting for guess in draft.questions}, (
        "such guesses are put to a person"
    )


def test_every_value_has_a_reason_with_numbers_of_the_data(tmp_path: Path) -> None:
    draft = drafted(tmp_path, shop(random.Random(6)))
    why = {guess.setting: guess.why for guess in draft.told}
    assert all(why.values())
    assert "80 different values in all 80 rows" in why["items.item_id"]
    assert why["interactions.item_id"] == "100% of 80 sampled values are in the catalogue's 'sku'"
    assert "4 different values: view 69%" in why["interactions.kind"]
    assert "left out: view, remove_from_cart" in why["interactions.positive_kinds"]


def test_an_answer_wins_over_a_guess_and_helps_the_next(tmp_path: Path) -> None:
    draft = drafted(
        tmp_path,
        shop(random.Random(7)),
        items__title=None,
        items__text=["product_title"],
        interactions__kind=None,
    )
    blocks = without_paths(draft)
    assert blocks["items"] == {"item_id": "sku", "text": ["product_title"], "attributes": "dept"}
    assert "kind" not in blocks["interactions"]
    assert "positive_kinds" not in blocks["interactions"]


def test_an_answer_that_names_no_column_says_the_nearest_one_and_the_flag(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"events.parquet has no column 'custmer', which --user-id names; did you mean 'customer'\?",
    ):
        drafted(tmp_path, shop(random.Random(8)), interactions__user_id="custmer")


def test_what_nobody_can_know_is_asked_for_by_its_flag(tmp_path: Path) -> None:
    items, events = shop(random.Random(9))
    draft = drafted(tmp_path, (items, events.drop("customer")))
    with pytest.raises(ConfigError, match="give --user-id: no column of the events is named like a user"):
        draft.sources()


def test_dates_that_cannot_be_read_are_shown_with_what_can(tmp_path: Path) -> None:
    items, events = shop(random.Random(10))
    american = events.with_columns(event_time=pl.lit("11/22/2026 18:30"))
    with pytest.raises(
        ConfigError, match=r"'event_time' is named like a time and holds '11/22/2026 18:30', .*ISO 8601"
    ):
        drafted(tmp_path, (items, american)).sources()


def test_files_that_share_no_id_are_a_question_and_no_guess(tmp_path: Path) -> None:
    items, events = shop(random.Random(11))
    draft = drafted(tmp_path, (items, events.with_columns(sku=pl.lit("other-") + pl.col("sku"))))
    with pytest.raises(ConfigError, match="give --item-id"):
        draft.sources()


def test_no_column_that_belongs_to_somebody_is_read_by_a_model(tmp_path: Path) -> None:
    items, events = shop(random.Random(12))
    seller = items.with_columns(
        seller_name=pl.Series([f"Somebody Called Number {n}" for n in range(80)]),
        contact=pl.Series([f"person{n}@mail.example" for n in range(80)]),
        image=pl.Series(
            [f"https://images.example/{n}.jpg?with=a-long-name-that-is-no-text" for n in range(80)]
        ),
    )
    read = drafted(tmp_path, (seller, events)).blocks()["items"]
    assert {read["title"], *read["text"], read["attributes"]} == {"product_title", "long_description", "dept"}


def every_type(rows: int) -> dict[str, pl.Series]:
    """A column of every type a file can hold, none of which says anything."""
    values: dict[str, Any] = {
        "nothing": [None], "blank": [""], "whole": [7], "nan": [float("nan")], "truth": [True, False],
        "day": [date(1950, 1, 1)], "clock": [time(1)],
        "length": [timedelta(1)], "money": [Decimal("1.50")], "bytes": [b"x"], "struct": [{"a": 1}], "structs": [[{"a": 1}]],
        "lists": [[["a"]]],
        "numbers": [[1, 2]], "vector": [[0.1, 0.2]], "empty": [[]], "rating_words": ["good", "bad"],
    }  # fmt: skip
    columns = {name: pl.Series(name, (some * rows)[:rows], strict=False) for name, some in values.items()}
    return columns | {
        "array": columns["vector"].cast(pl.Array(pl.Float64, 2)).alias("array"),
        "variant": pl.Series("variant", ["a", "b"] * (rows // 2), dtype=pl.Enum(["a", "b"])),
    }


@pytest.mark.parametrize("first", [True, False])
def test_columns_of_every_type_neither_break_nor_change_the_guess(first: bool, tmp_path: Path) -> None:
    items, events = shop(random.Random(14))
    odd = [frame.with_columns(every_type(frame.height).values()) for frame in (items, events)]
    own = [frame.columns if first else frame.columns[::-1] for frame in odd]
    blocks = without_paths(drafted(tmp_path, (odd[0].select(own[0]), odd[1].select(own[1]))))
    assert blocks == {"items": SHAPES["shop"][1], "interactions": SHAPES["shop"][2]}


def test_only_a_bounded_part_of_large_files_is_looked_at(tmp_path: Path) -> None:
    items, events = shop(random.Random(13))
    write(tmp_path, (items, pl.concat([events] * 100)))
    found = Samples.of("items.parquet", "events.parquet", tmp_path)
    assert found.events.frame.height == 50_000
    assert not found.events.whole
    assert found.items.whole


def test_ids_beyond_the_first_rows_of_a_large_catalogue_are_found(tmp_path: Path) -> None:
    ids = [f"i{number}" for number in range(60_000)]
    items = pl.DataFrame({"id": ids, "title": [f"Title of {one}" for one in ids]})
    events = pl.DataFrame({"who": ["a", "b"] * 500, "id": ids[-1000:], "at": [NOW] * 1000})
    write(tmp_path, (items, events))
    assert Samples.of("items.parquet", "events.parquet", tmp_path).overlap("id", "id") == (1.0, 1000)


LONG_TAIL = [f"Brand {n % 60}" if n < 600 else f"Rare {n}" for n in range(900)]
"""360 brands of 900 items, two items in three in a brand of ten."""


@pytest.mark.parametrize(
    ("values", "grouping"),
    [
        (LONG_TAIL, True),
        ([f"Brand {n % 12}" for n in range(900)], True),
        ([f"Only {n}" for n in range(900)], False),
        ([f"Pair {n // 2}" for n in range(900)], False),
        (["One"] * 900, False),
    ],
    ids=["a head and a long tail", "few", "one each", "pairs", "one for all"],
)
def test_a_column_groups_items_where_most_of_them_share_a_value_with_four_others(
    values: list[str], grouping: bool, tmp_path: Path
) -> None:
    items = pl.DataFrame(
        {
            "sku": [f"S{n}" for n in range(900)],
            "name": [f"A thing of number {n}" for n in range(900)],
            "brand": values,
        }
    )
    events = pl.DataFrame(
        {
            "customer": [f"c{n % 50}" for n in range(900)],
            "sku": items["sku"],
            "time": [NOW - timedelta(hours=n + 1) for n in range(900)],
        }
    )
    draft = drafted(tmp_path, (items, events))
    assert ("attributes" in draft.blocks()["items"]) is grouping
