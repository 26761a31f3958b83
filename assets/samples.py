"""Sample rows and words as an asset page shows them: in sight, not behind a link."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import polars as pl

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 10
CELL_CHARS = (90, 60, 40, 25, 15, 8)
"""Lengths to which a sample's cells are cut, the longest first that keeps the whole sample in sight."""
IN_SIGHT = 1000
"""Dagster shows a markdown text of fewer characters on the page, and a longer one behind a link."""
WORD_CHARS = (24, 16, 14, 12, 11, 10, 9, 8)
"""Lengths to which a sample's words are cut, the longest first that lets its columns stand side by side."""
LINE_CHARS = 58
"""Characters that fit side by side on a page of 1,400 pixels, each column's margin of 2.4 characters
included."""
LINEAGE = ("prompt_id", "model_id", "content_key")
"""Columns a sample leaves out: they are alike in every row and wide."""


def each_origin(frame: pl.DataFrame) -> pl.DataFrame:
    """A sample of a table with fallbacks: rows that the model wrote, then one row of each other origin."""
    others = (
        frame.filter(pl.col("origin") != "llm")
        .unique("origin", keep="first", maintain_order=True)
        .sort("origin")
    )
    return pl.concat([frame.filter(pl.col("origin") == "llm").head(SAMPLE_ROWS - others.height), others])


def each_family(frame: pl.DataFrame) -> pl.DataFrame:
    """A sample of a wide table: the columns that are no feature, then the first features of every family."""
    families: dict[str, list[str]] = {}
    for name in frame.columns:
        families.setdefault(name.split("__")[0] if "__" in name else "", []).append(name)
    plain = families.pop("", [])
    each = max((SAMPLE_COLUMNS - len(plain)) // max(len(families), 1), 1)
    return frame.select(plain + [name for names in families.values() for name in names[:each]])


def bullets(name: str, lines: Sequence[str]) -> dict[str, Any]:
    """Lines as lists that Dagster shows on the page: as many numbered entries as their length asks for."""
    texts = [""]
    for line in lines:
        if len(texts[-1]) + len(line) + 3 >= IN_SIGHT:
            texts.append("")
        texts[-1] += f"- {line}\n"
    names = (
        [name]
        if len(texts) == 1
        else [f"{name} {number} of {len(texts)}" for number in range(1, len(texts) + 1)]
    )
    return {name: dg.MetadataValue.md(text) for name, text in zip(names, texts, strict=True)}


def markdown(frame: pl.DataFrame) -> str:
    """Rows as a markdown table that fits on the page: lineage and empty columns are left out, long values
    are cut."""
    if frame.is_empty():
        return "no rows"
    kept = [
        column.name for column in frame if column.name not in LINEAGE and column.null_count() < frame.height
    ]
    frame = frame.select(kept[:SAMPLE_COLUMNS])
    tables = [_table(frame, chars) for chars in CELL_CHARS]
    return next((table for table in tables if len(table) < IN_SIGHT), tables[-1])


def _table(frame: pl.DataFrame, chars: int) -> str:
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * len(frame.columns)]
    rows = [[_cell(value, chars) for value in row] for row in frame.iter_rows()]
    lines += ["| " + " | ".join(row) + " |" for row in _side_by_side(frame.columns, rows)]
    return "\n".join(lines)


def _side_by_side(columns: Sequence[str], rows: list[list[str]]) -> list[list[str]]:
    """The cells with long words cut, so that the page need not be scrolled sideways; ids stay whole."""
    for chars in WORD_CHARS:
        cut = [
            [
                cell if name.endswith("_id") else _words(cell, chars)
                for name, cell in zip(columns, row, strict=True)
            ]
            for row in rows
        ]
        widest = [_widest(name, column) for name, *column in zip(columns, *cut, strict=True)]
        if sum(widest) + 2.4 * len(widest) <= LINE_CHARS:
            return cut
    return rows


def _widest(name: str, cells: Sequence[str]) -> float:
    """What a column takes, in characters of a cell; a heading's are smaller."""
    return max(0.7 * len(name), *(len(word) for cell in cells for word in cell.split() or [""]))


def _words(cell: str, chars: int) -> str:
    return " ".join(
        word if len(word) <= chars else word[: chars - 1].rstrip("\\") + "…" for word in cell.split(" ")
    )


def _cell(value: Any, chars: int) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list) and value and isinstance(value[0], float):
        return f"{len(value)} numbers"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str("" if value is None else value)
    text = text.replace("\n", " ")
    cut = text if len(text) <= chars else text[: chars - 3] + "..."
    return cut.replace("|", "\\|")
