"""Metrics, exact with ties, and the per-user sums that the bootstrap reweighs.

- auc: over all rows, the chance that a positive row scores above a negative one; a tie counts half.
- gauc: AUC within each user, averaged with the user's row count; users with one kind of label are left out.
- ndcg@10: all test rows of a user as one list, gain = label, discount 1/log2(rank + 1), ties share the
  mean gain of their ranks (McSherry and Najork, ECIR 2008); mean over users with a positive.
- logloss: mean negative log-likelihood of a row, probabilities clipped to [1e-7, 1 - 1e-7]; lower is better.

All four are ratios of sums over users, or a quadratic form for AUC, so a resample of users is a reweighing.

Metrics of one ranked list a user, from `Ranked` (nightshift.lift.ranks), each the mean over all orders of
tied rows: `ndcg_at`, `recall_at`, `hit_rate_at`, `precision_at`, `reciprocal_rank`, `average_precision`.
Labels are 0 or 1. A user without a positive does not count. A positive that is in no list counts as ranked
infinitely low. A cut beyond the end of a list changes nothing but precision, which always divides by the
cut. Equal to trec_eval's ndcg_cut, recall, success, P, recip_rank and map where no scores are tied; there,
trec_eval orders ties by the document's id.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightshift.lift.ranks import Codes, Doubles, Ranked

__all__ = ["Codes", "Doubles", "Sums"]


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
    """For each positive row the negatives of its group that it beats (a tie is half); for each negative
    the positives that beat it."""
    order = np.lexsort((score, group))
    y, s, g = label[order] > 0.5, score[order], group[order]
    fresh_group = np.r_[True, g[1:] != g[:-1]]
    fresh = fresh_group | np.r_[True, s[1:] != s[:-1]]
    first, tie = np.flatnonzero(fresh), np.cumsum(fresh) - 1
    beaten = _below(~y, fresh_group, first, tie)
    beating = np.add.reduceat(y.astype(np.float64), np.flatnonzero(fresh_group))[
        np.cumsum(fresh_group) - 1
    ] - _below(y, fresh_group, first, tie)
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
    return Sums(
        np.bincount(user, loss, users).astype(np.float64),
        np.bincount(user, minlength=users).astype(np.float64),
    )


def ndcg_at(ranked: Ranked, cut: int) -> Sums:
    """NDCG with gains 0 and 1 and the discount 1 / log2(rank + 1)."""
    discounts = _running(1.0 / np.log2(np.arange(cut) + 2.0))
    gained = ranked.positives / ranked.size * _between(ranked, discounts)
    best = discounts[np.minimum(ranked.relevant, cut)]
    return _by_user(ranked, gained, np.where(best > 0, best, 1.0))


def recall_at(ranked: Ranked, cut: int) -> Sums:
    """Share of each user's positives among the first `cut`."""
    return _by_user(ranked, _hits(ranked, cut), np.maximum(ranked.relevant, 1))


def precision_at(ranked: Ranked, cut: int) -> Sums:
    """Positives among the first `cut`, by `cut`, however short the list is."""
    return _by_user(ranked, _hits(ranked, cut), np.full(ranked.users, cut))


def hit_rate_at(ranked: Ranked, cut: int) -> Sums:
    """Whether any positive is among the first `cut`: one minus the chance that no block brings one there."""
    n, p, slots = ranked.size, ranked.positives, np.clip(cut - ranked.above, 0, ranked.size)
    none = np.where(
        slots > n - p, -np.inf, _log_choose(n - p, np.minimum(slots, n - p)) - _log_choose(n, slots)
    )
    missed = np.exp(np.bincount(ranked.user, none, ranked.users))  # (users,)
    return _counted(ranked, 1.0 - missed)


def reciprocal_rank(ranked: Ranked, cut: int | None = None) -> Sums:
    """1 by the rank of the first positive, 0 when it lies beyond `cut`; its mean over users is MRR."""
    best = ranked.first
    user, above, n, p = ranked.user[best], ranked.above[best], ranked.size[best], ranked.positives[best]
    places = np.minimum(
        n - p + 1, n if cut is None else np.clip(cut - above, 0, None)
    )  # places the first positive can take
    block = np.repeat(np.arange(len(best)), places)
    place = np.arange(len(block)) - np.repeat(np.cumsum(places) - places, places) + 1
    chance = np.exp(_log_choose(n[block] - place, p[block] - 1) - _log_choose(n, p)[block])
    return _counted(ranked, np.bincount(user[block], chance / (above[block] + place), ranked.users))


def average_precision(ranked: Ranked, cut: int | None = None) -> Sums:
    """Mean over a user's positives of the precision at their ranks, 0 for those beyond `cut`; its mean
    over users is MAP."""
    length = int((ranked.above + ranked.size).max(initial=0))
    cut = length if cut is None else min(cut, length)
    harmonic = _running(1.0 / (np.arange(cut) + 1.0))
    slope = (ranked.positives - 1) / np.maximum(
        ranked.size - 1, 1
    )  # positives that each tied row ahead is worth
    inside = _between(ranked, np.arange(cut + 1.0))
    offset = ranked.hits_above + 1.0 - slope * (ranked.above + 1.0)
    summed = ranked.positives / ranked.size * (slope * inside + offset * _between(ranked, harmonic))
    return _by_user(ranked, summed, np.maximum(ranked.relevant, 1))


def _running(values: NDArray[Any]) -> Doubles:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _between(ranked: Ranked, running: Doubles) -> Doubles:
    """What a block's ranks add up to, ranks beyond the end of `running` adding nothing."""
    last = len(running) - 1
    return np.asarray(
        running[np.minimum(ranked.above + ranked.size, last)] - running[np.minimum(ranked.above, last)]
    )


def _hits(ranked: Ranked, cut: int) -> Doubles:
    return np.asarray(ranked.positives / ranked.size * _between(ranked, np.arange(cut + 1.0)))


def _by_user(ranked: Ranked, values: Doubles, scale: NDArray[Any]) -> Sums:
    return _counted(ranked, np.bincount(ranked.user, values, ranked.users) / scale)


def _counted(ranked: Ranked, values: NDArray[Any]) -> Sums:
    counted = ranked.relevant > 0
    return Sums(np.where(counted, values, 0.0).astype(np.float64), counted.astype(np.float64))


def _log_choose(n: Codes, k: Codes) -> Doubles:
    from scipy.special import gammaln  # the code location reads verdicts and must not wait for SciPy

    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
