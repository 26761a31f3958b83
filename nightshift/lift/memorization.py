"""Whether the language model can recite the catalogue, from the table of titles that it was asked to
complete.

The share is printed beside the lift; it is a lower bound, for one wording. Some ends can be guessed without
memory, so the number means most beside that of another catalogue or model.
"""

from dataclasses import dataclass

import polars as pl

from nightshift.lift.quality import words_of

TABLE = "title_completion"
"""The table that is judged."""
PROBES = (TABLE, "memorization")
"""Ledger names of its calls, which are no cost of the features; the second is older."""


@dataclass(frozen=True)
class Memory:
    """What the model could complete."""

    titles: int
    completed: float
    """Share of titles whose whole end was given."""
    begun: float
    """Share whose end's first word was right."""


def judged(completions: pl.DataFrame) -> Memory | None:
    """Compare `completion` with `end` word by word, without case and punctuation; None where nothing was
    asked."""
    pairs = [
        (words_of(end), words_of(said)) for end, said in completions.select("end", "completion").iter_rows()
    ]
    if not pairs:
        return None
    whole = sum(said[: len(end)] == end for end, said in pairs)
    first = sum(said[:1] == end[:1] for end, said in pairs)
    return Memory(len(pairs), whole / len(pairs), first / len(pairs))
