"""Text files of any size as frames: whole lines in blocks of 16 MiB, so that memory is bounded whatever
the file's size.

A block is parsed at once by polars. Only where that fails are its lines looked at one by one, to name the
one that is wrong, or to bring values into one type where a data set has several (`description` as text in
one line and as a list in the next).
"""

import ast
import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.datasets.published.original import Member
from nightshift.sources.wording import shown

BLOCK = 16 * 2**20
"""Bytes of a block. A frame of it takes a few times as much memory; larger blocks are no faster."""

Schema = dict[str, Any]
"""Column to polars type; what a data set has beside them is left out."""


def blocks(member: Member, size: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """Whole lines, `size` bytes at a time, with the number of the first (from 1)."""
    number, rest = 1, b""
    with member.open() as stream:
        while chunk := stream.read(size):
            head, newline, rest_of_chunk = chunk.rpartition(b"\n")
            if not newline:
                rest += chunk
                continue
            block = rest + head + newline
            yield number, block
            number += block.count(b"\n")
            rest = rest_of_chunk
    if rest.strip():
        yield number, rest + b"\n"


def tables(
    member: Member, columns: list[str], separator: str, *, header: bool, quoted: bool = False
) -> Iterator[pl.DataFrame]:
    """Delimited UTF-8 text, every column as text and named `columns`. Raises SourceError naming the line
    that does not fit."""
    for number, block in blocks(member):
        content = block.partition(b"\n")[2] if header and number == 1 else block
        if content.strip():
            yield _table(member, number + (content is not block), content, columns, separator, quoted)


def _table(
    member: Member, number: int, block: bytes, columns: list[str], separator: str, quoted: bool
) -> pl.DataFrame:
    text = block.replace(b"\r\n", b"\n")
    single = separator if len(separator) == 1 else "\t"  # polars splits at one byte; MovieLens has "::"
    content = text if single == separator else text.replace(separator.encode(), single.encode())
    schema = dict.fromkeys(columns, pl.String)
    try:
        frame = pl.read_csv(
            content,
            separator=single,
            quote_char='"' if quoted else None,
            has_header=False,
            schema=schema,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError as error:
        named = _odd_line(member, number, text, columns, separator, quoted)
        reason = named or f"{member.place} from line {number:,}: {shown(str(error))}"
        raise SourceError(f"{reason}. Repair the line, or download the file again") from error
    short = _maybe_short(frame, content, single, quoted) and _odd_line(
        member, number, text, columns, separator, quoted
    )
    if short:
        raise SourceError(f"{short}. Repair the line, or download the file again")
    return frame


def _maybe_short(frame: pl.DataFrame, content: bytes, separator: str, quoted: bool) -> bool:
    """Whether a line may have too few fields, which polars fills with empty ones."""
    if quoted:
        return bool((frame.to_series(frame.width - 1) == "").any())
    return content.count(separator.encode()) != frame.height * (frame.width - 1)


def split_rows(member: Member, separator: str, width: int, encoding: str = "utf-8") -> Iterator[list[str]]:
    """Rows of a small text file, split at a separator. Raises SourceError naming a line with another
    number of fields."""
    for number, raw in enumerate(member.read().splitlines(), 1):
        row = raw.decode(encoding).split(separator)
        if len(row) != width:
            raise SourceError(
                f"{member.place} line {number:,} has {len(row)} fields, expected are {width}: "
                f"{shown(separator.join(row))}"
            )
        yield row


def _odd_line(
    member: Member, number: int, block: bytes, columns: list[str], separator: str, quoted: bool
) -> str | None:
    for line, raw in enumerate(block.splitlines(), number):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return f"{member.place} line {line:,} is not UTF-8: {shown(raw.decode('utf-8', 'replace'))}"
        fields = next(csv.reader([text], delimiter=separator), []) if quoted else text.split(separator)
        if len(fields) != len(columns):
            expected = f"expected are {len(columns)} ({', '.join(columns)})"
            found = f"{member.place} line {line:,} has {len(fields)} fields"
            return f"{found}, {expected}: {shown(text)}"
    return None


def json_lines(member: Member, schema: Schema) -> Iterator[pl.DataFrame]:
    """One JSON object a line. Raises SourceError naming the line that is none, or holds a value that does
    not fit."""
    for number, block in blocks(member):
        try:
            yield pl.read_ndjson(io.BytesIO(block), schema=schema)
        except pl.exceptions.PolarsError:
            yield _line_by_line(member, number, block, schema, json.loads, "JSON object")


def literal_lines(member: Member, schema: Schema) -> Iterator[pl.DataFrame]:
    """One Python dictionary a line, as older data sets of UCSD have them: {'asin': 'B00', 'price': 5.2}.
    Read as literals, never run."""
    for number, block in blocks(member):
        yield _line_by_line(member, number, block, schema, _literal, "Python dictionary or JSON object")


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return json.loads(text)


def _line_by_line(
    member: Member, number: int, block: bytes, schema: Schema, parse: Callable[[str], Any], kind: str
) -> pl.DataFrame:
    rows = []
    for line, raw in enumerate(block.split(b"\n"), number):
        if raw.strip():
            rows.append(_row(f"{member.place} line {line:,}", raw, schema, parse, kind))
    return pl.DataFrame(rows, schema=schema, orient="row")


def _row(place: str, raw: bytes, schema: Schema, parse: Callable[[str], Any], kind: str) -> list[Any]:
    wrong = (
        f"{place} is no {kind}: {shown(raw.decode('utf-8', 'replace').strip())}. Repair or remove the "
        f"line, or download the file again"
    )
    try:
        record = parse(raw.decode("utf-8").strip())
    except (ValueError, RecursionError) as error:
        raise SourceError(wrong) from error
    if not isinstance(record, dict):
        raise SourceError(wrong)
    return [_value(place, name, record.get(name), dtype) for name, dtype in schema.items()]


def _value(place: str, name: str, value: Any, dtype: Any) -> Any:
    """The value in its column's type; a text where a list is expected becomes a list of it, lists of lists
    are flattened."""
    if value is None:
        return None
    try:
        return CASTS[dtype](value)
    except (TypeError, ValueError, KeyError) as error:
        raise SourceError(
            f"{place}, {name} should be {dtype}: {shown(value)}. Repair or remove the line"
        ) from error


def _text(value: Any) -> str:
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
        if isinstance(value, (dict, list, bool))
        else str(value)
    )
    return text.encode("utf-8", "ignore").decode("utf-8")  # without lone surrogates


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [] if value is None or value == "" else [_text(value)]


CASTS: dict[Any, Callable[[Any], Any]] = {
    pl.String: _text,
    pl.List(pl.String): _texts,
    pl.Float64: float,
    pl.Int64: int,
    pl.Boolean: bool,
}
"""How a value of a line becomes one of its column."""


def number(frame: pl.DataFrame, column: str, place: str, dtype: Any = pl.Float64) -> pl.Series:
    """A text column as numbers. Raises SourceError naming the first value that is none; the empty text
    becomes null."""
    text = frame[column].str.strip_chars()
    text = text.set(text == "", None)
    cast = text.cast(dtype, strict=False)
    bad = text.filter(cast.is_null() & text.is_not_null())
    if not bad.is_empty():
        raise SourceError(
            f"{place}: {column} {shown(bad[0])} is not a number. Repair the line, or download the file again"
        )
    return cast


def datetimes(frame: pl.DataFrame, column: str, pattern: str, place: str) -> pl.Series:
    """A text column as UTC moments, by a strftime pattern. Raises SourceError naming the first misfit;
    empty becomes null."""
    text = frame[column].str.strip_chars()
    text = text.set(text == "", None)
    parsed = text.str.to_datetime(pattern, strict=False, time_unit="us", time_zone="UTC")
    bad = text.filter(parsed.is_null() & text.is_not_null())
    if not bad.is_empty():
        raise SourceError(
            f"{place}: {column} {shown(bad[0])} is no time like {pattern}. Repair the line, or "
            f"download the file again"
        )
    return parsed
