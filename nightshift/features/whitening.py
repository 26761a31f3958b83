"""PCA whitening of one night's vectors, so that no shared direction drowns the ones that tell items apart.

Fitted on a snapshot's own vectors, never on labels or on a later night (Su et al., Whitening Sentence
Representations, 2021). Deterministic: the largest component of every direction is positive, the map is
applied in float64, and its result is rounded, so that the last bits of a linear algebra library, which
vary between processes, do not reach a table.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from nightshift.features.history import Floats

DECIMALS = 5
"""Decimals kept of coordinates and cosines; float64 noise is ten thousand times finer than the last."""


@dataclass(frozen=True)
class Whitening:
    """An affine map: (vectors - mean) @ directions has unit variance in every dimension on the vectors it
    was fitted on."""

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    """(dimension, kept)"""

    def __call__(self, vectors: Floats) -> Floats:
        """(n, dimension) -> (n, kept)."""
        return settled((vectors.astype(np.float64) - self.mean) @ self.directions)


def fit_whitening(vectors: Floats, dimensions: int) -> Whitening:
    """The `dimensions` strongest directions of the vectors (n, dimension), fewer where the rank is lower."""
    mean = vectors.mean(0, dtype=np.float64)
    centred = vectors.astype(np.float64) - mean
    wide = centred.shape[0] < centred.shape[1]
    gram = centred @ centred.T if wide else centred.T @ centred
    values, directions = _largest(gram, dimensions)
    if wide:
        directions = centred.T @ directions / np.sqrt(values)
    directions *= np.sign(directions[np.abs(directions).argmax(0), np.arange(directions.shape[1])])
    scale = np.sqrt(values / max(len(vectors) - 1, 1))
    return Whitening(mean, directions / scale)


def _largest(gram: NDArray[np.float64], dimensions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = len(gram)
    kept = min(dimensions, size)
    values, directions = scipy.linalg.eigh(gram, subset_by_index=[size - kept, size - 1])
    order = np.argsort(-values)
    order = order[values[order] > max(values.max(), 1e-12) * 1e-6]
    return values[order], directions[:, order]


def settled(values: NDArray[np.float64]) -> Floats:
    """Values rounded to DECIMALS, as float32: equal in every process that computed them in float64."""
    scaled = values * 10.0**DECIMALS
    np.rint(scaled, out=scaled)
    scaled /= 10.0**DECIMALS
    return scaled.astype(np.float32)


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1; a zero row stays zero."""
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=1, keepdims=True)
    return settled(exact / np.where(length > 0, length, 1.0))
