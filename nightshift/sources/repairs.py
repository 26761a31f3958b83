"""The same text as a strict reader wants it, for files that other programs read: made in memory, and only
after a reader gave up.

JSON as Python and JavaScript write it (NaN, Infinity, a byte-order mark) and CSV with quotes inside fields
(`17" monitor`).
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from nightshift.sources.byte_marks import is_gzip

csv.field_size_limit(2**31 - 1)  # Python's 131,072 characters are fewer than a text may have
JSON_ENDINGS = (".jsonl", ".ndjson")
NO_NUMBER = re.compile(rb'("(?:[^"\\]|\\.)*")|(?<![\w.+-])-?(?:NaN|Infinity)(?!\w)')
"""A JSON string, which stays, or one of the numbers that Python writes and JSON has not."""


def repaired(path: Path, ending: str) -> bytes | None:
    """The file's text in strict JSONL or CSV, in UTF-8; None where there is nothing that can be repaired
    without guessing.

    Linear in the file, and held in memory. Row numbers stay as they are.
    """
    try:
        if ending in JSON_ENDINGS:
            return _strict_json(path)
        return _strict_csv(path, "\t" if ending == ".tsv" else ",") if ending in (".csv", ".tsv") else None
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError):
        return None


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a text file, gzipped or not, without a byte-order mark."""
    with gzip.open(path) if is_gzip(path) else path.open("rb") as lines:
        for number, line in enumerate(lines):
            yield line if number else line.removeprefix(codecs.BOM_UTF8)


def _strict_json(path: Path) -> bytes:
    return b"".join(
        _without_nan(line) if b"NaN" in line or b"Infinity" in line else line for line in lines_of(path)
    )


def _without_nan(line: bytes) -> bytes:
    return NO_NUMBER.sub(lambda found: found.group(1) or b"null", line)


def _strict_csv(path: Path, separator: str) -> bytes | None:
    """Every field quoted as it must be; None where a row has more fields than the header, or a quote is
    never closed."""
    rows = csv.reader((line.decode("utf-8") for line in lines_of(path)), delimiter=separator, strict=True)
    strict, width = io.StringIO(), 0
    writer = csv.writer(strict, delimiter=separator, lineterminator="\n")
    for row in rows:
        width = width or len(row)
        if len(row) > width:
            return None
        writer.writerow(row)
    return strict.getvalue().encode()
