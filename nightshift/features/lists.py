"""A score's place among the rows it competes with: rank and z-score within the list."""

import numpy as np
from numpy.typing import NDArray

from nightshift.features.rows import Columns
from nightshift.history import Floats, Ints

UNRANKED = ("_missing", "_events", "_dimension_")
"""Columns that describe the evidence rather than the fit, and get no place in the list."""
OUTSIDE = ("base__user_", "base__item_", "base__list_")
"""Columns by their head that say nothing of the pair, and get no place either."""
FLAT = 1e-9
"""Spread below which all values of a list are equal."""


def is_placed(name: str) -> bool:
    """Whether a column also appears as rank and z-score."""
    return not name.startswith(OUTSIDE) and not any(mark in name for mark in UNRANKED)


def list_columns(columns: Columns, group: Ints) -> Columns:
    """`<name>_rank` (0 first, 1 last, ties averaged) and `<name>_z` (rows,); NaN for a row alone in its list or without a value."""
    order = np.argsort(group, kind="stable")
    alone = np.bincount(group)[group] < 2
    placed: Columns = {}
    for name, values in columns.items():
        if not is_placed(name) or alone.all():
            continue
        placed[f"{name}_rank"] = _rank(values, group)
        placed[f"{name}_z"] = _z(values[order], group[order])[np.argsort(order, kind="stable")]
    return {name: np.where(alone, np.float32(np.nan), values) for name, values in placed.items()}


def _rank(values: Floats, group: Ints) -> Floats:
    known = np.isfinite(values)
    order = np.lexsort((-values, ~known, group))
    sorted_group, sorted_values = group[order], values[order]
    first = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]])
    begin = np.repeat(first, np.diff(np.r_[first, len(order)]))
    fresh = np.r_[True, (sorted_group[1:] != sorted_group[:-1]) | (sorted_values[1:] != sorted_values[:-1])]
    tie = np.cumsum(fresh) - 1
    place = np.arange(len(order)) - begin
    mean = np.bincount(tie, place) / np.bincount(tie)
    ranks = np.empty(len(order))
    ranks[order] = mean[tie]
    size = np.bincount(group, known.astype(np.float64))[group]
    return np.where(known & (size > 1), ranks / np.maximum(size - 1, 1), np.nan).astype(np.float32)


def _z(values: Floats, group: Ints) -> Floats:
    """Z-score within runs of equal group; sums run in list order, so they do not depend on the other lists."""
    known = np.isfinite(values)
    start = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    run = np.cumsum(np.r_[True, group[1:] != group[:-1]]) - 1
    clean = np.where(known, values, 0.0).astype(np.float64)
    size = np.maximum(np.add.reduceat(known.astype(np.float64), start), 1.0)
    mean = (np.add.reduceat(clean, start) / size)[run]
    spread = np.sqrt(np.add.reduceat(np.where(known, (clean - mean) ** 2, 0.0), start) / size)[run]
    return np.where(known & (size[run] > 1), (clean - mean) / np.where(spread > FLAT, spread, 1.0), np.nan).astype(np.float32)


def one_list(values: Floats) -> tuple[Floats, Floats]:
    """Rank and z-score of several columns (columns, rows) of one list at once: what `list_columns` says of a single group."""
    known = np.isfinite(values)
    size = known.sum(1, keepdims=True)
    some = known & (size > 1)
    order = np.argsort(np.where(known, -values, np.float32(np.inf)), axis=1)
    placed = np.take_along_axis(values, order, 1)
    step = np.zeros(values.shape, np.bool_)
    step[:, 1:] = placed[:, 1:] != placed[:, :-1]  # True where a new value begins
    place = np.arange(values.shape[1])
    first = np.maximum.accumulate(np.where(step, place, 0), axis=1)
    ends = np.ones(values.shape, np.bool_)
    ends[:, :-1] = step[:, 1:]
    last = np.minimum.accumulate(np.where(ends, place, values.shape[1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2.0, 1)
    ranks /= np.maximum(size - 1, 1)
    return np.where(some, ranks, np.nan).astype(np.float32), np.where(some, _one_z(values, known, size), np.nan).astype(np.float32)


def _one_z(values: Floats, known: NDArray[np.bool_], size: NDArray[np.integer]) -> NDArray[np.float64]:
    clean = np.where(known, values, 0.0).astype(np.float64)
    mean = clean.sum(1, keepdims=True) / np.maximum(size, 1)
    away = np.where(known, clean - mean, 0.0)
    spread = np.sqrt((away**2).sum(1, keepdims=True) / np.maximum(size, 1))
    return np.asarray(away / np.where(spread > FLAT, spread, 1.0))
