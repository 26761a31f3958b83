"""What a recommender does beyond being right: whom it shows, to whom it shows the known, and whether it
serves groups alike.

Lists are (users, k) item codes, best first, -1 where a list is shorter. Popularity is the items' events
before the cut. Similarity inside a list is to be measured in another embedding space than the one that
ranked it, or it measures itself.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nightshift.lift.metrics import Sums

Doubles = NDArray[np.float64]
Codes = NDArray[np.int64]


def exposure(lists: Codes, items: int) -> Codes:
    """(items,) how often each item is shown."""
    return np.bincount(lists[lists >= 0], minlength=items).astype(np.int64)


def coverage(lists: Codes, items: int) -> float:
    """Share of the catalogue that is shown to anybody."""
    return float((exposure(lists, items) > 0).mean())


def gini(lists: Codes, items: int) -> float:
    """Gini coefficient of the exposure over the whole catalogue: 0 all alike, towards 1 few items take
    all. NaN when nothing is shown."""
    shown = np.sort(exposure(lists, items))
    if not shown.sum():
        return float("nan")
    return float(((2 * np.arange(1, items + 1) - items - 1) * shown).sum() / (items * shown.sum()))


def long_tail_share(lists: Codes, popularity: Codes, head: float = 0.2) -> float:
    """Share of what is shown that is none of the most popular `head` of the catalogue (ties by code); NaN
    when nothing is shown."""
    order = np.lexsort((np.arange(len(popularity)), -popularity))
    tail = np.ones(len(popularity), np.bool_)
    tail[order[: round(head * len(popularity))]] = False
    shown = lists[lists >= 0]
    return float(tail[shown].mean()) if len(shown) else float("nan")


def novelty(lists: Codes, popularity: Codes, total: int) -> Doubles:
    """(users,) mean surprise of what is shown, in bits: -log2 of an item's share (Vargas and Castells,
    RecSys 2011).

    `popularity` by `total` is the share of users who had it, or of all events. An item that nobody had
    counts as had once. NaN for an empty list.
    """
    return _mean(-np.log2(np.maximum(popularity, 1) / total), lists)


def popularity_lift(lists: Codes, past: Codes, popularity: Codes) -> Doubles:
    """(users,) mean popularity of what is shown by that of the user's own past, minus 1 (Abdollahpouri et
    al., 2019).

    0: as popular as what the user likes. `past` is (users, any) item codes, -1 padded. NaN without a list
    or a past.
    """
    own = _mean(popularity.astype(np.float64), past)
    return np.asarray(_mean(popularity.astype(np.float64), lists) / np.where(own > 0, own, np.nan) - 1.0)


def popularity_gap(lists: Codes, own: Doubles, popularity: Doubles) -> float:
    """Mean popularity of what is shown by that of the users' own past `own` (users,), minus 1: the GAP of
    a group of users.

    Means are taken over users first, so that one with an obscure past does not decide (Abdollahpouri et
    al., 2019). Users without a list or a past (NaN) do not count; NaN when nobody does.
    """
    shown = _mean(popularity, lists)
    both = np.isfinite(shown) & np.isfinite(own)
    past = float(own[both].mean()) if both.any() else 0.0
    return float(shown[both].mean()) / past - 1.0 if past > 0 else float("nan")


def diversity(lists: Codes, vectors: NDArray[np.floating], batch: int = 1024) -> Doubles:
    """(users,) mean of 1 - cosine over all pairs of a list (Ziegler et al., WWW 2005); NaN for fewer than
    two items.

    Vectors (items, d) of any length; an item whose vector is zero is left out.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1.0)
    parts = [
        _diversity(lists[start : start + batch], unit, length[:, 0] > 0)
        for start in range(0, len(lists), batch)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _diversity(lists: Codes, unit: NDArray[np.floating], known: NDArray[np.bool_]) -> Doubles:
    kept = (lists >= 0) & known[lists]
    summed = (unit[lists] * kept[:, :, None]).sum(1, dtype=np.float64)  # (users, d)
    count = kept.sum(1)
    pairs = count * (count - 1)
    similar = (summed**2).sum(
        1
    ) - count  # unit rows: the square of the sum is the sum of all cosines, own ones included
    return np.asarray(np.where(pairs > 0, 1.0 - similar / np.maximum(pairs, 1), np.nan))


def _mean(values: Doubles, lists: Codes) -> Doubles:
    """(users,) mean of the items' values over each list."""
    kept = lists >= 0
    total = (values[lists] * kept).sum(1)
    return np.asarray(np.where(kept.any(1), total / np.maximum(kept.sum(1), 1), np.nan))


def by_group(sums: Sums, group: NDArray[np.generic]) -> dict[str, float]:
    """A metric for each group of users (users,), in the order of the groups' names."""
    return {
        str(name): Sums(sums.numerator[group == name], sums.denominator[group == name]).value
        for name in np.unique(group)
    }


def gap(sums: Sums, group: NDArray[np.generic]) -> float:
    """Best group's metric minus the worst's: 0 serves all alike. Groups without a number do not count; NaN
    with fewer than two."""
    values = [value for value in by_group(sums, group).values() if np.isfinite(value)]
    return max(values) - min(values) if len(values) > 1 else float("nan")


def gap_by_chance(sums: Sums, group: NDArray[np.generic], draws: int = 1000, seed: int = 0) -> float:
    """Share of random regroupings of the users whose gap is at least the observed one, the observed one
    counted: a p-value."""
    observed = gap(sums, group)
    if not np.isfinite(observed):
        return float("nan")
    random: Callable[[NDArray[np.generic]], NDArray[np.generic]] = np.random.default_rng(seed).permutation
    extreme = sum(gap(sums, random(group)) >= observed - 1e-12 for _ in range(draws))
    return (extreme + 1) / (draws + 1)
