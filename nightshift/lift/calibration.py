"""Whether predicted probabilities mean what they say.

- `smooth_ece`: smooth calibration error (Blasiok and Nakkiran, Smooth ECE: Principled Reliability
  Diagrams via Kernel Smoothing, 2023): the mean absolute kernel-smoothed residual, at the one bandwidth
  that equals the error itself. No bins, consistent, 0 is best.
- `reliability`: equally full bins of the prediction with the observed rate and a 95% interval, for a diagram.
- `bias`: summed predictions by summed labels; 1 is best, above 1 the ranker promises too much.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Doubles = NDArray[np.float64]

GRID = 2000
"""Cells of [0, 1] in which residuals are smoothed; the error is exact to about a cell."""
PRECISION = 1e-4
"""Width at which the search for the bandwidth ends."""


@dataclass(frozen=True)
class Bins:
    """A reliability diagram (bins,), from the lowest predictions to the highest."""

    predicted: Doubles
    """Mean prediction."""
    observed: Doubles
    """Share of positives."""
    low: Doubles
    high: Doubles
    """95% interval of the observed rate (Clopper and Pearson, 1934), rows taken as independent."""
    rows: NDArray[np.int64]


def bias(label: Doubles, chance: Doubles) -> float:
    """Sum of the predictions by the sum of the labels; NaN without a positive."""
    return float(chance.sum() / label.sum()) if label.sum() > 0 else float("nan")


def reliability(label: Doubles, chance: Doubles, bins: int = 10) -> Bins:
    """Rows in order of their prediction, cut into bins of as equal size as can be."""
    order = np.argsort(chance, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = np.array([len(part) for part in parts], np.int64)
    hits = np.array([label[part].sum() for part in parts])
    low = np.where(hits > 0, beta.ppf(0.025, hits, rows - hits + 1), 0.0)
    high = np.where(hits < rows, beta.ppf(0.975, hits + 1, rows - hits), 1.0)
    return Bins(np.array([chance[part].mean() for part in parts]), hits / rows, low, high, rows)


def smooth_ece(label: Doubles, chance: Doubles) -> float:
    """Smooth calibration error, 0 to 1; NaN without rows. Raises ValueError for predictions outside [0, 1].

    smECE_s falls as the bandwidth s grows; the answer is the s at which smECE_s = s, found by bisection.
    """
    if not len(label):
        return float("nan")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError(
            f"predictions lie between {chance.min():g} and {chance.max():g}; calibration needs "
            f"probabilities, 0 to 1"
        )
    residual = np.bincount(
        np.minimum((chance * GRID).astype(np.int64), GRID - 1), label - chance, GRID
    ) / len(label)
    low, high = 0.0, 1.0
    while high - low > PRECISION:
        middle = (low + high) / 2.0
        low, high = (middle, high) if _smoothed(residual, middle) > middle else (low, middle)
    return high


def _smoothed(residual: Doubles, width: float) -> float:
    """Integral of the absolute residuals (cells,) after a Gaussian kernel reflected at 0 and 1."""
    doubled = np.concatenate([residual, residual[::-1]])  # reflection: an even signal of period 2
    frequency = 2.0 * np.pi * np.fft.rfftfreq(len(doubled), d=1.0 / GRID)
    kernel = np.exp(-0.5 * (width * frequency) ** 2)
    return float(np.abs(np.fft.irfft(np.fft.rfft(doubled) * kernel, len(doubled))[:GRID]).sum())
