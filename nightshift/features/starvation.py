"""Columns that a ranker cannot learn from: silent in nearly all training rows, and not so in test rows.

Where all training rows read one early night, a candidate source knew next to nothing then: its column is
missing or constant in training and speaks in the test. A base that could not learn its own columns loses to
whatever else is offered, and the comparison proves nothing.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from nightshift.features.lists import PLACES
from nightshift.storage.store import Store
from nightshift.tables import RANKING_EXAMPLES, Checked

SPEAKS = 0.05
"""Share of training rows in which a column must say something."""
SPEAKS_LATER = 0.25
"""Share of test rows from which on a column that is silent in training is starved."""
DECIMALS = 6
"""Decimals of a value that count: EASE without co-occurrence leaves rounding errors behind."""
CAVEAT = "starved"
"""Where the manifest of `ranking_examples` keeps the caveat."""
SHOWN = 5
"""Columns that a message names."""


@dataclass(frozen=True)
class Starved:
    """A column, and the shares of rows in which it is neither missing nor its commonest value."""

    column: str
    train: float
    test: float

    def __str__(self) -> str:
        return (
            f"{self.column} says something in {self.train:.0%} of training and {self.test:.0%} of test rows"
        )


def starved(examples: pl.DataFrame) -> list[Starved]:
    """Feature columns that are silent in training rows and speak in test rows, in their order."""
    names = [name for name in examples.columns if "__" in name and not name.endswith(PLACES)]
    train, test = (_speaking(examples, split, names) for split in ("train", "test"))
    return [
        Starved(name, train[name], test[name])
        for name in train
        if train[name] < SPEAKS and test.get(name, 0.0) >= SPEAKS_LATER
    ]


def _speaking(examples: pl.DataFrame, split: str, names: list[str]) -> dict[str, float]:
    """Share of a split's rows in which each column is neither missing nor the value that more than half of
    the rows have; none for a split without rows."""
    rows = examples.filter(split=split).select(names)
    if not rows.height:
        return {}
    known = pl.all().fill_nan(None).round(DECIMALS)
    return rows.select((known != known.median()).fill_null(value=False).mean()).row(0, named=True)


def none_starved(found: list[Starved]) -> Checked:
    """The check: every column that speaks in the test spoke in training."""
    told = "; ".join(map(str, found[:SHOWN])) + (f"; and {len(found) - SHOWN} more" if found[SHOWN:] else "")
    way = "a ranker cannot learn from them: publish nights spread over the training events (`nights.first`)"
    message = f"{told}: {way}" if found else "every column that speaks in test rows speaks in training rows"
    return Checked("starved", not found, message, blocking=False, numbers={"columns": len(found)})


def caveat(found: list[Starved]) -> str:
    """A sentence for the head of a comparison; empty where the base could learn its columns."""
    base = [each for each in found if each.column.startswith("base__")]
    more = f", and {len(base) - 1} more" if base[1:] else ""
    return f"The base could not learn all its columns: {base[0]}{more}. " if base else ""


def published_caveat(store: Store, as_of: date) -> str:
    """`caveat` of a night's published rows, from their manifest; empty where there are none."""
    if not store.has(RANKING_EXAMPLES, as_of):
        return ""
    return str(store.manifest(RANKING_EXAMPLES, as_of).metadata.get(CAVEAT, ""))
