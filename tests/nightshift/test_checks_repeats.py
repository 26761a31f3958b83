"""Checks between rows: one text for everybody, and texts that all begin alike."""

from typing import Any

import polars as pl
import pytest

from nightshift.night.checks import CheckSettings, repeated_answers, similar_openings

SETTINGS = CheckSettings()


def table(texts: list[str], key: str = "item_id", **columns: Any) -> pl.DataFrame:
    ids = [f"i{n}" for n in range(len(texts))]
    said = {key: ids, "summary": texts, "content_key": ids, "origin": ["llm"] * len(texts)}
    return pl.DataFrame(said, schema=dict.fromkeys(said, pl.String)).with_columns(
        pl.Series(name, values) for name, values in columns.items()
    )


def different(count: int) -> list[str]:
    nouns = ("Lamp", "Desk", "Bed", "Sofa")
    return [f"{nouns[n % 4]} {n} stands in a room of its own." for n in range(count)]


@pytest.mark.parametrize("key", ["item_id", "group", "user_id"])
def test_one_text_for_everybody_is_told_with_its_words_and_owners(key: str) -> None:
    found = repeated_answers(table(["A great product for everyone."] * 24, key), SETTINGS)
    assert (found.name, found.passed, found.blocking) == ("repeated_answers", False, False)
    assert found.message.startswith(
        "24 of 24 different answers say the same (100.0%); at most 25%: 'a great product for everyone'"
    )
    assert "['i0', 'i1', 'i2']" in found.message
    assert "checks.max_repeated_answers" in found.message
    assert found.numbers == {"share": 1.0, "largest": 24, "answers": 24, "limit": 0.25}


@pytest.mark.parametrize(
    "alike",
    [
        ["A great product.", "a great product", "A  GREAT product!", "A great product. "] * 6,
        ["A great product."] * 7 + different(17),
    ],
    ids=["letter case, spaces and marks", "just above the limit"],
)
def test_nearly_one_text_for_many_is_told(alike: list[str]) -> None:
    assert not repeated_answers(table(alike), SETTINGS).passed


@pytest.mark.parametrize(
    "frame",
    [
        table(different(24)),
        table(["A great product."] * 6 + different(18)),
        table(["A great product."] * 9),
        table(["A great product."] * 24, content_key=["same"] * 24),
        table(["A great product."] * 24, origin=["template"] * 24),
        table(["A great product."] * 24, origin=["group"] * 24),
        table([]),
    ],
    ids=[
        "different",
        "at the limit",
        "too few",
        "the same request",
        "templates",
        "groups' sentences",
        "nothing",
    ],
)
def test_what_nobody_has_to_look_at_passes(frame: pl.DataFrame) -> None:
    assert repeated_answers(frame, SETTINGS).passed
    assert similar_openings(frame, SETTINGS).passed


def test_carried_answers_count_as_well() -> None:
    assert not repeated_answers(table(["A great product."] * 24, origin=["carried"] * 24), SETTINGS).passed


def test_texts_that_begin_alike_are_told() -> None:
    found = similar_openings(
        table([f"The user has a taste for {n} things." for n in range(24)], "user_id"), SETTINGS
    )
    assert (found.name, found.passed, found.blocking) == ("similar_openings", False, False)
    assert found.message.startswith(
        "24 of 24 different answers begin alike (100.0%); at most 50%: 'the user has a taste'"
    )
    assert "checks.max_similar_openings" in found.message


def test_equal_texts_are_one_opening_and_not_told_twice() -> None:
    frame = table(["A great product for everyone here."] * 24 + different(12))
    assert not repeated_answers(frame, SETTINGS).passed
    assert similar_openings(frame, SETTINGS).passed


def test_limits_and_blocking_are_settings() -> None:
    frame = table(["A great product."] * 24)
    assert repeated_answers(frame, CheckSettings(max_repeated_answers=1.0)).passed
    assert repeated_answers(frame, CheckSettings(least_answers=25)).passed
    strict = CheckSettings(block_repeated_answers=True)
    assert repeated_answers(frame, strict).blocking
    assert similar_openings(frame, strict).blocking
