"""A score's place among the rows it competes with: rank and z-score within the list."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from nightshift.features.history import Floats, Ints
from nightshift.features.rows import Columns

UNRANKED = ("_missing", "_events", "_dimension_")
"""Columns that describe the evidence rather than the fit, and get no place in the list."""
OUTSIDE = ("base__user_", "base__item_", "base__list_")
"""Columns by their head that say nothing of the pair, and get no place either."""
PLACES = ("_rank", "_z")
"""How the names of a place in the list end."""
FLAT = 1e-9
"""Spread below which all values of a list are equal."""


@cache
def is_placed(name: str) -> bool:
    """Whether a column also appears as rank and z-score."""
    return not name.startswith(OUTSIDE) and not any(mark in name for mark in UNRANKED)


def list_columns(columns: Columns, group: Ints) -> Columns:
    """`<name>_rank` (0 first, 1 last, ties averaged) and `<name>_z` (rows,); NaN for a row alone in its
    list or without a value."""
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
    """Z-score within runs of equal group; sums run in list order, so they do not depend on the other
    lists."""
    known = np.isfinite(values)
    start = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    run = np.cumsum(np.r_[True, group[1:] != group[:-1]]) - 1
    clean = np.where(known, values, 0.0).astype(np.float64)
    size = np.maximum(np.add.reduceat(known.astype(np.float64), start), 1.0)
    mean = (np.add.reduceat(clean, start) / size)[run]
    spread = np.sqrt(np.add.reduceat(np.where(known, (clean - mean) ** 2, 0.0), start) / size)[run]
    return np.where(
        known & (size[run] > 1), (clean - mean) / np.where(spread > FLAT, spread, 1.0), np.nan
    ).astype(np.float32)


def one_list(values: Floats) -> tuple[Floats, Floats]:
    """Rank and z-score of several columns (columns, rows) of one list at once: what `list_columns` says of
    a single group."""
    known = np.isfinite(values)
    size = known.sum(1, keepdims=True)
    ranks = _places(np.where(known, -values, np.float32(np.inf))) / np.maximum(size - 1, 1)
    z = _one_z(values, known, size)
    some = known & (size > 1)
    if not some.all():
        ranks, z = np.where(some, ranks, np.nan), np.where(some, z, np.nan)
    return ranks.astype(np.float32), z.astype(np.float32)


def _places(values: Floats) -> NDArray[np.float64]:
    """Place of each entry in its row, smallest first, the mean place for equal ones (columns, rows).

    Value and place share one integer, so that a plain sort, ten times quicker here than argsort, moves both.
    """
    columns, rows = values.shape
    bits = (values + np.float32(0.0)).view(np.int32).astype(np.int64)  # + 0: one zero, not two
    bits ^= (bits >> 63) & 0x7FFFFFFF
    bits <<= 32
    bits += np.arange(columns * rows).reshape(columns, rows)
    bits.sort(axis=1)
    order, value = (bits & 0xFFFFFFFF).ravel(), (bits >> 32).ravel()
    fresh = np.ones(len(value), np.bool_)
    np.not_equal(value[1:], value[:-1], out=fresh[1:])
    fresh[::rows] = True
    first = np.flatnonzero(fresh)
    length = np.append(first[1:], len(value)) - first
    places = np.empty(len(value))
    places[order] = np.repeat(first + (length - 1) / 2.0, length)
    return places.reshape(columns, rows) - np.arange(0, columns * rows, rows)[:, None]


def _one_z(values: Floats, known: NDArray[np.bool_], size: NDArray[np.integer]) -> NDArray[np.float64]:
    clean = np.where(known, values, 0.0).astype(np.float64)
    mean = clean.sum(1, keepdims=True) / np.maximum(size, 1)
    away = np.where(known, clean - mean, 0.0)
    spread = np.sqrt((away**2).sum(1, keepdims=True) / np.maximum(size, 1))
    return np.asarray(away / np.where(spread > FLAT, spread, 1.0))
