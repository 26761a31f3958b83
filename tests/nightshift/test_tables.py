from datetime import UTC, datetime

import polars as pl
import pytest

from nightshift.enrichments.registry import built_in, tables_of
from nightshift.errors import TableError
from nightshift.tables import (
    GROUP_FACTS,
    INTERACTIONS,
    ITEM_FACTS,
    ITEM_FEATURES,
    ITEM_TAG_SCORES,
    ITEMS,
    USER_PREFERENCES,
    Table,
)

TABLES = tables_of(built_in())


MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


def items(**columns: object) -> pl.DataFrame:
    plain = {
        "item_id": ["1", "2"],
        "title": ["A", "B"],
        "text": None,
        "attributes": [["x"], None],
        "created_at": None,
    }
    return pl.DataFrame(plain | columns)


def test_columns_come_out_in_the_tables_order_and_types() -> None:
    frame = ITEMS.conform(items().select("title", "attributes", "created_at", "text", "item_id"))
    assert frame.schema == ITEMS.schema
    assert list(frame.columns) == list(ITEMS.columns)


def test_a_lossless_type_is_cast_and_a_value_that_does_not_fit_is_refused_by_name() -> None:
    event = {
        "user_id": [7],
        "item_id": ["1"],
        "timestamp": [MOMENT],
        "label": [1],
        "kind": [None],
        "request_id": [None],
    }
    assert INTERACTIONS.conform(pl.DataFrame(event))["user_id"].to_list() == ["7"]
    with pytest.raises(TableError, match=r"table interactions.*maybe"):
        INTERACTIONS.conform(pl.DataFrame(event | {"label": ["maybe"]}))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (items().drop("title"), r"table items lacks column 'title'; it has \['item_id'"),
        (items(price=[1.0, 2.0]), "table items has no column 'price'"),
        (items(title=["A", None]), "column 'title' is missing in row 1: .*'2'"),
        (items(item_id=["1", "1"]), r"key \('item_id',\) is not unique, \('1',\) appears more than once"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_with_the_place(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(TableError, match=message):
        ITEMS.conform(frame)


def test_an_open_table_takes_any_number_column_as_float32_and_no_text() -> None:
    frame = ITEM_FEATURES.conform(
        pl.DataFrame({"popularity": [1, 2], "item_id": ["a", "b"], "rich": [True, None]})
    )
    assert frame.schema == {"item_id": pl.String, "popularity": pl.Float32, "rich": pl.Float32}
    with pytest.raises(TableError, match="item_features"):
        ITEM_FEATURES.conform(pl.DataFrame({"item_id": ["a"], "colour": ["red"]}))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_takes_its_own_empty_frame_and_has_a_key_among_its_columns(name: str) -> None:
    table = TABLES[name]
    assert table.conform(table.empty()).schema == table.schema
    assert set(table.key) <= set(table.columns)
    assert all(column.about for column in table.columns.values())


def test_tables_that_models_write_say_where_every_row_came_from() -> None:
    for name in ("item_facts", "item_tag_scores", "user_preferences"):
        assert {"origin", "prompt_id", "model_id", "content_key"} <= set(TABLES[name].columns)
    assert ITEM_FACTS.columns["content_key"].required is False


@pytest.mark.parametrize(
    "table", [GROUP_FACTS, ITEM_FACTS, ITEM_TAG_SCORES, USER_PREFERENCES], ids=lambda one: one.name
)
def test_a_table_by_the_name_it_had_is_the_one_that_its_enrichment_writes(table: Table) -> None:
    assert table == built_in()[table.name].table
