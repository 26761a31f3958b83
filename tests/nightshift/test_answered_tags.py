from typing import Any

import polars as pl

from nightshift.enrichments.item_facts.answered_tags import with_answered_tags

STRINGS = pl.List(pl.String)


def frame(*rows: tuple[Any, ...], **columns: Any) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=columns, orient="row")


ROWS = frame(
    ("a", "llm", ["scored"]), ("b", "carried", ["scored"]), ("c", "template", ["scored"]), ("d", "carried", []),
    item_id=pl.String, origin=pl.String, tags=STRINGS,
)  # fmt: skip
WRITTEN = frame(("a", ["said"]), ("c", ["of another night"]), item_id=pl.String, tags=STRINGS)
LAST = frame(("a", ["old"]), ("b", ["kept"]), item_id=pl.String, tags=STRINGS)


def test_answered_rows_have_the_answers_tags_carried_ones_last_nights_and_others_the_scored_ones() -> None:
    assert with_answered_tags(ROWS, WRITTEN, LAST)["tags"].to_list() == [["said"], ["kept"], ["scored"], []]


def test_where_answers_hold_no_tags_nothing_changes() -> None:
    assert with_answered_tags(ROWS, WRITTEN.drop("tags"), LAST).equals(ROWS)


def test_rows_keep_their_order_and_columns() -> None:
    told = with_answered_tags(ROWS, WRITTEN, LAST)
    assert told["item_id"].to_list() == ["a", "b", "c", "d"]
    assert told.columns == ROWS.columns
