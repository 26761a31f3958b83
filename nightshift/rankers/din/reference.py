"""Frozen text vectors of a night in the coordinates that the network was trained on. numpy and polars only.

Whitening is fitted anew each night, so its axes turn as the catalogue grows, and a projection learned on
one night's coordinates would read noise on the next. The network therefore keeps some items' vectors as
they were when it was fitted, and a night is turned to them by least squares over the items that both have.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from nightshift.features.content import View
from nightshift.features.history import Floats, encode

MOST_ITEMS = 4096
"""Items whose vectors are kept: sixty-four for every unknown of a map of 64 axes, in one megabyte."""
RIDGE = 1e-3
"""Added to the diagonal, in vectors of length 1: an axis that the shared items do not show is mapped to
zero."""


@dataclass(frozen=True)
class Reference:
    """Unit vectors of one view when the network was fitted."""

    name: str
    """`<family>__<view>`"""
    items: pl.Series
    vectors: Floats
    """(items, width)"""

    @classmethod
    def of(cls, name: str, view: View, items: pl.Series) -> Self:
        """Of the items (catalogue order) that have a vector; of a large catalogue, evenly spaced ones."""
        present = np.flatnonzero(view.present)
        kept = present[np.linspace(0, len(present) - 1, min(len(present), MOST_ITEMS)).astype(np.int64)]
        return cls(name, items.gather(kept), view.vectors[kept])

    def turned(self, view: View | None, items: pl.Series) -> Floats:
        """(items, width) the view's unit vectors in these coordinates; zero for an item without a vector,
        or without the view."""
        if view is None:
            return np.zeros((items.len(), self.vectors.shape[1]), np.float32)
        vectors, present = view.vectors[: items.len()], view.present[: items.len()]
        place = encode(self.items, items)
        shared = place < items.len()
        shared[shared] = present[place[shared]]
        here, there = vectors[place[shared]].astype(np.float64), self.vectors[shared].astype(np.float64)
        if np.array_equal(here, there):
            return np.asarray(
                vectors * present[:, None] if len(here) else np.zeros((len(vectors), there.shape[1])),
                np.float32,
            )
        moved = vectors.astype(np.float64) @ np.linalg.solve(
            here.T @ here + RIDGE * np.eye(here.shape[1]), here.T @ there
        )
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.where(length > 0, length, 1.0) * present[:, None], np.float32)
