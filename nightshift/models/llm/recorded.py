"""The `recorded` backend: answers that were written elsewhere enter the ledger under their own model's name.

A file names a row and what a model once said about it. Nothing is sent anywhere and nothing is computed:
answers are found by row id, parsed and refused like any other, and cost nothing. Prompts carry no row ids
(a model may not see them), so the lookup happens where rows are asked: content keys are told apart by the
recorded answer, and `RecordedLLM` is handed the answers of its batch by key. A row without a recorded
answer is not asked; a changed answer is a new key.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.models.llm.base import Answer, ModelIdentity, Question, Request, Scored
from nightshift.sources.columns import id_of
from nightshift.sources.files import SourceFile, guarded
from nightshift.storage.content_key import content_key
from nightshift.storage.ledger import SEPARATOR

ENDINGS = (".parquet", ".csv", ".jsonl")
"""Kinds of files; they are read as sources are."""
CONTEXT_TOKENS = 1_000_000
"""Nothing is prompted, so nothing is too long."""


class RecordedAnswers(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Recorded answers of one table."""

    path: str | None = None
    """Parquet, CSV or JSONL file, relative to the folder of nightshift.yaml. None: nothing is recorded for
    this table."""
    key: str = "row_id"
    """Column with the row's id: an item's or a user's, or the name of a group."""
    answer: str = "answer"
    """Column with what the model said, as the prompt's form reads it: a sentence for `line`, an object for
    `json`. A row without it (null) has no recorded answer."""


class RecordedFiles(BaseModel, extra="allow", frozen=True, use_attribute_docstrings=True):
    """Where recorded answers stand, by table: `{item_facts: {path: said.parquet}}`."""

    __pydantic_extra__: dict[str, RecordedAnswers]

    @property
    def tables(self) -> Mapping[str, RecordedAnswers]:
        """The files by table."""
        return self.__pydantic_extra__ or {}


def identify(model: str, setting: str = "llm.model") -> ModelIdentity:
    """Whoever wrote the answers. Raises ConfigError for a name without a revision: nobody could tell two
    recordings apart."""
    name, _, revision = model.rpartition("@")
    if not name or not revision:
        raise ConfigError(
            f"{setting} {model!r} must name model and recording, such as gpt-3.5-turbo@agent4rec, for "
            f"{'the backend recorded' if setting == 'llm.model' else 'answers that were given elsewhere'}"
        )
    return ModelIdentity(model_id=model, arithmetic="recorded")


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


def keyed(requests: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """The requests, those with a recorded answer under a key of that answer: two rows of equal text may
    have been told apart."""
    rows = requests.join(recorded, on="row_id", how="left", maintain_order="left")
    keys = [
        key if said is None else content_key(key, said)
        for key, said in rows.select("content_key", "answer").iter_rows()
    ]
    return rows.drop("answer").with_columns(pl.Series("content_key", keys, dtype=pl.String))


class RecordedLLM:
    """Says what is recorded under a request's key."""

    def __init__(self, model: str, answers: Mapping[str, str]) -> None:
        self.identity = identify(model)
        self.context_tokens = CONTEXT_TOKENS
        self.answers = answers

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """None: no model reads them."""
        return [0] * len(texts)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order, word for word; `error` where none is recorded."""
        return [self._one(request.key) for request in requests]

    def _one(self, key: str) -> Answer:
        said = self.answers.get(key)
        text = "no answer is recorded for this row" if said is None else said
        return Answer(
            key,
            text,
            "error" if said is None else "stop",
            prompt_tokens=0,
            cached_tokens=0,
            new_tokens=0,
            seconds=0.0,
        )

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Not possible: nobody recorded likelihoods."""
        raise ModelUnavailable(
            "the backend recorded has answers and cannot weigh choices; set llm.backend to transformers"
        )
