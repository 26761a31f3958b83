"""How many events of the history are how similar to the candidate: histograms in the manner of SimTier.

Sheng et al., Enhancing Taobao Display Advertising with Multimodal Representations, CIKM 2024: a network
makes little of a frozen vector, and much of the count of past events in each band of similarity. Liked and
disliked events are counted apart, so that a like and a dislike of the same kind of item are not the same
evidence.
"""

import numpy as np

from nightshift.features.content import View, cosines
from nightshift.features.history import Floats, Ints
from nightshift.features.whitening import settled

CHUNK = 262_144
"""Pairs of candidate and event whose cosines are held at once."""


def pair_cosines(view: View, candidate: Ints, event: Ints) -> Floats:
    """(pairs,) cosine of each candidate with its event, settled: a cosine on the edge of a tier falls on
    one side everywhere."""
    if view.square is not None:
        return np.asarray(view.square[candidate, event])
    parts = [slice(start, start + CHUNK) for start in range(0, len(candidate), CHUNK)]
    exact = [
        (view.vectors[candidate[p]].astype(np.float64), view.vectors[event[p]].astype(np.float64))
        for p in parts
    ]
    return np.concatenate(
        [settled(np.einsum("pd,pd->p", left, right)) for left, right in exact] or [np.zeros(0, np.float32)]
    )


def histograms(view: View, candidate: Ints, row: Ints, event: Ints, liked: Ints, bins: int) -> Floats:
    """(rows, 2 x bins) log(1 + count) by similarity from -1 to 1: first disliked events, then liked ones.

    `candidate` (rows,); `row`, `event`, `liked` (events,): the row each event belongs to, its item, 1
    where it was liked. Items without a vector are not counted.
    """
    seen = view.present[candidate[row]] & view.present[event]
    row, event, liked = row[seen], event[seen], liked[seen]
    return _counted(pair_cosines(view, candidate[row], event), row, liked, len(candidate), bins)


def shared_histograms(view: View, candidate: Ints, event: Ints, liked: Ints, bins: int) -> Floats:
    """The same for candidates (rows,) that share one history: `event`, `liked` (length,)."""
    here, there = np.flatnonzero(view.present[candidate]), view.present[event]
    event, liked = event[there], liked[there]
    cosine = cosines(view.vectors[candidate[here]], view.vectors[event])  # (rows, length)
    row, liked = np.broadcast_arrays(here[:, None], liked)
    return _counted(cosine.ravel(), row.ravel(), liked.ravel(), len(candidate), bins)


def _counted(cosine: Floats, row: Ints, liked: Ints, rows: int, bins: int) -> Floats:
    tier = np.clip(((cosine + 1.0) * (bins / 2.0)).astype(np.int64), 0, bins - 1)
    counts = np.bincount((row * 2 + liked) * bins + tier, minlength=rows * 2 * bins)
    return np.log1p(counts.reshape(rows, 2 * bins)).astype(np.float32)
