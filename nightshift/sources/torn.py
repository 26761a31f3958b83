"""Finding the line at which a text file stops being readable. Slow, and only run after a reader gave up."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from nightshift.sources.wording import shown


def bad_line(path: Path, ending: str) -> str | None:
    """`line 17 is not JSON: '...'`, for the first line that is wrong; None when no line is, or the format
    has no lines."""
    if ending == ".parquet":
        return None
    try:
        return next(
            _not_json(path)
            if ending in (".jsonl", ".ndjson")
            else _not_rectangular(path, "\t" if ending == ".tsv" else ","),
            None,
        )
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        return f"{shown(str(error))} (torn?)"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as lines:
        yield from enumerate(lines, 1)


def _not_json(path: Path) -> Iterator[str]:
    for number, line in _lines(path):
        problem = _json_problem(line)
        if problem:
            yield f"line {number} is {problem}: {_start(line)}"


def _json_problem(line: bytes) -> str | None:
    try:
        value: object = json.loads(line.decode("utf-8")) if line.strip() else {}
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError:
        return "not JSON"
    return None if isinstance(value, dict) else "not a JSON object"


def _not_rectangular(path: Path, separator: str) -> Iterator[str]:
    for number, line in _lines(path):
        if _not_utf8(line):
            yield f"line {number} is not UTF-8: {_start(line)}"
    rows = csv.reader((line.decode("utf-8", "replace") for _, line in _lines(path)), delimiter=separator)
    width = len(next(rows, []))
    for row in rows:
        if len(row) > width:
            yield (
                f"line {rows.line_num} has {len(row)} fields, the header has {width}: "
                f"{shown(separator.join(row))}"
            )


def _not_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _start(line: bytes) -> str:
    return shown(line.decode("utf-8", "replace").strip())
