"""Rows that an open quote swallowed: found where a text file has more lines than rows, told with their
lines."""

from dataclasses import replace

import polars as pl

from nightshift.sources.files import SourceFile, guarded
from nightshift.sources.quoting import Span, spans
from nightshift.sources.reads import REJECTS_A_REASON, SWALLOWED
from nightshift.sources.repairs import repaired
from nightshift.sources.wording import MAX_VALUE_CHARS
from nightshift.tables import REJECTS

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""The formats in which a quoted field may hold line ends."""


def settled(files: list[SourceFile]) -> tuple[list[SourceFile], tuple[Span, ...]]:
    """The files as they should be read, and the rows whose quoted fields run over several lines.

    Files with as many rows as lines are only counted. Quotes inside the fields of a row of several lines
    mean that polars may have taken a letter (`17"`) for an opening quote: such a file is read from its
    repaired text.
    """
    read = [_settled(file) for file in files]
    return [file for file, _ in read], tuple(span for _, found in read for span in found)


def _settled(file: SourceFile) -> tuple[SourceFile, list[Span]]:
    if file.ending not in SEPARATORS or not guarded(file, _has_more_lines_than_rows):
        return file, []
    read, found = guarded(file, _spans)  # of the repaired text where polars gives up on a column
    if read.text is None and any('"' in line for span in found for line in (span.start, *span.lines)):
        return guarded(file, _repaired_spans)
    return read, found


def _repaired_spans(file: SourceFile) -> tuple[SourceFile, list[Span]]:
    text = repaired(file.path, file.ending)
    if text is None:
        raise pl.exceptions.ComputeError("quotes that cannot be told from letters")
    return _spans(replace(file, text=text))


def _has_more_lines_than_rows(file: SourceFile) -> bool:
    """Both are counted without splitting a line into fields."""
    lines = pl.scan_csv(file.path, quote_char=None, infer_schema=False, glob=False).select(pl.len())
    return bool(lines.collect().item() > file.scan().select(pl.len()).collect().item())


def _spans(file: SourceFile) -> tuple[SourceFile, list[Span]]:
    return file, spans(file.scan(), file.place, SEPARATORS[file.ending])


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
