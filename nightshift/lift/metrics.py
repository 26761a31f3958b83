"""Metrics, exact with ties, and the per-user sums that the bootstrap reweighs.

- auc: over all rows, the chance that a positive row scores above a negative one; a tie counts half.
- gauc: AUC within each user, averaged with the user's row count; users with one kind of label are left out.
- ndcg@10: all test rows of a user as one list, gain = label, discount 1/log2(rank + 1), ties share the mean gain of
  their ranks (McSherry and Najork, ECIR 2008); mean over users with a positive.
- logloss: mean negative log-likelihood of a row, probabilities clipped to [1e-7, 1 - 1e-7]; lower is better.

All four are ratios of sums over users, or a quadratic form for AUC, so a resample of users is a reweighing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """A metric as numerator / denominator, both summed over users (users,)."""

    numerator: Doubles
    denominator: Doubles

    @property
    def value(self) -> float:
        """The metric; NaN when no user counts."""
        total = self.denominator.sum()
        return float(self.numerator.sum() / total) if total > 0 else float("nan")


def placements(label: Doubles, score: Doubles, group: Codes) -> Doubles:
    """For each positive row the negatives of its group that it beats (a tie is half); for each negative the positives that beat it."""
    order = np.lexsort((score, group))
    y, s, g = label[order] > 0.5, score[order], group[order]
    fresh_group = np.r_[True, g[1:] != g[:-1]]
    fresh = fresh_group | np.r_[True, s[1:] != s[:-1]]
    first, tie = np.flatnonzero(fresh), np.cumsum(fresh) - 1
    beaten = _below(~y, fresh_group, first, tie)
    beating = np.add.reduceat(y.astype(np.float64), np.flatnonzero(fresh_group))[np.cumsum(fresh_group) - 1] - _below(
        y, fresh_group, first, tie
    )
    placed = np.empty(len(y))
    placed[order] = np.where(y, beaten, beating)
    return placed


def _below(flag: NDArray[np.bool_], fresh_group: NDArray[np.bool_], first: Codes, tie: Codes) -> Doubles:
    """Flagged rows with a lower score in the group, plus half of those with the same score."""
    running = np.concatenate([[0.0], np.cumsum(flag, dtype=np.float64)])
    opening = np.flatnonzero(fresh_group)[np.cumsum(fresh_group) - 1]
    lower = running[first][tie] - running[opening]
    same = np.add.reduceat(flag.astype(np.float64), first)[tie]
    return np.asarray(lower + same / 2.0)


def auc(label: Doubles, score: Doubles) -> float:
    """Area under the ROC curve over all rows; NaN with one kind of label."""
    positive = label > 0.5
    pairs = float(positive.sum()) * float((~positive).sum())
    placed = placements(label, score, np.zeros(len(label), np.int64))
    return float(placed[positive].sum() / pairs) if pairs else float("nan")


def gauc(label: Doubles, score: Doubles, user: Codes, users: int) -> Sums:
    """Per-user AUC times the user's rows, and the user's rows; zero for users with one kind of label."""
    positives = np.bincount(user, label > 0.5, users)
    rows = np.bincount(user, minlength=users).astype(np.float64)
    pairs = positives * (rows - positives)
    won = np.bincount(user, placements(label, score, user) * (label > 0.5), users)
    counted = np.where(pairs > 0, rows, 0.0)
    return Sums(counted * won / np.maximum(pairs, 1.0), counted)


def ndcg(label: Doubles, score: Doubles, user: Codes, users: int, cut: int = 10) -> Sums:
    """NDCG at `cut` of each user's list, and 1 for each user with a positive."""
    gains = _discounted(label, score, user, users, cut)
    best = _discounted(label, label, user, users, cut)
    counted = best > 0
    return Sums(np.where(counted, gains / np.where(counted, best, 1.0), 0.0), counted.astype(np.float64))


def _discounted(label: Doubles, score: Doubles, user: Codes, users: int, cut: int) -> Doubles:
    order = np.lexsort((-score, user))
    y, s, u = label[order], score[order], user[order]
    fresh_user = np.r_[True, u[1:] != u[:-1]]
    tie = np.cumsum(fresh_user | np.r_[True, s[1:] != s[:-1]]) - 1
    rank = np.arange(len(y)) - np.flatnonzero(fresh_user)[np.cumsum(fresh_user) - 1]
    discount = np.where(rank < cut, 1.0 / np.log2(rank + 2.0), 0.0)
    mean = (np.bincount(tie, discount) / np.bincount(tie))[tie]
    return np.bincount(u, y * mean, users).astype(np.float64)


def logloss(label: Doubles, score: Doubles, user: Codes, users: int) -> Sums:
    """Summed negative log-likelihood and rows of each user."""
    chance = np.clip(score, 1e-7, 1 - 1e-7)
    loss = -(label * np.log(chance) + (1 - label) * np.log1p(-chance))
    return Sums(np.bincount(user, loss, users).astype(np.float64), np.bincount(user, minlength=users).astype(np.float64))
