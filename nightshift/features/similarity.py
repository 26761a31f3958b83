"""Similarity of a candidate to what its user liked and disliked, in one view of the items.

Trees cannot use a vector's coordinates; they can use a cosine. The columns are those that carried the gain
over raw dimensions in our own measurements and in the winning solutions of the RecSys Challenge 2024.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nightshift.features.affinity import cut, profiles, shared, weighed
from nightshift.features.content import View
from nightshift.features.counts import overall_rate, smoothed
from nightshift.features.history import EventLog, Floats, Ints, Past
from nightshift.features.rows import Columns, Doubles, Rows, blanked, float32, prefixed
from nightshift.features.settings import CountSettings, SimilaritySettings
from nightshift.features.whitening import DECIMALS

FEW = np.float32(0.1)
"""Weight of no opinion that a similarity-weighted label is shrunk by."""


@dataclass(frozen=True)
class Compared:
    """Candidates (rows,) beside the events of the past that have a vector; each property is made when a
    column asks for it."""

    view: View
    candidate: Ints
    past: Past
    settings: SimilaritySettings

    @cached_property
    def cosines(self) -> Floats:
        """(rows, length) cosine of each candidate with each event's item, settled."""
        if not shared(self.past):
            return self.view.cosines(self.candidate, self.past.items)
        history = self.view.vectors[self.past.items[0]].astype(np.float64) * 10.0**DECIMALS
        found = self.vectors @ history.T
        whole = np.rint(found, out=found).astype(np.float32)  # exact, and so is what one division rounds
        whole /= np.float32(10.0**DECIMALS)
        return np.asarray(whole)

    @cached_property
    def vectors(self) -> Doubles:
        """(rows, d) the candidates' unit vectors."""
        return self.view.vectors[self.candidate].astype(np.float64)

    @cached_property
    def known(self) -> Floats:
        """(rows, length) the cosines, -inf where there is no event."""
        return (
            self.cosines
            if self.past.valid.all()
            else np.where(self.past.valid, self.cosines, -np.float32(np.inf))
        )

    @cached_property
    def ones(self) -> Doubles:
        """(rows or 1, length) 1 where there is an event."""
        return self.past.valid.astype(np.float64)

    @cached_property
    def inner(self) -> list[Doubles]:
        """(rows,) cosine with the mean liked and with the mean disliked vector, and inner product with the
        signed sum."""
        past, matrix = self.past, self.view.vectors
        liked, disliked, total = profiles(
            past, matrix, past.liked.astype(np.float64), past.disliked.astype(np.float64), past.signed
        )
        return self.with_candidates(_direction(liked), _direction(disliked), total)

    def with_candidates(self, *profiled: Doubles) -> list[Doubles]:
        """Inner products (rows,) of the candidates with each of the profiles (rows or 1, d)."""
        if len(profiled[0]) == 1:
            return list((self.vectors @ np.concatenate(profiled).T).T)
        return [np.einsum("rd,rd->r", each, self.vectors) for each in profiled]

    def best(self, size: int) -> Doubles:
        """Mean (rows,) of the `size` largest cosines with liked items; NaN where nothing was liked."""
        liked = self.past.liked
        chosen = self.cosines + np.where(liked, np.float32(0.0), -np.float32(np.inf))
        found = np.minimum(liked.sum(1), size)
        most = min(size, chosen.shape[1])
        if most == 0 or not found.any():
            return np.full(len(self.candidate), np.nan)
        top = (
            chosen.max(1, keepdims=True)
            if most == 1
            else -np.sort(np.partition(-chosen, most - 1, axis=1)[:, :most], axis=1)
        )
        total = np.where(np.isfinite(top), top, 0.0).sum(1, dtype=np.float64)
        return np.where(found > 0, total / np.maximum(found, 1), np.nan)

    def nearest_labels(self, size: int) -> Doubles:
        """Mean residual label (rows,) of the `size` nearest events; all that are as near as the last of
        them count."""
        length = self.known.shape[1]
        if length <= size:
            liked, events = self.past.liked.sum(1), self.past.valid.sum(1)
        else:
            last = np.sort(self.known, axis=1)[
                :, length - size
            ]  # sorting short rows is quicker than partitioning them
            liked, events = self._counted(self.known >= np.maximum(last, -2.0)[:, None])
        return np.broadcast_to(
            (liked - self.past.own_rate[:, 0] * events) / (events + 2.0), len(self.candidate)
        )

    def _counted(self, near: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Liked and all events (rows,) among the marked ones; whole numbers, exact in float32."""
        marks, liked = near.astype(np.float32), self.past.liked.astype(np.float32)
        if len(liked) > 1:
            return np.einsum("rl,rl->r", marks, liked), marks.sum(1)
        both = marks @ np.stack([liked[0], np.ones_like(liked[0])], axis=1)
        return both[:, 0], both[:, 1]

    def labels(self) -> Doubles:
        """Mean residual label (rows,) weighed by nearness, exp(sharpness * (cosine - 1))."""
        near = self.cosines - np.float32(1.0)
        near *= np.float32(self.settings.sharpness)
        exact = np.empty(near.shape)
        np.exp(near, out=exact, dtype=np.float32, casting="same_kind")
        total, weight = weighed(exact, self.past.signed, self.ones)
        return np.asarray(total / (weight + FEW))

    def last(self) -> Doubles:
        """Cosine (rows,) with the newest event."""
        first = (
            np.where(self.past.valid[:, :1], self.cosines[:, :1], np.nan)
            if self.cosines.shape[1]
            else np.full((1, 1), np.nan)
        )
        return np.broadcast_to(first[:, 0].astype(np.float64), len(self.candidate))

    def recent(self) -> Doubles:
        """Cosine (rows,) with the mean liked vector, newer events weighing more."""
        decay = np.exp2(-np.arange(self.past.valid.shape[1]) / self.settings.half_life)
        (mean,) = profiles(self.past, self.view.vectors, self.past.liked.astype(np.float64) * decay)
        return self.with_candidates(_direction(mean))[0]


def _direction(profile: Doubles) -> Doubles:
    """Rows scaled to length 1; NaN for a row of zeros, which points nowhere."""
    length = np.sqrt(np.einsum("rd,rd->r", profile, profile))
    return profile / np.where(length > 0, length, np.nan)[:, None]


def _or_zero(values: Doubles) -> Doubles:
    return np.where(np.isnan(values), 0.0, values)


COLUMNS: dict[str, Callable[[Compared], Doubles]] = {
    "liked": lambda c: c.inner[0],
    "disliked": lambda c: c.inner[1],
    "difference": lambda c: _or_zero(c.inner[0]) - _or_zero(c.inner[1]),
    "highest": lambda c: c.best(1),
    "top3": lambda c: c.best(3),
    "last": lambda c: c.last(),
    "recent": lambda c: c.recent(),
    "labels": lambda c: c.labels(),
    "evidence": lambda c: c.inner[2],
    "nearest_labels": lambda c: c.nearest_labels(c.settings.nearest),
}
"""How each similarity column is made."""


def history_columns(view: View, candidate: Ints, past: Past, settings: SimilaritySettings) -> Columns:
    """The chosen similarity columns (rows,), and `missing`: 1 where the candidate has no vector (the
    others are NaN then).

    Cosines to the mean liked and mean disliked history and their difference; the highest, the mean of the
    three highest, the last item's, the recency-weighted mean; past labels weighed by similarity (`labels`
    a mean, `evidence` a sum) and the mean label of the nearest history items. Labels count as distance
    from the user's own rate. `past` is one row for each candidate, or a single row that several candidates
    share.
    """
    seen = _seen(view, past, shared(past))
    compared, missing = Compared(view, candidate, seen, settings), ~view.present[candidate]
    columns = float32({name: COLUMNS[name](compared) for name in settings.columns})
    return blanked(columns, missing) | {"missing": missing.astype(np.float32)}


def _seen(view: View, past: Past, alone: bool) -> Past:
    """The events whose item has a vector; a shared past is cut down to them, but keeps the place of its
    newest event."""
    valid = past.valid & view.present[past.items]
    if np.array_equal(valid, past.valid):
        return past  # and what it has already computed
    if not alone:
        return Past(past.items, past.labels, past.ages, valid)
    return cut(Past(past.items, past.labels, past.ages, valid), valid[0] | (np.arange(valid.shape[1]) == 0))


def borrowed(
    events: Ints | Doubles, clicks: Doubles, known: NDArray[np.bool_], prior: Doubles, counts: CountSettings
) -> Columns:
    """Smoothed click rate and events (rows,) of a candidate's neighbours; NaN where `known` says that it
    has none."""
    rate = smoothed(clicks, events, prior, counts.smoothing)
    return float32(
        {"neighbour_rate": np.where(known, rate, np.nan), "neighbour_events": np.where(known, events, np.nan)}
    )


def neighbour_columns(
    log: EventLog, view: View, candidate: Ints, moment: Ints, counts: CountSettings
) -> Columns:
    """Smoothed click rate and events of the candidate's nearest items before the moment: what a cold item
    can borrow."""
    near = view.neighbours[candidate]  # (rows, nearest)
    known = near >= 0
    owner = np.where(known, near, log.items.len()).ravel()
    start, stop = log.by_item.window(owner, np.repeat(moment, near.shape[1]))
    events = (stop - start).reshape(near.shape).sum(1)
    clicks = log.by_item.positives(start, stop).reshape(near.shape).sum(1)
    return borrowed(events, clicks, np.asarray(known.any(1)), overall_rate(log, moment), counts)


def view_columns(
    log: EventLog, view: View, rows: Rows, past: Past, settings: SimilaritySettings, counts: CountSettings
) -> Columns:
    """All columns of one view, named `<view>_<column>`."""
    columns = history_columns(view, rows.item, past, settings) | neighbour_columns(
        log, view, rows.item, rows.moment, counts
    )
    return prefixed(f"{view.name}_", columns | dimension_columns(view, rows.item, settings.emit_dimensions))


def dimension_columns(view: View, candidate: Ints, dimensions: int) -> Columns:
    """`dimension_<nn>`: the first whitened coordinates of each candidate (rows,)."""
    numbers = range(min(dimensions, view.dimensions.shape[1]))
    present = view.present[candidate]
    return float32(
        {
            f"dimension_{n:02d}": np.where(present, view.dimensions[candidate, n], np.float32(np.nan))
            for n in numbers
        }
    )
