"""The rows features are built for, and the shape every feature function has."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.history import EventLog, Floats, Ints, encode

Doubles = NDArray[np.float64]
SETTLED = 12
"""Decimals of a column before it becomes float32: what the order of a float64 sum leaves behind lies
below."""

Columns = dict[str, Floats]
"""Feature columns (rows,) by name, float32, NaN where missing."""


@dataclass(frozen=True)
class Rows:
    """Candidates to describe. There is no label here: a feature function cannot read one."""

    user_ids: pl.Series
    user: Ints
    """User codes of the log; len(log.users) for a user without events."""
    item: Ints
    """Item codes of the catalogue."""
    moment: Ints
    """Microseconds since 1970; features know events strictly before it."""
    group: Ints
    """Rows with equal numbers were in one list."""
    list_size: Floats
    """Rows in the same request; NaN where rows merely share a moment, which the source never showed as a
    list."""

    @classmethod
    def of(cls, asked: pl.DataFrame, log: EventLog) -> "Rows":
        """Rows of a frame with user_id, item_id, moment (int, microseconds), group_id, real_list."""
        group = asked["group_id"].rank("dense").cast(pl.Int64).to_numpy()
        user, item = encode(asked["user_id"], log.users), encode(asked["item_id"], log.items)
        size = np.where(asked["real_list"].to_numpy(), np.bincount(group)[group], np.nan).astype(np.float32)
        return cls(asked["user_id"], user, item, asked["moment"].to_numpy(), group, size)

    def part(self, index: Ints) -> "Rows":
        """The rows at some positions."""
        user_ids = self.user_ids.gather(index)
        return Rows(
            user_ids,
            self.user[index],
            self.item[index],
            self.moment[index],
            self.group[index],
            self.list_size[index],
        )

    def __len__(self) -> int:
        return len(self.item)


def prefixed(prefix: str, columns: Columns) -> Columns:
    """The same columns under `<prefix><name>`."""
    return {prefix + name: values for name, values in columns.items()}


def blanked(columns: Columns, missing: NDArray[np.bool_]) -> Columns:
    """The same columns (rows,), NaN where something is missing (rows,)."""
    if not missing.any():
        return columns
    return {name: np.where(missing, np.float32(np.nan), values) for name, values in columns.items()}


def float32(columns: dict[str, NDArray[np.floating] | NDArray[np.integer] | NDArray[np.bool_]]) -> Columns:
    """The columns as float32; float64 is settled first, so that equal rows have equal bits however they
    were summed.

    Columns of one length are converted together: a request has many short ones.
    """
    arrays = list(columns.values())
    if len(arrays) < 2 or len({len(values) for values in arrays}) > 1:
        return {name: _settled(values.astype(np.float64)) for name, values in columns.items()}
    return dict(zip(columns, _settled(np.array(arrays, np.float64)), strict=True))


def _settled(values: Doubles) -> Floats:
    """Rounded to SETTLED decimals, in place."""
    values *= 10.0**SETTLED
    np.rint(values, out=values)
    values /= 10.0**SETTLED
    return values.astype(np.float32)
