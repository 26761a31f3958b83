"""What a ranker is to Nightshift: rows with float32 feature columns in, probabilities out, and a folder it
can be read back from."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:  # the configuration imports this package, and a context loads SciPy
    from nightshift.rankers.context import Context

Rows = pl.DataFrame | pl.LazyFrame
"""Rows of `ranking_examples`; a lazy frame of Parquet is read in place by rankers that stream."""


class Ranker(Protocol):
    """A conventional ranker. Inherits its tests from `nightshift.rankers.conformance.RankerConformance`.

    All rankers are called alike: what one of them does not read (a history, a list, a view) it ignores.
    """

    name: str
    """lightgbm, din: the `ranker` column of the tables."""
    features: tuple[str, ...]
    """Columns it was fitted on, in order; empty before the fit."""

    def fit(
        self,
        train: Rows,
        valid: Rows,
        features: tuple[str, ...],
        seed: int = 0,
        context: "Context | None" = None,
    ) -> Self:
        """Learn `label` from the feature columns; `valid` only decides when to stop. The same seed gives
        the same ranker.

        `context` holds histories and item contents as of each row's moment, with the views that the arm
        may read.
        """
        ...

    def predict(self, rows: Rows, context: "Context | None" = None) -> NDArray[np.float64]:
        """Probability of a positive label (rows,). Missing values are fine; a missing column raises
        TableError."""
        ...

    def importances(self) -> dict[str, float]:
        """Share of each feature in what the ranker learnt, largest first; they add up to 1 (or to 0 when
        nothing was learnt)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the ranker to a folder, feature list included."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The ranker as it was saved. Raises ModelUnavailable when the folder holds none."""
        ...
