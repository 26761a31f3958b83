"""Rows that an open quote swallowed: found where a text file has more lines than rows, told with their
lines."""

import polars as pl

from nightshift.sources.files import FILE, SourceFile, guarded
from nightshift.sources.quoting import Span, spans
from nightshift.sources.reads import REJECTS_A_REASON, SWALLOWED
from nightshift.sources.wording import MAX_VALUE_CHARS
from nightshift.tables import REJECTS

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""The formats in which a quoted field may hold line ends."""


def spans_of(files: list[SourceFile], rows: pl.DataFrame) -> tuple[Span, ...]:
    """The rows of all files whose quoted fields run over several lines. Files with as many rows as lines
    are only counted."""
    heights = dict(rows.group_by(FILE).len().iter_rows())
    tables = [file for file in files if file.ending in SEPARATORS]
    longer = [file for file in tables if guarded(file, _lines) > heights.get(file.number, 0)]
    return tuple(span for file in longer for span in guarded(file, _spans))


def _lines(file: SourceFile) -> int:
    """Lines of a file without its header, as its reader counts them."""
    return int(
        pl.scan_csv(file.path, quote_char=None, infer_schema=False, glob=False)
        .select(pl.len())
        .collect()
        .item()
    )


def _spans(file: SourceFile) -> list[Span]:
    return spans(file.scan(), file.place, SEPARATORS[file.ending])


def swallowed_by(found: tuple[Span, ...]) -> int:
    """How many rows were swallowed."""
    return sum(len(span.lines) for span in found if span.as_rows)


def counted_with(dropped: dict[str, int], found: tuple[Span, ...]) -> dict[str, int]:
    """Dropped rows by reason, those that were swallowed among them, the most frequent reason first."""
    more = {SWALLOWED: swallowed_by(found)} if swallowed_by(found) else {}
    return dict(sorted((dropped | more).items(), key=lambda pair: -pair[1]))


def swallowed_rejects(table: str, found: tuple[Span, ...]) -> pl.DataFrame:
    """The swallowed rows as `REJECTS`: the key names their line, the answer is its text; at most 1,000 of
    them."""
    rows = [
        {
            "table": table,
            "key": f"{span.place} line {line}, inside the quote of line {span.line}",
            "reason": SWALLOWED,
            "answer": text,
        }
        for span in found
        if span.as_rows
        for line, text in enumerate((one[:MAX_VALUE_CHARS] for one in span.lines), span.line + 1)
    ]
    schema = {"table": pl.String, "key": pl.String, "reason": pl.String, "answer": pl.String}
    none = [pl.lit(None, pl.String).alias(name) for name in ("prompt_id", "model_id", "content_key")]
    return REJECTS.conform(pl.DataFrame(rows[:REJECTS_A_REASON], schema=schema).with_columns(none))
