"""What a user's signed history says about the attributes or tags of a candidate.

A profile is a weighted sum of the rows of an item matrix. Training rows have a history each and take one
sparse product; the candidates of a request share one history, `Past` of one row, and take one profile.
Sums are in float64 and rounded (`float32` of nightshift.features.rows), so that both ways, and any
batching, give the same columns.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from nightshift.features.history import Ints, Past, encode
from nightshift.features.rows import Columns, Doubles, blanked, float32

SHRINKAGE = 2.0
"""Events of no preference that an affinity is shrunk by."""


def shared(past: Past) -> bool:
    """Whether all candidates are compared with one and the same past, `Past` of a single row."""
    return len(past.items) == 1


def cut(past: Past, kept: NDArray[np.bool_]) -> Past:
    """The past with some of its columns: `kept` (length,)."""
    return Past(past.items[:, kept], past.labels[:, kept], past.ages[:, kept], past.valid[:, kept])


def weights_of(past: Past, weights: Doubles, items: int) -> sp.csr_array:
    """(rows, items) sparse matrix with the weight of every past event."""
    heads = np.concatenate([[0], np.cumsum(past.valid.sum(1))])
    return sp.csr_array((weights[past.valid], past.items[past.valid], heads), shape=(len(weights), items))


def profiles(past: Past, matrix: NDArray[np.floating], *weights: Doubles) -> list[Doubles]:
    """For each of the weights the sum (rows, k) of the rows of `matrix` (items, k), by the weight of the
    events."""
    if not shared(past):
        return [np.asarray(weights_of(past, each, len(matrix)) @ matrix) for each in weights]
    found = np.concatenate(weights) @ matrix[past.items[0]].astype(np.float64)
    return [found[number : number + 1] for number in range(len(weights))]


def weighed(values: NDArray[np.floating], *weights: Doubles) -> list[Doubles]:
    """Sums (rows,) of `values` (rows, length) by each of the weights, (rows, length) or (1, length) for a
    shared past."""
    exact = np.asarray(values, np.float64)
    if len(weights[0]) == 1:
        return list((exact @ np.concatenate(weights).T).T)
    return [np.einsum("rl,rl->r", exact, each) for each in weights]


def signed(past: Past) -> Doubles:
    """(rows, length) label minus the user's own smoothed rate, 0 where padded: `Past.signed`."""
    return past.signed


def attribute_lists(items: pl.DataFrame) -> tuple[pl.Series, Ints, Ints]:
    """Attribute names, and for every attribute of every item the item's code and the attribute's."""
    lists = (
        items.select(pl.col("attributes").list.unique().list.sort())
        .with_row_index("item")
        .explode("attributes")
        .drop_nulls()
    )
    names = lists["attributes"].unique().sort()
    return names, lists["item"].cast(pl.Int64).to_numpy(), encode(lists["attributes"], names)


def attribute_matrix(items: pl.DataFrame) -> sp.csr_array:
    """(items, attributes) sparse matrix with unit-length rows; an item without attributes has an empty
    row."""
    names, rows, columns = attribute_lists(items)
    length = np.sqrt(np.bincount(rows, minlength=items.height))[rows]
    return sp.csr_array((1.0 / length, (rows, columns)), shape=(items.height, max(names.len(), 1)))


def attribute_columns(matrix: sp.csr_array, candidate: Ints, past: Past) -> Columns:
    """Overlap of each candidate's attributes (rows,) with the past: signed mean and sum, share of the
    past, the newest ten."""
    ones = past.valid.astype(np.float64)
    weights = (ones, signed(past), ones * (np.arange(ones.shape[1]) < 10))
    against = _one_against if shared(past) else _each_against
    overlap, liking, newest = against(matrix, candidate, past, weights)
    empty = matrix.indptr[candidate] == matrix.indptr[candidate + 1]
    columns = float32(
        {
            "attributes_liking": liking / (overlap + SHRINKAGE),
            "attributes_evidence": liking,
            "attributes_share": overlap / np.maximum(ones.sum(1), 1.0),
            "attributes_newest": newest / 10.0,
        }
    )
    return blanked(columns, empty) | {"attributes_missing": empty.astype(np.float32)}


def _each_against(
    matrix: sp.csr_array, candidate: Ints, past: Past, weights: tuple[Doubles, ...]
) -> list[Doubles]:
    """Inner products (rows,) of every row's own profile with its candidate, one array a weighting."""
    wanted, items = matrix[candidate], matrix.shape[0]
    profiles = [weights_of(past, each, items) @ matrix for each in weights]
    return [np.asarray(each.multiply(wanted).sum(axis=1)).ravel() for each in profiles]


def _one_against(
    matrix: sp.csr_array, candidate: Ints, past: Past, weights: tuple[Doubles, ...]
) -> list[Doubles]:
    """The same for candidates that share one past."""
    owner, place = _entries(matrix, past.items[0])
    row, wanted = _entries(matrix, candidate)
    found = []
    for each in weights:
        mine = np.bincount(matrix.indices[place], each[0][owner] * matrix.data[place], matrix.shape[1])
        against = np.bincount(row, mine[matrix.indices[wanted]] * matrix.data[wanted], len(candidate))
        found.append(against.astype(np.float64))  # bincount of nothing is whole numbers
    return found


def _entries(matrix: sp.csr_array, rows: Ints) -> tuple[Ints, Ints]:
    """Where the entries of some rows lie: for each entry the position of its row in `rows`, and its place
    in the matrix."""
    start = matrix.indptr[rows].astype(np.int64)
    count = matrix.indptr[rows + 1] - start
    row = np.repeat(np.arange(len(rows)), count)
    return row, np.arange(len(row)) + np.repeat(start - np.cumsum(count) + count, count)
