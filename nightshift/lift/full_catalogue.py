"""Exact metrics over a whole catalogue: every item is ranked for every user, nothing is sampled.

Sampled negatives order methods differently from the exact metric, even in expectation (Krichene and
Rendle, On Sampled Metrics for Item Recommendation, KDD 2020). No list is sorted: a positive's rank is the
number of items that score higher, and its ties are counted, so that a metric is the mean over their orders
(nightshift.lift.ranks). Scores come in batches of users, which bounds memory to one batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from nightshift.lift.ranks import Codes, Ranked

Floats = NDArray[np.floating]
Scorer = Callable[[Codes], Floats]
"""Users (batch,) in, scores (batch, items) out. Minus infinity means that the item is never shown to the
user."""

SPAN = 4_000_000
"""Scores compared at a time: 16 MB of float32 and as much for the comparison."""


@dataclass(frozen=True)
class Truth:
    """What users went on to choose, and what must not be shown to them; both (users, items), a stored
    entry is a yes."""

    positives: sp.csr_array
    seen: sp.csr_array | None = None
    """Items left out of the ranking, such as those of the past. A positive among them counts as never
    shown."""


def rank_catalogue(score: Scorer, truth: Truth, batch: int = 512) -> Ranked:
    """The positives' places among all items. Memory: two arrays of (batch, items).

    A positive whose score is minus infinity is missed: its rank is infinite. Raises ValueError when a
    score is NaN.
    """
    users = truth.positives.shape[0]
    parts = [
        _batch(score, truth, np.arange(start, min(start + batch, users))) for start in range(0, users, batch)
    ]
    user, above, ties = (np.concatenate([part[column] for part in parts]) for column in range(3))
    return Ranked.of_positives(user, above, ties, np.diff(truth.positives.indptr).astype(np.int64))


def _batch(score: Scorer, truth: Truth, users: Codes) -> tuple[Codes, Codes, Codes]:
    """User, items above and ties of each positive of these users that may be shown."""
    scores = np.array(score(users), copy=truth.seen is not None)
    if np.isnan(scores).any():
        raise ValueError(
            f"{int(np.isnan(scores).sum())} of {scores.size} scores are NaN; give items without a "
            f"score minus infinity"
        )
    if truth.seen is not None:
        row, item = _entries(truth.seen, users)
        scores[row, item] = -np.inf
    row, item = _entries(truth.positives, users)
    own = scores[row, item]
    shown = own > -np.inf
    row, own = row[shown], own[shown]
    above, ties = _counted(scores, row, own)
    return users[row], above, ties


def _entries(matrix: sp.csr_array, users: Codes) -> tuple[Codes, Codes]:
    """Row within the batch and item of every stored entry of consecutive users."""
    first, last = matrix.indptr[users[0]], matrix.indptr[users[-1] + 1]
    length = np.diff(matrix.indptr[users[0] : users[-1] + 2])
    return np.repeat(np.arange(len(users)), length), matrix.indices[first:last].astype(np.int64)


def _counted(scores: Floats, row: Codes, own: Floats) -> tuple[Codes, Codes]:
    """Items above each of `own`, and items equal to it, in the given rows of scores."""
    above, ties = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
    step = max(SPAN // max(scores.shape[1], 1), 1)
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        listed, mine = scores[row[part]], own[part, None]  # (step, items)
        above[part] = np.count_nonzero(listed > mine, axis=1)
        ties[part] = np.count_nonzero(listed == mine, axis=1)
    return above, ties
