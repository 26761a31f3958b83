"""Sample rows on an asset's page stand side by side on a window of 1,400 pixels."""

import polars as pl

from assets.samples import LINE_CHARS, markdown

LONG = "misunderstandings"
"""A word of 17 letters, which the columns beside it leave no room for; they leave room for 14."""


def widest(table: str) -> float:
    """Characters that the columns of a markdown table take side by side, where only blanks break a line."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    columns = list(zip(*rows, strict=True))
    return sum(max(len(word) for cell in column for word in cell.split()) + 2.4 for column in columns)


def facts(word: str, item_id: str = "1") -> pl.DataFrame:
    columns = {
        "item_id": item_id,
        "title": "GoldenEye (1995)",
        "summary": f"A film of {word} at sea.",
        "origin": "template",
    }
    return pl.DataFrame(columns | {"tags": [["teenagers", "melancholy"]]})


def test_a_long_word_is_cut_where_the_columns_would_not_fit() -> None:
    table = markdown(facts(LONG, item_id="i" * 7))
    assert LONG not in table
    assert "A film of misundersta… at sea." in table
    assert widest(table) <= LINE_CHARS


def test_words_that_fit_stay_whole() -> None:
    assert "counterculture" in markdown(facts("counterculture"))
    assert "A film of rivals at sea." in markdown(facts("rivals"))


def test_an_id_is_never_cut() -> None:
    assert "i" * 30 in markdown(facts(LONG, item_id="i" * 30))


def test_a_table_too_wide_for_any_cut_keeps_its_words() -> None:
    wide = pl.DataFrame({f"column {number}": ["undecided"] for number in range(10)})
    assert markdown(wide).count("undecided") == 10
