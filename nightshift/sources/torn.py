"""Finding the line at which a text file stops being readable. Slow, and only run after a reader gave up."""

import csv
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from nightshift.sources.quoting import tsv_quote
from nightshift.sources.repairs import JSON_ENDINGS, lines_of
from nightshift.sources.wording import shown


def bad_line(path: Path, ending: str) -> str | None:
    """`line 17 is not JSON: '...'`, for the first line that is wrong; None when no line is, or the format
    has no lines."""
    if ending == ".parquet":
        return None
    try:
        return next(
            _not_json(path)
            if ending in JSON_ENDINGS
            else _not_rectangular(path, "\t" if ending == ".tsv" else ","),
            None,
        )
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        return f"{shown(str(error))} (torn?)"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    yield from enumerate(lines_of(path), 1)


def _not_json(path: Path) -> Iterator[str]:
    for number, line in _lines(path):
        problem = _json_problem(line)
        if problem:
            yield f"line {number} {problem}: {_start(line)}"


def _json_problem(line: bytes) -> str | None:
    try:
        value: object = json.loads(line.decode("utf-8"), parse_float=_finite) if line.strip() else {}
    except UnicodeDecodeError:
        return "is not UTF-8"
    except OverflowError as error:
        return f"holds {error}, which is larger than any number; write null"
    except (ValueError, RecursionError):
        return "is not JSON"
    return None if isinstance(value, dict) else "is not a JSON object"


def _finite(digits: str) -> float:
    if math.isinf(float(digits)):
        raise OverflowError(digits)
    return float(digits)


def _not_rectangular(path: Path, separator: str) -> Iterator[str]:
    for number, line in _lines(path):
        if _not_utf8(line):
            yield f"line {number} is not UTF-8: {_start(line)}"
    quoting: Literal[0, 3] = (
        csv.QUOTE_NONE if separator == "\t" and tsv_quote(path) is None else csv.QUOTE_MINIMAL
    )
    texts = (line.decode("utf-8", "replace") for _, line in _lines(path))
    rows = csv.reader(texts, delimiter=separator, quoting=quoting, strict=True)
    width, begin = 0, 1
    try:
        for row in rows:
            width, begin = width or len(row), rows.line_num + 1
            if len(row) > width:
                yield (
                    f"line {rows.line_num} has {len(row)} fields, the header has {width}: "
                    f"{shown(separator.join(row))}"
                )
    except csv.Error as error:
        yield _quote_problem(path, begin, rows.line_num, str(error))


def _quote_problem(path: Path, begin: int, end: int, error: str) -> str:
    """What Python's strict reader met: a field without an end, or one that goes on after its end."""
    line = end if "expected after" in error else begin
    start = next((_start(text) for number, text in _lines(path) if number == line), "''")
    if "expected after" in error:
        return (
            f"line {line} goes on after a closing quote; inside a quoted field a quote is written twice "
            f'(""): {start}'
        )
    if "unexpected end" in error:
        return f"line {line} opens a quoted field that is never closed: {start}"
    return f"line {line} cannot be split into fields ({error}): {start}"


def _not_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _start(line: bytes) -> str:
    return shown(line.decode("utf-8", "replace").strip())
