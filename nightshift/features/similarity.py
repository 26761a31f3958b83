"""Similarity of a candidate to what its user liked and disliked, in one view of the items.

Trees cannot use a vector's coordinates; they can use a cosine. The columns are those that carried the gain over raw
dimensions in our own measurements and in the winning solutions of the RecSys Challenge 2024.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nightshift.features.affinity import cut, profile, shared, signed, weighed
from nightshift.features.content import View, cosines
from nightshift.features.counts import overall_rate, smoothed
from nightshift.features.rows import Columns, Doubles, Rows, float32, prefixed
from nightshift.features.settings import CountSettings, SimilaritySettings
from nightshift.history import EventLog, Floats, Ints, Past

FEW = np.float32(0.1)
"""Weight of no opinion that a similarity-weighted label is shrunk by."""


@dataclass(frozen=True)
class Compared:
    """Candidates (rows,) beside the events of the past that have a vector; each property is made when a column asks for it."""

    view: View
    candidate: Ints
    past: Past
    settings: SimilaritySettings

    @cached_property
    def cosines(self) -> Floats:
        """(rows, length) cosine of each candidate with each event's item."""
        if not shared(self.past):
            return self.view.cosines(self.candidate, self.past.items)
        return cosines(self.view.vectors[self.candidate], self.view.vectors[self.past.items[0]])

    @cached_property
    def known(self) -> Floats:
        """(rows, length) the cosines, -inf where there is no event."""
        return self.cosines if self.past.valid.all() else np.where(self.past.valid, self.cosines, -np.float32(np.inf))

    @cached_property
    def residual(self) -> Doubles:
        """(rows or 1, length) labels as distance from the user's own rate."""
        return signed(self.past)

    @cached_property
    def ones(self) -> Doubles:
        """(rows or 1, length) 1 where there is an event."""
        return self.past.valid.astype(np.float64)

    @cached_property
    def liked(self) -> Doubles:
        """(rows,) cosine with the mean liked vector."""
        return self.mean_cosine(self.past.liked.astype(np.float64))

    @cached_property
    def disliked(self) -> Doubles:
        """(rows,) cosine with the mean disliked vector."""
        return self.mean_cosine(self.past.disliked.astype(np.float64))

    def mean_cosine(self, weights: Doubles) -> Doubles:
        """Cosine (rows,) of the candidate with the weighted mean of the past; NaN where the weights are all zero."""
        mean = profile(self.past, weights, self.view.vectors)  # (rows or 1, d)
        length = np.linalg.norm(mean, axis=1)
        scaled = mean / np.where(length > 0, length, 1.0)[:, None]
        vectors = self.view.vectors[self.candidate].astype(np.float64)
        cosine = vectors @ scaled[0] if len(scaled) == 1 else np.einsum("rd,rd->r", scaled, vectors)
        return np.where(length > 0, cosine, np.nan)

    def best(self, size: int) -> Doubles:
        """Mean (rows,) of the `size` largest cosines with liked items; NaN where nothing was liked."""
        liked = self.past.liked
        chosen = self.cosines[:, liked[0]] if len(liked) == 1 else np.where(liked, self.cosines, -np.float32(np.inf))
        found = np.minimum(liked.sum(1), size)
        most = min(size, chosen.shape[1])
        if most == 0 or not found.any():
            return np.full(len(self.candidate), np.nan)
        top = chosen.max(1, keepdims=True) if most == 1 else -np.sort(np.partition(-chosen, most - 1, axis=1)[:, :most], axis=1)
        total = np.where(np.isfinite(top), top, 0.0).sum(1, dtype=np.float64)
        return np.where(found > 0, total / np.maximum(found, 1), np.nan)

    def nearest_labels(self, size: int) -> Doubles:
        """Mean residual label (rows,) of the `size` nearest events; all that are as near as the last of them count."""
        length = self.known.shape[1]
        if length <= size:
            total, events = self.residual.sum(1), self.ones.sum(1)
        else:
            last = np.sort(self.known, axis=1)[:, length - size]  # sorting short rows is quicker than partitioning them
            near = self.known >= np.maximum(last, -2.0)[:, None]
            total, events = weighed(near.astype(np.float64), self.residual, self.ones)
        return np.broadcast_to(total / (events + 2.0), len(self.candidate))

    def labels(self) -> Doubles:
        """Mean residual label (rows,) weighed by nearness, exp(sharpness * (cosine - 1))."""
        near = self.cosines - np.float32(1.0)
        near *= np.float32(self.settings.sharpness)
        total, weight = weighed(np.exp(near, out=near), self.residual, self.ones)
        return np.asarray(total / (weight + FEW))

    def last(self) -> Doubles:
        """Cosine (rows,) with the newest event."""
        first = np.where(self.past.valid[:, :1], self.cosines[:, :1], np.nan) if self.cosines.shape[1] else np.full((1, 1), np.nan)
        return np.broadcast_to(first[:, 0].astype(np.float64), len(self.candidate))

    def recent(self) -> Doubles:
        """Cosine (rows,) with the mean liked vector, newer events weighing more."""
        age = np.arange(self.past.valid.shape[1])
        return self.mean_cosine(self.past.liked.astype(np.float64) * np.exp2(-age / self.settings.half_life))


COLUMNS: dict[str, Callable[[Compared], Doubles]] = {
    "liked": lambda c: c.liked,
    "disliked": lambda c: c.disliked,
    "difference": lambda c: np.nan_to_num(c.liked) - np.nan_to_num(c.disliked),
    "highest": lambda c: c.best(1),
    "top3": lambda c: c.best(3),
    "last": lambda c: c.last(),
    "recent": lambda c: c.recent(),
    "labels": lambda c: c.labels(),
    "evidence": lambda c: weighed(c.cosines, c.residual)[0],
    "nearest_labels": lambda c: c.nearest_labels(c.settings.nearest),
}
"""How each similarity column is made."""


def history_columns(view: View, candidate: Ints, past: Past, settings: SimilaritySettings) -> Columns:
    """The chosen similarity columns (rows,), and `missing`: 1 where the candidate has no vector (the others are NaN then).

    Cosines to the mean liked and mean disliked history and their difference; the highest, the mean of the three highest,
    the last item's, the recency-weighted mean; past labels weighed by similarity (`labels` a mean, `evidence` a sum) and
    the mean label of the nearest history items. Labels count as distance from the user's own rate. `past` is one row for
    each candidate, or a single row that several candidates share.
    """
    seen = _seen(view, past, shared(past))
    compared, missing = Compared(view, candidate, seen, settings), ~view.present[candidate]
    columns = float32({name: COLUMNS[name](compared) for name in settings.columns})
    return {name: np.where(missing, np.float32(np.nan), values) for name, values in columns.items()} | float32({"missing": missing})


def _seen(view: View, past: Past, alone: bool) -> Past:
    """The events whose item has a vector; a shared past is cut down to them, but keeps the place of its newest event."""
    valid = past.valid & view.present[past.items]
    if not alone or valid.all():
        return Past(past.items, past.labels, past.ages, valid)
    return cut(Past(past.items, past.labels, past.ages, valid), valid[0] | (np.arange(valid.shape[1]) == 0))


def borrowed(events: Ints, clicks: Doubles, known: NDArray[np.bool_], prior: Doubles, counts: CountSettings) -> Columns:
    """Smoothed click rate and events (rows,) of a candidate's neighbours; NaN where `known` says that it has none."""
    rate = smoothed(clicks, events, prior, counts.smoothing)
    return float32({"neighbour_rate": np.where(known, rate, np.nan), "neighbour_events": np.where(known, events, np.nan)})


def neighbour_columns(log: EventLog, view: View, candidate: Ints, moment: Ints, counts: CountSettings) -> Columns:
    """Smoothed click rate and events of the candidate's nearest items before the moment: what a cold item can borrow."""
    near = view.neighbours[candidate]  # (rows, nearest)
    known = near >= 0
    owner = np.where(known, near, log.items.len()).ravel()
    start, stop = log.by_item.window(owner, np.repeat(moment, near.shape[1]))
    events = (stop - start).reshape(near.shape).sum(1)
    clicks = log.by_item.positives(start, stop).reshape(near.shape).sum(1)
    return borrowed(events, clicks, np.asarray(known.any(1)), overall_rate(log, moment), counts)


def view_columns(log: EventLog, view: View, rows: Rows, past: Past, settings: SimilaritySettings, counts: CountSettings) -> Columns:
    """All columns of one view, named `<view>_<column>`."""
    columns = history_columns(view, rows.item, past, settings) | neighbour_columns(log, view, rows.item, rows.moment, counts)
    return prefixed(f"{view.name}_", columns | dimension_columns(view, rows.item, settings.emit_dimensions))


def dimension_columns(view: View, candidate: Ints, dimensions: int) -> Columns:
    """`dimension_<nn>`: the first whitened coordinates of each candidate (rows,)."""
    numbers = range(min(dimensions, view.dimensions.shape[1]))
    present = view.present[candidate]
    return float32({f"dimension_{n:02d}": np.where(present, view.dimensions[candidate, n], np.float32(np.nan)) for n in numbers})
