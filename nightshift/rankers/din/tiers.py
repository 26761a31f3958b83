"""How many events of the history are how similar to the candidate: histograms in the manner of SimTier.

Sheng et al., Enhancing Taobao Display Advertising with Multimodal Representations, CIKM 2024: a network makes little of
a frozen vector, and much of the count of past events in each band of similarity. Liked and disliked events are counted
apart, so that a like and a dislike of the same kind of item are not the same evidence.
"""

import numpy as np

from nightshift.features.content import View
from nightshift.history import Floats, Ints

CHUNK = 262_144
"""Pairs of candidate and event whose cosines are held at once."""


def pair_cosines(view: View, candidate: Ints, event: Ints) -> Floats:
    """(pairs,) cosine of each candidate with its event."""
    if view.square is not None:
        return np.asarray(view.square[candidate, event])
    parts = [slice(start, start + CHUNK) for start in range(0, len(candidate), CHUNK)]
    return np.concatenate([np.einsum("pd,pd->p", view.vectors[candidate[p]], view.vectors[event[p]]) for p in parts] or [np.zeros(0)])


def histograms(view: View, candidate: Ints, row: Ints, event: Ints, liked: Ints, bins: int) -> Floats:
    """(rows, 2 x bins) log(1 + count) by similarity from -1 to 1: first disliked events, then liked ones.

    `candidate` (rows,); `row`, `event`, `liked` (events,): the row each event belongs to, its item, 1 where it was liked.
    Items without a vector are not counted.
    """
    seen = view.present[candidate[row]] & view.present[event]
    row, event, liked = row[seen], event[seen], liked[seen]
    cosine = pair_cosines(view, candidate[row], event)
    tier = np.clip(((cosine + 1.0) * (bins / 2.0)).astype(np.int64), 0, bins - 1)
    counts = np.bincount((row * 2 + liked) * bins + tier, minlength=len(candidate) * 2 * bins)
    return np.log1p(counts.reshape(len(candidate), 2 * bins)).astype(np.float32)
