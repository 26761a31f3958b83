"""Files of answers that a model gave elsewhere: read as sources are, a row id and what was said."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from nightshift.errors import ConfigError
from nightshift.models.llm.recorded import RecordedAnswers, RecordedFiles
from nightshift.sources.columns import id_of
from nightshift.sources.files import SourceFile, guarded
from nightshift.storage.ledger import SEPARATOR

ENDINGS = (".parquet", ".csv", ".jsonl")
"""Kinds of files; they are read as sources are."""


def read_recorded(block: RecordedFiles, table: str, root: Path) -> pl.DataFrame:
    """`row_id, answer`: what is recorded for a table; no rows for a table that has no file.

    Raises ConfigError for a file that is not there, a column that it lacks, a row with two different
    answers; SourceError for a file that cannot be read.
    """
    source = block.tables.get(table, RecordedAnswers())
    return answers_of(source, f"llm.recorded.{table}", root, (source.key,))


def answers_of(source: RecordedAnswers, setting: str, root: Path, keys: Sequence[str]) -> pl.DataFrame:
    """`row_id, answer` of one file, `keys` naming its rows. Raises as `read_recorded` does; `setting` says
    where the file is named."""
    if source.path is None:
        return pl.DataFrame(schema={"row_id": pl.String, "answer": pl.String})
    rows = _read(setting, root / Path(source.path).expanduser())
    for name in (*keys, source.answer):
        if name not in rows.columns:
            raise ConfigError(
                f"{setting}: {source.path} has no column {name!r}; it has {', '.join(rows.columns)}"
            )
    ids = [_part(setting, name, rows.schema[name], source.path) for name in keys]
    row_id = ids[0] if len(ids) == 1 else pl.concat_str(ids, separator=SEPARATOR)
    said = rows.select(row_id=row_id, answer=pl.col(source.answer).cast(pl.String)).drop_nulls().unique()
    twice = said.filter(pl.col("row_id").is_duplicated())["row_id"].sort()
    if twice.len():
        shown = twice[0].replace(SEPARATOR, ", ")
        raise ConfigError(
            f"{setting}: {source.path} has several answers for {shown!r}; keep one row for each id"
        )
    return said.sort("row_id")


def _part(setting: str, name: str, dtype: pl.DataType, place: str) -> pl.Expr:
    """A column of a row's id as the ledger spells it: moments are microseconds since 1970."""
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.timestamp("us").cast(pl.String)
    return id_of(setting, name, dtype, place)


def _read(setting: str, path: Path) -> pl.DataFrame:
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{setting}: {path} must end in {', '.join(ENDINGS)}")
    if not path.is_file():
        raise ConfigError(
            f"{setting}: {path} is not there; paths are relative to the folder of nightshift.yaml"
        )
    return guarded(SourceFile(path, str(path), 0), lambda file: file.scan().collect())
