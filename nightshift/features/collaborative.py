"""Collaborative scores known strictly before a row: item-item evidence refitted on a grid, applied to the
exact history.

Three readings of one set of events before the refit moment:

- odds: how much liking (or disliking) item j changes the odds of liking item i, a naive Bayes over the
  history;
- residual: cosine of the labels left after user and item means (Sarwar et al., item-based collaborative
  filtering, WWW 2001), weighting the user's own residual labels;
- factors: item factors by alternating least squares (Hu, Koren, Volinsky 2008, on the residuals of
  explicit labels); the user's factors are solved anew from the history of every row, so the newest event
  already counts.

`liked` is EASE (Steck, WWW 2019) on the likes. A refit uses events strictly before its moment; a row uses
the newest refit at or before its own. A better baseline here is worth more than any text: without it, text
buys what collaborative filtering would have given for free.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from nightshift.features.affinity import cut, shared, weighed
from nightshift.features.history import DAY, EventLog, Floats, Ints, Past
from nightshift.features.rows import Columns, Doubles, Rows, blanked, float32
from nightshift.features.settings import CollaborativeSettings

FACTORS = 8
RIDGE = 3.0
SWEEPS = 6
"""ALS: 8 factors, ridge 3, 6 sweeps; 16 factors or ridge 1.5 and 8 gave no more on MovieLens-100K."""

NAMES = (
    "collab_odds",
    "collab_odds_mean",
    "collab_residual",
    "collab_residual_mean",
    "collab_liked",
    "collab_factors",
)


@dataclass(frozen=True)
class Fit:
    """What was learnt from the events before one refit. Squares are (known, known), history item by
    candidate."""

    slot: Ints
    """(items,) position of an item among the known, -1 when it is not."""
    odds_liked: Floats
    odds_disliked: Floats
    cosine: Floats
    ease: Floats
    item_rate: Floats
    overall: float
    factors: Floats
    """(known, FACTORS)"""


def _counts(
    user: Ints, item: Ints, label: Floats, shape: tuple[int, int]
) -> tuple[sp.csr_array, sp.csr_array]:
    """Likes and dislikes (users, known), 1 where it happened at least once."""
    sides = []
    for chosen in (label > 0.5, label <= 0.5):
        matrix = sp.csr_array((np.ones(chosen.sum(), np.float32), (user[chosen], item[chosen])), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        sides.append(matrix)
    return sides[0], sides[1]


def _log_odds(yes: Floats, no: Floats, rate: Floats, strength: float) -> Floats:
    """Log odds of liking given the pair's counts, minus the item's own log odds; 0 for a pair never seen."""
    rate = np.clip(rate, 1e-4, 1.0 - 1e-4)  # implicit feedback has no dislikes: its rates are 1
    pair = np.log((yes + strength * rate) / (no + strength * (1.0 - rate)))
    return np.asarray(pair - np.log(rate / (1.0 - rate)), np.float32)


def _ease(likes: Floats, l2: float) -> Floats:
    """EASE's closed form: -inverse / its diagonal, zero diagonal."""
    inverse = np.linalg.inv(likes + l2 * np.eye(len(likes), dtype=np.float32))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)


def _solve(seen: sp.csr_array, residuals: sp.csr_array, factors: Floats) -> Floats:
    """One half of ALS: the ridge solution of every row of `residuals` given the other side's factors."""
    outer = (factors[:, :, None] * factors[:, None, :]).reshape(len(factors), -1)
    left = (seen @ outer).reshape(-1, FACTORS, FACTORS) + RIDGE * np.eye(FACTORS, dtype=np.float32)
    return np.asarray(np.linalg.solve(left, (residuals @ factors)[:, :, None])[:, :, 0], np.float32)


def _item_factors(seen: sp.csr_array, residuals: sp.csr_array) -> Floats:
    factors = np.random.default_rng(0).normal(0.0, 0.1, (seen.shape[1], FACTORS)).astype(np.float32)
    seen_items, residual_items = sp.csr_array(seen.T), sp.csr_array(residuals.T)
    for _ in range(SWEEPS):
        factors = _solve(seen_items, residual_items, _solve(seen, residuals, factors))
    return factors


def _known(item: Ints, items: int, most: int) -> Ints:
    """(items,) slots of the most active items, ties by code."""
    count = np.bincount(item, minlength=items)
    chosen = np.sort(np.lexsort((np.arange(items), -count))[: min(most, int((count > 0).sum()))])
    slot = np.full(items, -1, np.int64)
    slot[chosen] = np.arange(len(chosen))
    return slot


def fit(user: Ints, item: Ints, label: Floats, items: int, settings: CollaborativeSettings) -> Fit:
    """Everything that is learnt from events (n,), users numbered without gaps."""
    slot = _known(item, items, settings.max_items)
    kept = slot[item] >= 0
    user, item, label = user[kept], slot[item[kept]], label[kept]
    likes, dislikes = _counts(user, item, label, (int(user.max()) + 1, int(item.max()) + 1))
    seen = likes.maximum(dislikes)
    overall = float(label.mean(dtype=np.float64))
    rates = [
        (np.asarray(likes.sum(a)) + 10.0 * overall) / (np.asarray(likes.sum(a) + dislikes.sum(a)) + 10.0)
        for a in (1, 0)
    ]
    user_rate, item_rate = (np.asarray(rate, np.float32) for rate in rates)
    residuals = sp.csr_array(likes.maximum(dislikes), copy=True)
    owner = np.repeat(np.arange(seen.shape[0]), np.diff(residuals.indptr))
    liked = np.asarray(likes[owner, residuals.indices]).ravel()
    residuals.data[:] = liked - user_rate[owner] - item_rate[residuals.indices] + overall
    return Fit(
        slot,
        *_squares(likes, dislikes, residuals, item_rate, settings),
        item_rate,
        overall,
        _item_factors(seen, residuals),
    )


def _squares(
    likes: sp.csr_array,
    dislikes: sp.csr_array,
    residuals: sp.csr_array,
    item_rate: Floats,
    settings: CollaborativeSettings,
) -> tuple[Floats, Floats, Floats, Floats]:
    both, mixed, neither = (
        (likes.T @ likes).toarray(),
        (likes.T @ dislikes).toarray(),
        (dislikes.T @ dislikes).toarray(),
    )
    agreement = (residuals.T @ residuals).toarray()
    scale = np.sqrt(np.diag(agreement)) + np.float32(1e-6)
    shared = both + neither + mixed + mixed.T
    cosine = agreement / scale / scale[:, None] * (shared / (shared + 10.0))
    odds = [
        _log_odds(yes, no, item_rate, settings.smoothing) for yes, no in ((both, mixed), (mixed.T, neither))
    ]
    return odds[0], odds[1], cosine.astype(np.float32), _ease(both, settings.l2)


def refit_moments(times: list[Ints], settings: CollaborativeSettings) -> Ints:
    """Grid points by which the events grew enough, from the events' moments in one or more sorted arrays."""
    step, some = int(settings.refit_days * DAY), [time for time in times if len(time)]
    if not some:
        return np.zeros(0, np.int64)
    first, last = min(int(time[0]) for time in some), max(int(time[-1]) for time in some)
    grid = np.arange(first // step + 1, last // step + 2) * step
    counts = sum(np.searchsorted(time, grid) for time in some)
    chosen: list[int] = []
    before = 0
    for moment, events in zip(grid.tolist(), np.asarray(counts).tolist(), strict=True):
        if events >= max(200, before * (1.0 + settings.refit_growth)):
            chosen, before = [*chosen, moment], events
    return np.array(chosen, np.int64)


@dataclass
class Refits:
    """Fits by the content of the events behind them, the newest few kept; equal events give an equal fit."""

    settings: CollaborativeSettings
    keep: int = 2
    _fits: "OrderedDict[str, Fit]" = field(default_factory=OrderedDict)

    def moments(self, log: EventLog) -> Ints:
        """Refit moments of a log: grid points by which the events grew enough. Depends on events before
        each point only."""
        return refit_moments([log.time], self.settings)

    def at(self, log: EventLog, moment: int) -> Fit:
        """The fit on events strictly before a refit moment."""
        past = log.before(moment)
        user = np.unique(past.user, return_inverse=True)[1].astype(np.int64)
        key = hashlib.sha256(user.tobytes() + past.item.tobytes() + past.label.tobytes()).hexdigest()
        if key not in self._fits:
            self._fits[key] = fit(user, past.item, past.label, log.items.len(), self.settings)
        self._fits.move_to_end(key)
        while len(self._fits) > self.keep:
            self._fits.popitem(last=False)
        return self._fits[key]


def collaborative_columns(log: EventLog, rows: Rows, past: Past, refits: Refits) -> Columns:
    """Scores (rows,) by the newest refit at or before each row; NaN before the first refit and for items
    it did not know."""
    columns = {name: np.full(len(rows), np.nan, np.float32) for name in NAMES}
    moments = refits.moments(log)
    newest = np.searchsorted(moments, rows.moment, side="right") - 1
    for number in np.unique(newest[newest >= 0]).tolist():
        index = np.flatnonzero(newest == number)
        part = Past(past.items[index], past.labels[index], past.ages[index], past.valid[index])
        for name, values in applied(refits.at(log, int(moments[number])), rows.item[index], part).items():
            columns[name][index] = values
    return columns | float32({"collab_missing": np.isnan(columns["collab_odds"])})


def applied(fitted: Fit, candidate: Ints, past: Past) -> Columns:
    """What a fit says of candidates (rows,) given a past of one row each, or one that all share; NaN for
    items it did not know."""
    slot, history = fitted.slot[candidate], fitted.slot[past.items]
    if shared(past):  # only the events that count
        kept = past.valid[0] & (history[0] >= 0)
        past, history = cut(past, kept), history[:, kept]
    valid = past.valid & (history >= 0)
    row, column = np.where(valid, history, 0), np.maximum(slot, 0)
    own = ((past.labels * valid).sum(1, dtype=np.float64) + 5.0 * fitted.overall) / (valid.sum(1) + 5.0)
    residual = np.where(valid, past.labels - own[:, None] - fitted.item_rate[row] + fitted.overall, 0.0)
    scores = _evidence(fitted, row, column, past, valid, residual)
    scores["collab_factors"] = _factor_score(
        fitted.factors[column], fitted.factors[row] * valid[:, :, None], residual
    )
    unknown = slot < 0
    return blanked(float32({**scores}), unknown)


def _evidence(
    fitted: Fit, row: Ints, column: Ints, past: Past, valid: NDArray[np.bool_], residual: Doubles
) -> dict[str, Doubles]:
    """Sums over the history of the pairs' odds, cosines and EASE weights."""
    liked, disliked = (np.where(valid & side, 1.0, 0.0) for side in (past.labels > 0.5, past.labels <= 0.5))
    odds = _summed(fitted.odds_liked, row, column, liked) + _summed(
        fitted.odds_disliked, row, column, disliked
    )
    cosine = _pairs(fitted.cosine, row, column).astype(np.float64)
    (weighted,) = weighed(cosine, residual)
    (weight,) = weighed(np.abs(cosine, out=cosine), liked + disliked)
    return {
        "collab_odds": odds,
        "collab_odds_mean": odds / np.maximum(valid.sum(1), 1),
        "collab_residual": weighted,
        "collab_residual_mean": weighted / (weight + 0.5),
        "collab_liked": _summed(fitted.ease, row, column, liked),
    }


def _summed(square: Floats, row: Ints, column: Ints, weights: Doubles) -> Doubles:
    """Entries of a square summed over the history by weight (rows,); a shared history leaves out what
    weighs nothing."""
    if len(row) == 1:
        kept = weights[0] != 0
        row, weights = row[:, kept], weights[:, kept]
    return weighed(_pairs(square, row, column), weights)[0]


def _pairs(square: Floats, row: Ints, column: Ints) -> Floats:
    """(rows, length) entries of a square for history items (rows or 1, length) and candidates (rows,)."""
    if len(row) == 1:
        return np.asarray(square[row[0]].take(column, axis=1).T)
    return np.asarray(square[row, column[:, None]])


def _factor_score(candidate: Floats, history: Floats, residual: Doubles, batch: int = 4096) -> Doubles:
    """Candidate factors times the ridge solution of each history: (rows, k), (rows or 1, length, k), (rows
    or 1, length) -> (rows,)."""
    if len(history) == 1:
        return np.asarray(candidate.astype(np.float64) @ _ridge(history, residual)[0])
    scores = np.empty(len(candidate))
    for start in range(0, len(candidate), batch):
        part = slice(start, start + batch)
        scores[part] = np.einsum(
            "rk,rk->r", _ridge(history[part], residual[part]), candidate[part].astype(np.float64)
        )
    return scores


def _ridge(history: Floats, residual: Doubles) -> Doubles:
    """Users' factors (rows, k) that explain the residuals (rows, length) of their history's factors (rows,
    length, k)."""
    seen = history.astype(np.float64)
    left = seen.transpose(0, 2, 1) @ seen + RIDGE * np.eye(seen.shape[2])
    return np.asarray(np.linalg.solve(left, seen.transpose(0, 2, 1) @ residual[:, :, None])[:, :, 0])
