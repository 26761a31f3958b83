"""Scores of the candidate stage at serving: `popular`, `item_knn` and `ease`, as the night's fit has them
for the history as it is now.

The fit is that of the night (`nightshift.features.candidates.fits`), made once with its arrays; a request
adds up the rows of what the user liked until now, for its candidates alone.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np

from nightshift.features.candidates.fits import Fits
from nightshift.features.candidates.settings import COLLABORATIVE, CandidateSettings
from nightshift.features.history import EventLog, Floats, Ints
from nightshift.features.rows import Columns, Doubles, float32
from nightshift.serving.memory_map import Arrays


def served_sources(settings: CandidateSettings | None) -> list[str]:
    """Sources whose scores are columns."""
    return (
        [source for source in settings.sources if source in COLLABORATIVE]
        if settings and settings.score_columns
        else []
    )


def stage_arrays(log: EventLog, night: date, settings: CandidateSettings | None) -> Arrays:
    """What the sources learnt from the events before the night; items count as in the log."""
    sources, arrays = served_sources(settings), Arrays()
    if settings is None or not sources:
        return arrays
    fit = Fits(settings).of(log, night)
    half_life = fit.learnt.half_life
    arrays["stage_half_life"] = np.array([np.inf if half_life is None else half_life])
    if "popular" in sources:
        arrays["stage_popular"] = np.append(fit.popular, np.float32(0))
    if "item_knn" in sources:
        near = fit.neighbours
        starts = np.append(near.indptr, near.indptr[-1]).astype(np.int64)
        arrays |= {
            "stage_near_start": starts,
            "stage_near_item": near.indices.astype(np.int32),
            "stage_near_value": near.data,
        }
    if "ease" in sources:
        arrays |= {"stage_ease_items": fit.ease.items, "stage_ease_weights": fit.ease.weights}
    return arrays


def stage_columns(
    arrays: Arrays, sources: Sequence[str], item: Ints, history: tuple[Ints, Ints, Floats]
) -> Columns:
    """`from_<source>` (rows,) for candidates of one user with a history of items, moments and labels; NaN
    where the source has nothing to say, as `Stage.columns` gives it."""
    if not sources:
        return {}
    liked, weight = _weighed(history[0][history[2] > 0.5], float(arrays["stage_half_life"][0]))
    found = {f"from_{source}": SCORES[source](arrays, item, liked, weight) for source in sources}
    return float32({name: scores.astype(np.float32) for name, scores in found.items()})


def _weighed(liked: Ints, half_life: float) -> tuple[Ints, Floats]:
    """Each liked item once, and what it weighs in the history, which is oldest first."""
    items, place = np.unique(liked, return_inverse=True)
    if np.isinf(half_life):
        return items, np.ones(len(items), np.float32)
    newer = np.arange(len(liked))[::-1]
    weight = np.exp2(-newer / half_life).astype(np.float32)
    return items, np.bincount(place, weight, len(items)).astype(np.float32)


def _popular(arrays: Arrays, item: Ints, liked: Ints, weight: Floats) -> Doubles:
    scores = arrays["stage_popular"][item].astype(np.float64)
    return np.where(scores > 0, scores, np.nan)


def _item_knn(arrays: Arrays, item: Ints, liked: Ints, weight: Floats) -> Doubles:
    """Summed cosines with what was liked: all entries of its rows, those of the candidates kept."""
    start = arrays["stage_near_start"]
    spans = [slice(start[place], start[place + 1]) for place in liked.tolist()]
    near = np.concatenate([arrays["stage_near_item"][span] for span in spans] or [np.zeros(0, np.int32)])
    values = [arrays["stage_near_value"][span] * each for span, each in zip(spans, weight, strict=True)]
    value = np.concatenate(values or [np.zeros(0, np.float32)])
    wanted, place = np.unique(item, return_inverse=True)
    at = np.minimum(np.searchsorted(wanted, near), len(wanted) - 1)
    here = wanted[at] == near
    total = np.bincount(at[here], value[here], len(wanted)).astype(np.float64)
    return np.where(total > 0, total, np.nan)[place]


def _ease(arrays: Arrays, item: Ints, liked: Ints, weight: Floats) -> Doubles:
    """Summed weights of what was liked and is known to EASE."""
    known = arrays["stage_ease_items"]
    row, column = _among(known, liked), _among(known, item)
    row, weight, there = row[row >= 0], weight[row >= 0], column >= 0
    scores = np.full(len(item), np.nan)
    if len(row):
        scores[there] = weight.astype(np.float64) @ arrays["stage_ease_weights"][row[:, None], column[there]]
    return scores


def _among(known: Ints, items: Ints) -> Ints:
    """Place of each item among the known, ascending; -1 for one that is not."""
    place = np.minimum(np.searchsorted(known, items), max(len(known) - 1, 0))
    return np.where(known[place] == items, place, -1) if len(known) else np.full(len(items), -1)


SCORES = {"popular": _popular, "item_knn": _item_knn, "ease": _ease}
"""How each source scores."""
