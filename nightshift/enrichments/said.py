"""A guard between rows: a sentence that already stands for `Prompt.max_equal` other rows is not accepted
again.

What the rows of a table say is read from the ledger once a worker, later only what came since: a night of
many batches reads each answer about once. Batches in flight at the same moment, in other processes, do not
see each other: each of them may let a sentence through that the others let through as well.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from pydantic import BaseModel

from nightshift.enrichments.answers import parse
from nightshift.errors import RejectedAnswer
from nightshift.prompts.base import Prompt
from nightshift.prompts.folding import folded
from nightshift.prompts.parsing import shown
from nightshift.storage.ledger import Ledgers

Outcome = BaseModel | RejectedAnswer
OVERLAP = timedelta(minutes=1)
"""An answer is in the ledger a moment after its `created_at`: the last minute is read once more."""
SLICE = 50_000
"""Answers that are parsed at a time."""


class Said:
    """What the rows of a table say by now, each in its newest accepted answer."""

    def __init__(self, prompt: Prompt[Any], ledgers: Ledgers) -> None:
        self._prompt, self._ledgers = prompt, ledgers
        self._field = prompt.sentence or ""
        self._by_row: dict[str, int] = {}
        self._rows: Counter[int] = Counter()
        self._until = datetime.min.replace(tzinfo=UTC)

    def judged(self, outcomes: Sequence[tuple[str, Outcome]]) -> list[Outcome]:
        """`row_id, outcome` of a batch in, its outcomes out: what repeats too many other rows is rejected
        as `repeated`, the first in the batch are kept."""
        self._look()
        hashes = self._hashes(said for _, said in outcomes)
        return [self._judged(row, said, key) for (row, said), key in zip(outcomes, hashes, strict=True)]

    def _judged(self, row_id: str, said: Outcome, key: int | None) -> Outcome:
        if key is None or isinstance(said, RejectedAnswer):
            return said
        others = self._rows[key] - (self._by_row.get(row_id) == key)
        if others >= (self._prompt.max_equal or 1):
            return repeated(getattr(said, self._field))
        self._keep(row_id, key)
        return said

    def _keep(self, row_id: str, key: int) -> None:
        before = self._by_row.get(row_id)
        if before is not None:
            self._rows[before] -= 1
        self._by_row[row_id] = key
        self._rows[key] += 1

    def _look(self) -> None:
        """Take in what was accepted since the last look, by whomever."""
        since, self._until = self._until, datetime.now(UTC) - OVERLAP
        mine = pl.col("table") == self._prompt.name, pl.col("prompt_id") == self._prompt.prompt_id
        names = ("row_id", "text", "finish_reason", "created_at")
        rows = self._ledgers.answers.query(
            lambda every: every.filter(*mine, pl.col("created_at") >= since).select(names)
        )
        for part in rows.sort("created_at", maintain_order=True).iter_slices(SLICE):
            texts = part.select("text", "finish_reason").iter_rows()
            hashes = self._hashes(parse(self._prompt, text, finish) for text, finish in texts)
            for row_id, key in zip(part["row_id"], hashes, strict=True):
                if key is not None:
                    self._keep(row_id, key)

    def _hashes(self, outcomes: Iterable[Outcome]) -> list[int | None]:
        """Of the sentences, null for what was rejected; a million sentences themselves would fill a
        worker."""
        texts = [
            None if isinstance(said, RejectedAnswer) else getattr(said, self._field) for said in outcomes
        ]
        said = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(folded(pl.col("text")))
        return (
            said.select(pl.when(pl.col("text").is_not_null()).then(pl.col("text").hash()))
            .to_series()
            .to_list()
        )


def repeated(text: str) -> RejectedAnswer:
    """The rejection of a sentence that other rows have."""
    return RejectedAnswer("repeated", f"other rows have it already: {shown(text)}")
