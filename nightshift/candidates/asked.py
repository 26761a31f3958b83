"""Whose candidates, and when: users at moments, with what they had consumed strictly before."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp

from nightshift.history import EventLog, Ints, encode


@dataclass(frozen=True)
class Asked:
    """Users at moments (asked,). Their pasts are read from the log, strictly before each moment."""

    log: EventLog
    user_ids: pl.Series
    user: Ints
    """User codes of the log; len(log.users) for a user without events."""
    moment: Ints
    """Microseconds since 1970."""

    def __len__(self) -> int:
        return len(self.user)

    def part(self, index: Ints) -> "Asked":
        """Those at some positions."""
        return Asked(self.log, self.user_ids.gather(index), self.user[index], self.moment[index])

    @cached_property
    def seen(self) -> sp.csr_array:
        """(asked, items) 1 for every item with an event before, liked or not."""
        return self._matrix(False)

    @cached_property
    def liked(self) -> sp.csr_array:
        """(asked, items) 1 for every item with a positive event before."""
        return self._matrix(True)

    def _matrix(self, positive: bool) -> sp.csr_array:
        line = self.log.by_user
        start, stop = line.window(self.user, self.moment)
        length = stop - start
        row = np.repeat(np.arange(len(self)), length)
        event = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length) + np.repeat(start, length)
        if positive:
            kept = line.label[event] > 0.5
            row, event = row[kept], event[kept]
        matrix = sp.csr_array((np.ones(len(row), np.float32), (row, line.other[event])), shape=(len(self), self.log.items.len()))
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix


def asked_at(log: EventLog, users: pl.Series, moment: Ints) -> Asked:
    """Users by id at their moments."""
    return Asked(log, users, encode(users, log.users), moment)
