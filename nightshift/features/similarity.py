"""Similarity of a candidate to what its user liked and disliked, in one view of the items.

Trees cannot use a vector's coordinates; they can use a cosine. The columns are those that carried the gain over raw
dimensions in our own measurements and in the winning solutions of the RecSys Challenge 2024.
"""

import numpy as np

from nightshift.features.affinity import signed, weights_of
from nightshift.features.content import View
from nightshift.features.counts import overall_rate, smoothed
from nightshift.features.rows import Columns, Rows, float32, prefixed
from nightshift.features.settings import CountSettings, SimilaritySettings
from nightshift.history import EventLog, Floats, Ints, Past


def _mean_cosine(view: View, candidate: Ints, past: Past, weights: Floats) -> Floats:
    """Cosine (rows,) of the candidate with the weighted mean of the past; NaN where the weights are all zero."""
    mean = weights_of(past, weights, len(view.vectors)) @ view.vectors  # (rows, d)
    length = np.linalg.norm(mean, axis=1)
    cosine = (mean * view.vectors[candidate]).sum(1) / np.where(length > 0, length, 1.0)
    return np.where(length > 0, cosine, np.nan).astype(np.float32)


def _top(cosines: Floats, chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], size: int) -> tuple[Floats, Floats]:
    """Largest, and mean of the `size` largest, among the chosen (rows,); NaN where nothing is chosen."""
    size = min(size, cosines.shape[1])
    best = -np.sort(np.partition(np.where(chosen, -cosines, np.inf), size - 1, axis=1)[:, :size], axis=1)
    found = np.isfinite(best)
    mean = np.where(found, best, 0.0).sum(1) / np.maximum(found.sum(1), 1)
    return np.where(found[:, 0], best[:, 0], np.nan), np.where(found[:, 0], mean, np.nan)


def _nearest_labels(cosines: Floats, residual: Floats, valid: Floats, size: int) -> Floats:
    """Mean residual label (rows,) of the `size` nearest valid events."""
    size = min(size, cosines.shape[1])
    near = np.argpartition(np.where(valid > 0, -cosines, np.inf), size - 1, axis=1)[:, :size]
    counted = np.take_along_axis(valid, near, 1)
    total = (np.take_along_axis(residual, near, 1) * counted).sum(1)
    return np.asarray(total / (counted.sum(1) + 2.0))


def history_columns(view: View, candidate: Ints, past: Past, settings: SimilaritySettings) -> Columns:
    """The chosen similarity columns (rows,), and `missing`: 1 where the candidate has no vector (the others are NaN then).

    Cosines to the mean liked and mean disliked history and their difference; the highest, the mean of the three highest,
    the last item's, the recency-weighted mean; past labels weighed by similarity (`labels` a mean, `evidence` a sum) and
    the mean label of the nearest history items. Labels count as distance from the user's own rate.
    """
    valid = past.valid & view.present[past.items]
    seen = Past(past.items, past.labels, past.ages, valid)
    weight = valid.astype(np.float32)
    cosines, residual = view.cosines(candidate, past.items), signed(seen)
    decay = np.exp2(-np.arange(valid.shape[1], dtype=np.float32) / settings.half_life)
    to_liked, to_disliked = (_mean_cosine(view, candidate, seen, side.astype(np.float32)) for side in (seen.liked, seen.disliked))
    near = np.exp(settings.sharpness * (cosines - 1.0)) * weight
    highest, top3 = _top(cosines, seen.liked, 3)
    columns = float32(
        {
            "liked": to_liked,
            "disliked": to_disliked,
            "difference": np.nan_to_num(to_liked) - np.nan_to_num(to_disliked),
            "highest": highest,
            "top3": top3,
            "last": np.where(valid[:, 0], cosines[:, 0], np.nan),
            "recent": _mean_cosine(view, candidate, seen, seen.liked * decay),
            "labels": (near * residual).sum(1) / (near.sum(1) + np.float32(0.1)),
            "evidence": (cosines * residual).sum(1),
            "nearest_labels": _nearest_labels(cosines, residual, weight, settings.nearest),
        }
    )
    missing = ~view.present[candidate]
    chosen = {name: np.where(missing, np.float32(np.nan), columns[name]) for name in settings.columns}
    return chosen | float32({"missing": missing})


def neighbour_columns(log: EventLog, view: View, candidate: Ints, moment: Ints, counts: CountSettings) -> Columns:
    """Smoothed click rate and events of the candidate's nearest items before the moment: what a cold item can borrow."""
    near = view.neighbours[candidate]  # (rows, nearest)
    known = near >= 0
    owner = np.where(known, near, log.items.len()).ravel()
    start, stop = log.by_item.window(owner, np.repeat(moment, near.shape[1]))
    events = (stop - start).reshape(near.shape).sum(1)
    clicks = log.by_item.positives(start, stop).reshape(near.shape).sum(1)
    rate = smoothed(clicks, events, overall_rate(log, moment), counts.smoothing)
    none = ~known.any(1)
    return float32({"neighbour_rate": np.where(none, np.nan, rate), "neighbour_events": np.where(none, np.nan, events)})


def view_columns(log: EventLog, view: View, rows: Rows, past: Past, settings: SimilaritySettings, counts: CountSettings) -> Columns:
    """All columns of one view, named `<view>_<column>`."""
    columns = history_columns(view, rows.item, past, settings) | neighbour_columns(log, view, rows.item, rows.moment, counts)
    for number in range(min(settings.emit_dimensions, view.dimensions.shape[1])):
        values = np.where(view.present[rows.item], view.dimensions[rows.item, number], np.nan)
        columns[f"dimension_{number:02d}"] = values.astype(np.float32)
    return prefixed(f"{view.name}_", columns)
