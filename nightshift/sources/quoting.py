"""Quotes in CSV and TSV: what a quoted field that runs over several lines swallows, and whether TSV is
quoted at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path

import polars as pl

from nightshift.sources.byte_marks import is_gzip
from nightshift.sources.wording import shown

OPEN_QUOTE = r'(?:^|\t)"(?:[^"]|"")*$'
"""A field that a line leaves open, if quotes mean anything."""
WHOLE = r'^"(?:[^"]|"")*"$'
"""A field that is quoted from its first letter to its last."""
UNUSED = "\x1e"
"""ASCII's record separator, which stands in no table of text: a line is read as one field."""
LINE, BREAKS = "_line", "_breaks"
TELLING_WIDTH = 4
"""From so many fields on, a line of prose that happens to have as many is no coincidence."""


def tsv_quote(text: Path | bytes) -> str | None:
    """The quote of a TSV file: none, so that a tab or line end always ends a field.

    Some programs quote TSV as CSV, with line ends inside fields: there, and only there, lines that leave a
    quote open have too few fields.
    """
    if not has_quotes(text):
        return None
    lines = pl.scan_csv(text, separator=UNUSED, quote_char=None, infer_schema=False, glob=False)
    header = lines.collect_schema().names()[0]
    quoted = lines.select(line=pl.col(header)).filter(pl.col("line").str.contains('"', literal=True))
    left_open = quoted.filter(pl.col("line").str.contains(OPEN_QUOTE))
    tabs = left_open.select(pl.col("line").str.count_matches("\t", literal=True)).collect()["line"]
    return '"' if len(tabs) and (tabs < header.count("\t")).all() else None


def unquoted(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows without the quotes that stand round a whole field, in the header too."""
    names = rows.collect_schema().names()
    bare = pl.Series(names).to_frame("name").select(_bare(pl.col("name")))["name"]
    return rows.select(_bare(pl.col(name)).alias(said) for name, said in zip(names, bare, strict=True))


def _bare(column: pl.Expr) -> pl.Expr:
    inside = column.str.slice(1, column.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    return pl.when(column.str.contains(WHOLE)).then(inside).otherwise(column).name.keep()


def has_quotes(text: Path | bytes) -> bool:
    """Whether there is any quote; gzipped files always might have one."""
    if isinstance(text, bytes):
        return b'"' in text
    if is_gzip(text) or not text.stat().st_size:
        return True
    with text.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as whole:
        return whole.find(b'"') >= 0


@dataclass(frozen=True, slots=True)
class Span:
    """A row whose quoted fields run over several lines."""

    place: str
    """The file's name."""
    line: int
    """Line on which the row begins, from 1, the header counted."""
    start: str
    """The first line of the first such field."""
    lines: tuple[str, ...]
    """The field's further lines, of which the last ends at the quote."""
    as_rows: bool
    """Each line alone has as many fields as the header."""

    @property
    def said(self) -> str:
        """`a quoted field runs over 3 lines; 2 rows were swallowed: '"great'`."""
        swallowed = f"; {_rows(len(self.lines))} swallowed" if self.as_rows else ""
        return (
            f"a quoted field runs over {len(self.lines) + 1} lines{swallowed}: {shown(chr(34) + self.start)}"
        )


def _rows(count: int) -> str:
    return "1 row was" if count == 1 else f"{count:,} rows were"


def spans(rows: pl.LazyFrame, place: str, separator: str) -> list[Span]:
    """Every row of a text table with line ends inside its fields. All columns are read: ask only where
    rows are fewer than lines."""
    names = rows.collect_schema().names()
    breaks = pl.sum_horizontal(pl.col(names).str.count_matches("\n", literal=True).fill_null(0))
    header = 2 + sum(name.count("\n") for name in names)
    line = header + pl.int_range(pl.len()) + breaks.cum_sum() - breaks
    found = (
        rows.with_columns(line.alias(LINE), breaks.alias(BREAKS))
        .filter(pl.col(BREAKS) > 0)
        .drop(BREAKS)
        .collect()
    )
    read = [_span(place, row[-1], row[:-1], separator) for row in found.iter_rows()]
    if len(names) < TELLING_WIDTH and not all(span.as_rows for span in read):
        return [replace(span, as_rows=False) for span in read]
    return read if len(names) > 1 else [replace(span, as_rows=False) for span in read]


def _span(place: str, line: int, fields: Sequence[str | None], separator: str) -> Span:
    """Fields are counted by line: a field of one line is one, whatever it holds; one of several lines is
    as many as its separators say."""
    counts, start = [0], ""
    lines: list[str] = []
    for field in fields:
        first, *further = (field or "").split("\n")
        counts[-1] += first.count(separator) + 1 if further else 1
        counts += [piece.count(separator) + 1 for piece in further]
        start, lines = (first, further) if further and not lines else (start, lines)
    as_rows = counts[0] >= len(fields) and set(counts[1:]) == {len(fields)}
    return Span(place, line, start.rstrip("\r"), tuple(piece.rstrip("\r") for piece in lines), as_rows)
