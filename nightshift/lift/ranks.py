"""Where the positives of each user's list stand: all that a ranking metric needs, from rows or from a
whole catalogue.

Rows of one user with equal scores form a block. A metric is then its mean over all orders of the tied
rows, computed exactly (McSherry and Najork, Computing Information Retrieval Performance Measures
Efficiently in the Presence of Tied Scores, ECIR 2008), so neither the order of a file nor an item's id
decides a number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Ranked:
    """Blocks with at least one positive (blocks,), by user and then from the top of the list, and what
    each user wanted (users,)."""

    user: Codes
    above: Codes
    """Rows of the list that score higher than the block."""
    size: Codes
    """Rows in the block."""
    positives: Codes
    """Positives in the block."""
    relevant: Codes
    """(users,) positives of each user, those that are in no list included: their rank is infinite."""

    @property
    def users(self) -> int:
        """Users, with and without positives."""
        return len(self.relevant)

    @property
    def hits_above(self) -> Codes:
        """(blocks,) positives of the same user in higher blocks."""
        running = np.cumsum(self.positives) - self.positives
        return running - running[self.first][self.block_of_user]

    @property
    def first(self) -> Codes:
        """Place of each listed user's best block."""
        return np.flatnonzero(np.r_[True, self.user[1:] != self.user[:-1]][: len(self.user)])

    @property
    def block_of_user(self) -> Codes:
        """(blocks,) number of the block's user among the listed ones."""
        return np.cumsum(np.r_[True, self.user[1:] != self.user[:-1]][: len(self.user)]) - 1

    @classmethod
    def of_rows(
        cls, label: Doubles, score: Doubles, user: Codes, users: int, missed: Codes | None = None
    ) -> "Ranked":
        """Rank rows within each user; a label above 0.5 is positive. `missed` (users,) counts positives
        outside the rows.

        Raises ValueError when a score is not a number.
        """
        if np.isnan(score).any():
            raise ValueError(
                f"{int(np.isnan(score).sum())} of {len(score)} scores are NaN; a row without a score "
                f"has no rank, drop it"
            )
        order = np.lexsort((-score, user))
        y, s, u = label[order] > 0.5, score[order], user[order]
        fresh_user = np.r_[True, u[1:] != u[:-1]][: len(u)]
        start = np.flatnonzero(fresh_user | np.r_[True, s[1:] != s[:-1]][: len(s)])
        size = np.diff(np.r_[start, len(u)])
        hits = np.add.reduceat(y.astype(np.int64), start) if len(start) else np.zeros(0, np.int64)
        begin = np.flatnonzero(fresh_user)[np.cumsum(fresh_user) - 1][start] if len(start) else start
        kept = hits > 0
        relevant = np.bincount(user, label > 0.5, users).astype(np.int64) + (0 if missed is None else missed)
        return cls(u[start][kept], (start - begin)[kept], size[kept], hits[kept], relevant)

    @classmethod
    def of_positives(cls, user: Codes, above: Codes, ties: Codes, relevant: Codes) -> "Ranked":
        """From positives alone: items above each, items tied with it (itself and tied positives included),
        positives of each user."""
        order = np.lexsort((above, user))
        u, a, n = user[order], above[order], ties[order]
        start = np.flatnonzero(np.r_[True, (u[1:] != u[:-1]) | (a[1:] != a[:-1])][: len(u)])
        return cls(u[start], a[start], n[start], np.diff(np.r_[start, len(u)]), relevant)
