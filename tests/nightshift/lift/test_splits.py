"""Splits that nothing can be learnt from, and what is said of each."""

import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.lift.training import check_splits


def split(groups: list[str], users: list[str], labels: list[float]) -> pl.DataFrame:
    schema = {"user_id": pl.String, "group_id": pl.String, "label": pl.Float32}
    return pl.DataFrame({"user_id": users, "group_id": groups, "label": labels}, schema=schema)


EMPTY = split([], [], [])


def test_lists_of_several_users_are_named_where_nothing_is_left_to_train_on() -> None:
    test = split(["all"] * 4, ["u", "v", "v", "w"], [0.0, 1.0, 0.0, 1.0])
    words = (
        r"list 'all' has 4 rows of 3 users, .*sources.interactions.group names no list; map the id of one "
        r"request"
    )
    with pytest.raises(SourceError, match=words):
        check_splits({"train": EMPTY, "valid": EMPTY, "test": test})


def test_lists_in_order_are_told_to_run_earlier_nights() -> None:
    test = split(["a", "a", "b", "b"], ["u", "u", "v", "v"], [0.0, 1.0, 0.0, 1.0])
    with pytest.raises(SourceError, match=r"the train split has 0 rows .* run earlier nights"):
        check_splits({"train": EMPTY, "valid": EMPTY, "test": test})
