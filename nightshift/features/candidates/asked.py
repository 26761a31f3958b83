"""Whose candidates, and when: users at moments, with what they had consumed strictly before."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sp

from nightshift.features.history import EventLog, Floats, Ints, encode


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
        return self._ones(False)

    @cached_property
    def liked(self) -> sp.csr_array:
        """(asked, items) 1 for every item with a positive event before."""
        return self._ones(True)

    def recent(self, half_life: float) -> sp.csr_array:
        """(asked, items) 1 for the item of the newest positive event before, half as much every
        `half_life` events."""
        row, item, newer = self._aged
        return self._matrix(row, item, np.exp2(-newer / half_life).astype(np.float32))

    def history(self, half_life: float | None) -> sp.csr_array:
        """`recent`, or `liked` where all events weigh alike."""
        return self.liked if half_life is None else self.recent(half_life)

    @cached_property
    def _aged(self) -> tuple[Ints, Ints, Ints]:
        """Place among the asked and item of every positive event before, and how many of theirs are newer."""
        row, item = self._events(True)
        newer = np.cumsum(np.bincount(row, minlength=len(self)))[row] - np.arange(len(row)) - 1
        return row, item, newer

    def _ones(self, positive: bool) -> sp.csr_array:
        row, item = self._events(positive)
        matrix = self._matrix(row, item, np.ones(len(row), np.float32))
        matrix.data[:] = 1.0
        return matrix

    def _matrix(self, row: Ints, item: Ints, weight: Floats) -> sp.csr_array:
        matrix = sp.csr_array((weight, (row, item)), shape=(len(self), self.log.items.len()))
        matrix.sum_duplicates()
        return matrix

    def _events(self, positive: bool) -> tuple[Ints, Ints]:
        """Place among the asked and item of every event before, by user, oldest first."""
        line = self.log.by_user
        start, stop = line.window(self.user, self.moment)
        length = stop - start
        row = np.repeat(np.arange(len(self)), length)
        event = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length) + np.repeat(start, length)
        if positive:
            kept = line.label[event] > 0.5
            row, event = row[kept], event[kept]
        return row, line.other[event]


def asked_at(log: EventLog, users: pl.Series, moment: Ints) -> Asked:
    """Users by id at their moments."""
    return Asked(log, users, encode(users, log.users), moment)
