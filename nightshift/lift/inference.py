"""How sure a difference is: paired bootstrap over users, and randomization by sign flips. The unit is the
user.

Users are drawn with replacement (Efron and Tibshirani 1993); the same draws serve both arms and every
seed, which makes the comparison paired. A resample reweighs users: a ratio metric becomes a ratio of
weighted sums. AUC is a quadratic form, w K w / (w p)(w n), K[u, v] = pairs (positive of u, negative of v)
ranked rightly; K averaged over seeds gives the seed-averaged metric exactly. Above LARGEST users K would
not fit: the difference is then linearized (each user's first-order influence on it), which agrees to the
fourth digit at a few hundred users already (see the tests).

The randomization flips the sign of each user's share of the difference: what changes when this user's
scores, and nobody else's, are taken from the other arm. For AUC that is averaged over both arms of the
others, which adds up exactly; halving every pair between its two users would add up too, but halve the
spread and call noise a finding. Metrics are averaged over seeds before any of it: seeds are not users, and
their spread is reported beside the interval. A placebo is one draw of many: where its seeds take turns
with several dealings, the dealings are resampled beside the users.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from nightshift.lift.metrics import Codes, Doubles, Sums, placements

POWER = 2.8
"""Standard errors of a difference that is found in four of five repetitions (80% power, 5% two-sided)."""
LARGEST = 3000
"""Users up to which AUC is resampled exactly, by a (users, users) matrix of 72 MB."""
LARGEST_COUNTS = 100_000_000
"""Users times resamples up to which how often each user is drawn is kept, in two bytes (200 MB)."""


@dataclass(frozen=True)
class Judgement:
    """A difference with its 95% interval, p-value and standard error; NaN where the slice supports none."""

    difference: float
    low: float
    high: float
    p_value: float
    error: float


@dataclass(frozen=True)
class Draws:
    """Resamples of users and sign flips, one set for all comparisons."""

    seed: int
    resamples: int
    dealings: int = 1
    """Draws of the placebo that the seeds of the arm `permuted` take turns with."""

    def luck(self, differences: Doubles) -> Doubles:
        """(resamples,) what other dealings of the placebo would have added to a mean difference;
        `differences` has one a seed.

        Dealings are drawn with replacement like users, and stretched by sqrt(k / (k - 1)), as k of them
        spread less than all.
        """
        count = min(self.dealings, len(differences))
        if count < 2 or not np.isfinite(differences).all():
            return np.zeros(self.resamples)
        each = np.array([differences[number :: self.dealings].mean() for number in range(count)])
        drawn = np.random.default_rng([self.seed, count, 2]).integers(0, count, (self.resamples, count))
        return np.asarray((each[drawn].mean(1) - each.mean()) * np.sqrt(count / (count - 1)))

    def weights(self, users: int) -> Doubles:
        """(resamples, users) how often each user is drawn; read-only, kept for the next comparison of as
        many users."""
        return _weights(self.seed, users, self.resamples)

    def batches(self, users: int) -> Iterator[Doubles]:
        """The same weights, a hundred resamples at a time where the whole would not fit."""
        if users <= LARGEST:
            yield self.weights(users)
            return
        counts = _counts if users * self.resamples <= LARGEST_COUNTS else _drawn
        for few in counts(self.seed, users, self.resamples):
            yield few.astype(np.float64)

    def signs(self, users: int) -> Doubles:
        """(resamples, users) of +1 and -1."""
        random = np.random.default_rng([self.seed, users, 1])
        return np.asarray(random.integers(0, 2, (self.resamples, users)) * 2.0 - 1.0, np.float64)


def _drawn(seed: int, users: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    random, even = np.random.default_rng([seed, users]), np.full(users, 1.0 / users)
    return (random.multinomial(users, even, min(100, resamples - done)) for done in range(0, resamples, 100))


@lru_cache(maxsize=1)
def _counts(seed: int, users: int, resamples: int) -> tuple[NDArray[np.uint16], ...]:
    """What `_drawn` draws, kept for the next comparison: drawing takes ten times as long as using it."""
    return tuple(few.astype(np.uint16) for few in _drawn(seed, users, resamples))


@lru_cache(maxsize=1)
def _weights(seed: int, users: int, resamples: int) -> Doubles:
    weights = (
        np.random.default_rng([seed, users])
        .multinomial(users, np.full(users, 1.0 / users), resamples)
        .astype(np.float64)
    )
    weights.setflags(write=False)
    return weights


@dataclass(frozen=True)
class Concordance:
    """AUC of one arm, seeds averaged, in the form that a resample of users needs."""

    label: Doubles
    scores: Doubles
    """(seeds, rows)"""
    user: Codes
    users: int

    @cached_property
    def positives(self) -> Doubles:
        """(users,) positive rows."""
        return np.bincount(self.user, self.label > 0.5, self.users).astype(np.float64)

    @cached_property
    def negatives(self) -> Doubles:
        """(users,) negative rows."""
        return np.bincount(self.user, self.label <= 0.5, self.users).astype(np.float64)

    @cached_property
    def shares(self) -> Doubles:
        """(users,) pairs ranked rightly, each counted half for the positive's user and half for the
        negative's."""
        one = np.zeros(len(self.label), np.int64)
        placed = np.mean([placements(self.label, score, one) for score in self.scores], axis=0)
        return np.bincount(self.user, placed, self.users) / 2.0

    @cached_property
    def pairs(self) -> Doubles:
        """(users, users) pairs of u's positives and v's negatives ranked rightly, averaged over seeds."""
        return np.asarray(np.mean([self._pairs(score) for score in self.scores], axis=0))

    def _pairs(self, score: Doubles) -> Doubles:
        level = np.unique(score, return_inverse=True)[1]
        order = np.argsort(level, kind="stable")
        positive = order[self.label[order] > 0.5]
        negative = order[self.label[order] <= 0.5]
        won = np.zeros((self.users, self.users))
        below = np.searchsorted(level[negative], level[positive], "left")
        up_to = np.searchsorted(level[negative], level[positive], "right")
        for v in range(self.users):
            running = np.concatenate([[0.0], np.cumsum(self.user[negative] == v)])
            won[:, v] = np.bincount(self.user[positive], (running[below] + running[up_to]) / 2.0, self.users)
        return won

    @property
    def total(self) -> float:
        """Pairs of a positive and a negative row."""
        return float(self.positives.sum() * self.negatives.sum())


def percentiles(values: Doubles) -> tuple[float, float]:
    """2.5% and 97.5% of the finite values; NaN when there are fewer than a hundred."""
    finite = values[np.isfinite(values)]
    if len(finite) < 100:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def flipped(shares: Doubles, draws: Draws, luck: Doubles | float = 0.0) -> float:
    """Two-sided p of the summed shares (users,) under random signs and `luck`, the observed one counted
    among the draws."""
    touched = shares[shares != 0]
    if len(touched) == 0:
        return 1.0
    extreme = np.abs(draws.signs(len(touched)) @ touched + luck) >= abs(touched.sum()) * (1 - 1e-12)
    return float((extreme.sum() + 1) / (draws.resamples + 1))


def spread(values: Doubles) -> float:
    """Standard deviation of the finite values, the bootstrap's standard error; NaN when there are fewer
    than a hundred."""
    finite = values[np.isfinite(values)]
    return float(finite.std(ddof=1)) if len(finite) >= 100 else float("nan")


def judge_ratio(arm: Sums, against: Sums, draws: Draws, luck: Doubles | float = 0.0) -> Judgement:
    """Difference of two ratio metrics over the same users; `luck` (resamples,) widens interval and p by
    what else is chance."""
    if arm.denominator.sum() <= 0:
        return Judgement(*[float("nan")] * 5)
    difference = arm.numerator - against.numerator
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [
            weights @ difference / (weights @ arm.denominator) for weights in draws.batches(len(difference))
        ]
    resampled = np.concatenate(parts) + luck
    p_value = flipped(difference / arm.denominator.sum(), draws, luck)
    return Judgement(arm.value - against.value, *percentiles(resampled), p_value, spread(resampled))


def judge_auc(arm: Concordance, against: Concordance, draws: Draws, luck: Doubles | float = 0.0) -> Judgement:
    """Difference of two AUCs over the same rows; `luck` as in `judge_ratio`."""
    if arm.total == 0:
        return Judgement(*[float("nan")] * 5)
    shares = swapped_shares(arm, against)
    resampled = (
        _exact(arm, against, draws) if arm.users <= LARGEST else linearized(arm, against, draws)
    ) + luck
    return Judgement(
        float(shares.sum()), *percentiles(resampled), flipped(shares, draws, luck), spread(resampled)
    )


def swapped_shares(arm: Concordance, against: Concordance) -> Doubles:
    """(users,) share of each user's own scores in the AUC difference, seeds averaged; the shares add up to
    it."""
    positive = arm.label > 0.5
    moved = np.zeros(len(arm.label))
    for ours, theirs in zip(arm.scores, against.scores, strict=True):
        for context in (ours, theirs):  # the other side's scores, from either arm
            moved[positive] += _under(context[~positive], ours[positive]) - _under(
                context[~positive], theirs[positive]
            )
            moved[~positive] += _under(context[positive], theirs[~positive]) - _under(
                context[positive], ours[~positive]
            )
    return np.asarray(np.bincount(arm.user, moved, arm.users) / (2 * len(arm.scores) * arm.total))


def _under(values: Doubles, scores: Doubles) -> Doubles:
    """How many values are below each score, equal ones counting half."""
    ordered = np.sort(values)
    return np.asarray(
        (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / 2.0
    )


def _exact(arm: Concordance, against: Concordance, draws: Draws) -> Doubles:
    weights, won = draws.weights(arm.users), arm.pairs - against.pairs
    with np.errstate(invalid="ignore", divide="ignore"):
        totals = (weights @ arm.positives) * (weights @ arm.negatives)
        return np.asarray(((weights @ won) * weights).sum(1) / totals)


def linearized(arm: Concordance, against: Concordance, draws: Draws) -> Doubles:
    """(resamples,) differences to first order in the users' weights."""
    difference = (arm.shares - against.shares).sum() / arm.total
    relative = arm.positives / arm.positives.sum() + arm.negatives / arm.negatives.sum()
    influence = 2.0 * (arm.shares - against.shares) / arm.total - difference * relative
    return np.concatenate([difference + (part - 1.0) @ influence for part in draws.batches(arm.users)])


def smallest_detectable(low: float, high: float) -> float:
    """The difference that would be found in four of five repetitions (80% power, 5% two-sided): 2.8
    standard errors."""
    return POWER * (high - low) / 3.92


def holm(p_values: Doubles) -> Doubles:
    """Step-down corrected p-values (tests,) that keep the chance of any false finding (Holm, 1979); NaN
    stays and does not count."""
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values, kind="stable")[: int(np.isfinite(p_values).sum())]  # NaN sorts last
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
