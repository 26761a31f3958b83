"""Finding and opening source files: Parquet, CSV, TSV and JSONL behind one lazy face.

Text formats are read without guessing types (CSV and TSV columns arrive as text, so the id "007" stays
"007"); the mapping says what a column means. Every row keeps its place: the number of its file and its
row, counted from 1 without the header.
"""

import glob
import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.byte_marks import foreign
from nightshift.sources.paths import folder_keys, matching_files
from nightshift.sources.quoting import has_quotes, tsv_quote, unquoted
from nightshift.sources.repairs import repaired
from nightshift.sources.settings import InteractionsSource, ItemsSource, UsersSource
from nightshift.sources.torn import bad_line
from nightshift.sources.wording import missing_column, shown
from nightshift.storage.content_key import canonical

T = TypeVar("T")

FILE = "_file"
"""Column with the number of a row's file, from 0, in the order of `find_files`."""
ROW = "_row"
"""Column with a row's number inside its file, from 1; a header is not counted."""
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError)
"""What a reader raises over bytes; a hole in Parquet panics."""


Text = Path | bytes
"""A file, or its repaired text."""


def _csv(text: Text, separator: str = ",", quote: str | None = '"') -> pl.LazyFrame:
    return pl.scan_csv(text, separator=separator, quote_char=quote, infer_schema=False, glob=False)


def _tsv(text: Text) -> pl.LazyFrame:
    """Tabs and line ends always end a field; quotes round the whole of one are taken off, as they are in
    CSV."""
    quote = tsv_quote(text)
    rows = _csv(text, "\t", quote)
    return unquoted(rows) if quote is None and has_quotes(text) else rows


def _jsonl(text: Text) -> pl.LazyFrame:
    """This reader knows no `glob=False`: a path is handed over as the pattern that only it matches."""
    return pl.scan_ndjson(
        glob.escape(str(text)) if isinstance(text, Path) else text, infer_schema_length=None
    )


SCANNERS: dict[str, Callable[[Text], pl.LazyFrame]] = {
    ".parquet": lambda path: pl.scan_parquet(path, glob=False, hive_partitioning=False),
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
}
"""How each format is opened, by the file name's ending (before .gz)."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source, and its name as messages show it."""

    path: Path
    place: str
    number: int
    text: bytes | None = field(default=None, repr=False)
    """What is read instead of the file, where its text had to be repaired."""

    @property
    def ending(self) -> str:
        """The format's ending, such as `.csv` for `events.csv.gz`."""
        return Path(self.path.name.removesuffix(".gz")).suffix.lower()

    def scan(self) -> pl.LazyFrame:
        """All rows, lazily, with the columns that `key=value` folders hold. Raises SourceError when the
        file is of another kind."""
        if self.ending != ".parquet" and (said := foreign(self.path, self.ending)):
            raise SourceError(f"{self.place} {said}")
        rows = SCANNERS[self.ending](self.path if self.text is None else self.text)
        keys = folder_keys(self.place)
        inside = set(rows.collect_schema()) if keys else set()
        return rows.with_columns(
            pl.lit(value, pl.String).alias(key) for key, value in keys.items() if key not in inside
        )


def find_files(block: str, pattern: str, root: Path) -> list[SourceFile]:
    """The files a path or glob names, sorted. Raises SourceError when there are none or a format is not
    known.

    Hidden files, files whose name starts with an underscore and empty text files are left out, as Spark
    writes them.
    """
    if "://" in pattern:
        raise SourceError(
            f"sources.{block}.path {pattern!r} is a URL; only files of this machine are read: mount "
            f"the bucket, or copy it first"
        )
    paths = matching_files(pattern, root)
    if not paths:
        raise SourceError(
            f"no file matches {pattern!r} in {root}; set sources.{block}.path to a file or glob "
            f"relative to nightshift.yaml"
        )
    files = [SourceFile(path, _place(path, root), number) for number, path in enumerate(paths)]
    for file in files:
        _check_format(block, file)
    full = [file for file in files if file.path.stat().st_size or file.ending == ".parquet"]
    if not full:
        raise SourceError(
            f"{files[0].place} is empty (0 bytes): sources.{block}.path names no file with rows"
        )
    return full


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _check_format(block: str, file: SourceFile) -> None:
    if file.ending not in SCANNERS or file.path.name.endswith(".parquet.gz"):
        known = ", ".join(SCANNERS)
        raise SourceError(
            f"{file.place} is not a format that sources.{block} reads; use {known} (text also with "
            f".gz), or narrow the path"
        )


def columns_of(block: str, file: SourceFile, wanted: Iterable[tuple[str, str]]) -> Mapping[str, pl.DataType]:
    """Column name to type; raises SourceError when one of the wanted (setting, column) pairs is missing."""
    schema = file.scan().collect_schema()
    for setting, column in wanted:
        if column not in schema:
            raise SourceError(missing_column(f"sources.{block}.{setting}", column, file.place, list(schema)))
    return schema


def numbered(file: SourceFile, columns: Mapping[str, pl.Expr]) -> pl.LazyFrame:
    """The columns of a file, each row with its place."""
    frame = file.scan().select(**columns).with_row_index(ROW, offset=1)
    return frame.with_columns(pl.col(ROW).cast(pl.Int64), pl.lit(file.number, pl.Int32).alias(FILE))


def place_of(files: list[SourceFile]) -> pl.Expr:
    """`events/a.csv row 17`, for every row."""
    names = {file.number: file.place for file in files}
    return pl.format("{} row {}", pl.col(FILE).replace_strict(names, return_dtype=pl.String), pl.col(ROW))


def guarded(file: SourceFile, read: Callable[[SourceFile], T]) -> T:
    """What `read` gives of a file, or else of its repaired text.

    What polars could not read becomes a SourceError that names the file, and the line of a text format.
    """
    try:
        return read(file)
    except UNREADABLE as error:
        text = None if file.text is not None else repaired(file.path, file.ending)
        if text is not None:
            with suppress(*UNREADABLE):
                return read(replace(file, text=text))
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = bad_line(file.path, file.ending) or shown(first)
        raise SourceError(
            f"{file.place} cannot be read as {file.ending[1:]}: {reason}; repair or remove the file"
        ) from error


def source_digest(source: ItemsSource | InteractionsSource | UsersSource, root: Path) -> str:
    """SHA-256 over the mapping and the name, size and modification time of every file: equal while nothing
    changed.

    Contents are not read, so a sensor can ask every minute. A touched file counts as changed; the night it
    starts finds every answer in the ledger.
    """
    stats = [(file.place, file.path.stat()) for file in find_files(source.block, source.path, root)]
    parts = [
        source.model_dump(mode="json"),
        *([place, stat.st_size, stat.st_mtime_ns] for place, stat in stats),
    ]
    return hashlib.sha256(canonical(parts).encode()).hexdigest()
