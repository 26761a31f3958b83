"""The dense block: an arm's feature columns, squashed, standardized on the training rows, NaN as 0 with an
indicator.

numpy only: training and serving share it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import TableError
from nightshift.features.history import Floats

LIMIT = 5.0
"""Standardized values are clipped here."""


def check_columns(columns: list[str], features: tuple[str, ...]) -> None:
    """Raises TableError naming the first feature that the columns lack."""
    missing = [name for name in features if name not in columns]
    if missing:
        raise TableError(
            f"the ranker was fitted on column {missing[0]!r}, which the rows lack ({len(missing)} of "
            f"{len(features)})"
        )


def columns_of(rows: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """(rows, features) float32."""
    if not features:
        return np.zeros((rows.height, 0), np.float32)
    return rows.select(pl.col(name).cast(pl.Float32) for name in features).to_numpy()


@dataclass(frozen=True)
class Scaler:
    """mean and spread of asinh(column) over the known training values, and the columns that get an
    indicator."""

    mean: Floats
    spread: Floats
    indicators: NDArray[np.int64]
    """Columns whose missing pattern differs from those before it; each becomes one 0/1 column."""

    @property
    def width(self) -> int:
        """Columns after scaling."""
        return len(self.mean) + len(self.indicators)

    def __call__(self, values: Floats) -> Floats:
        """(rows, features) raw -> (rows, width)."""
        missing = np.isnan(values)
        scaled = np.clip((np.arcsinh(values) - self.mean) / self.spread, -LIMIT, LIMIT)
        return np.hstack(
            [np.where(missing, np.float32(0), scaled), missing[:, self.indicators]],
            dtype=np.float32,
            casting="unsafe",
        )

    @classmethod
    def fit(cls, blocks: Iterable[Floats], width: int) -> Self:
        """One pass over blocks (rows, features) of the training rows."""
        count, total, squares = np.zeros((3, width), np.float64)
        patterns = [hashlib.sha256() for _ in range(width)]
        missed = np.zeros(width, np.int64)
        for values in blocks:
            known = ~np.isnan(values)
            squashed = np.where(known, np.arcsinh(values), 0.0).astype(np.float64)
            count, total, squares = (
                count + known.sum(0),
                total + squashed.sum(0),
                squares + (squashed**2).sum(0),
            )
            missed += (~known).sum(0)
            for pattern, column in zip(patterns, np.packbits(known.T, axis=1), strict=True):
                pattern.update(column.tobytes())
        mean = total / np.maximum(count, 1)
        variance = np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0)
        spread = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
        first = {pattern.hexdigest(): place for place, pattern in reversed(list(enumerate(patterns)))}
        chosen = sorted(place for place in first.values() if missed[place])
        return cls(mean.astype(np.float32), spread.astype(np.float32), np.array(chosen, np.int64))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is saved."""
        return {"dense_mean": self.mean, "dense_spread": self.spread, "dense_indicators": self.indicators}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Back from what was saved."""
        return cls(arrays["dense_mean"], arrays["dense_spread"], arrays["dense_indicators"])
