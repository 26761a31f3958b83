"""What a ranker is to Nightshift: flat float32 columns in, probabilities out, and a folder it can be read back from."""

from pathlib import Path
from typing import Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray


class Ranker(Protocol):
    """A conventional ranker. Inherits its tests from `nightshift.testing.RankerConformance`."""

    name: str
    """lightgbm, din: the `ranker` column of the tables."""
    features: tuple[str, ...]
    """Columns it was fitted on, in order; empty before the fit."""

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, features: tuple[str, ...], seed: int = 0) -> Self:
        """Learn `label` from the feature columns; `valid` only decides when to stop. The same seed gives the same ranker."""
        ...

    def predict(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """Probability of a positive label (rows,). Missing values are fine; a missing column raises TableError."""
        ...

    def importances(self) -> dict[str, float]:
        """Share of the ranker's total gain by feature, largest first; they add up to 1 (or to 0 when nothing was learnt)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the ranker to a folder, feature list included."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The ranker as it was saved. Raises ModelUnavailable when the folder holds none."""
        ...
