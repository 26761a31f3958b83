"""What a user's signed history says about the attributes or tags of a candidate.

A profile is a weighted sum of the rows of an item matrix, one sparse product for all rows: exact, row by row, and
independent of how rows are batched.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp

from nightshift.features.rows import Columns, float32
from nightshift.history import Floats, Ints, Past, encode

SHRINKAGE = 2.0
"""Events of no preference that an affinity is shrunk by."""


def weights_of(past: Past, weights: Floats, items: int) -> sp.csr_array:
    """(rows, items) sparse matrix with the weight of every past event."""
    heads = np.concatenate([[0], np.cumsum(past.valid.sum(1))])
    return sp.csr_array((weights[past.valid], past.items[past.valid], heads), shape=(len(weights), items))


def signed(past: Past, strength: float = 10.0, prior: float = 0.5) -> Floats:
    """(rows, length) label minus the user's own smoothed rate: liking what one always likes says little. 0 where padded."""
    events = past.valid.sum(1, keepdims=True)
    own = (past.labels.sum(1, keepdims=True) + strength * prior) / (events + strength)
    return np.where(past.valid, past.labels - own, 0.0).astype(np.float32)


def attribute_lists(items: pl.DataFrame) -> tuple[pl.Series, Ints, Ints]:
    """Attribute names, and for every attribute of every item the item's code and the attribute's."""
    lists = items.select(pl.col("attributes").list.unique().list.sort()).with_row_index("item").explode("attributes").drop_nulls()
    names = lists["attributes"].unique().sort()
    return names, lists["item"].cast(pl.Int64).to_numpy(), encode(lists["attributes"], names)


def attribute_matrix(items: pl.DataFrame) -> sp.csr_array:
    """(items, attributes) sparse matrix with unit-length rows; an item without attributes has an empty row."""
    names, rows, columns = attribute_lists(items)
    length = np.sqrt(np.bincount(rows, minlength=items.height))[rows]
    values = (1.0 / length).astype(np.float32)
    return sp.csr_array((values, (rows, columns)), shape=(items.height, max(names.len(), 1)))


def _against(profile: sp.csr_array, candidates: sp.csr_array) -> Floats:
    return np.asarray(profile.multiply(candidates).sum(axis=1), np.float32).ravel()


def attribute_columns(matrix: sp.csr_array, candidate: Ints, past: Past) -> Columns:
    """Overlap of each candidate's attributes (rows,) with the past: signed mean and sum, share of the past, the newest ten."""
    items, wanted = matrix.shape[0], matrix[candidate]
    ones = past.valid.astype(np.float32)
    overlap = _against(weights_of(past, ones, items) @ matrix, wanted)
    liking = _against(weights_of(past, signed(past), items) @ matrix, wanted)
    newest = _against(weights_of(past, ones * (np.arange(ones.shape[1]) < 10), items) @ matrix, wanted)
    empty = np.diff(wanted.indptr) == 0
    columns = float32(
        {
            "attributes_liking": liking / (overlap + SHRINKAGE),
            "attributes_evidence": liking,
            "attributes_share": overlap / np.maximum(ones.sum(1), 1.0),
            "attributes_newest": newest / 10.0,
        }
    )
    return {name: np.where(empty, np.float32(np.nan), values) for name, values in columns.items()} | float32({"attributes_missing": empty})
