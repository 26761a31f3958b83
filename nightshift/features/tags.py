"""How a candidate's tag scores agree with the user's signed history, facet by facet."""

import numpy as np

from nightshift.features.affinity import SHRINKAGE, signed, weights_of
from nightshift.features.content import TagScores
from nightshift.features.rows import Columns, float32
from nightshift.history import Floats, Ints, Past

STRONGEST = 3
"""Tags of a facet that an item is said to have when tags are counted rather than weighed."""


def strongest(scores: Floats, size: int = STRONGEST) -> Floats:
    """(items, tags of one facet) 1 for each item's `size` highest scores."""
    size = min(size, scores.shape[1])
    marks = np.zeros_like(scores)
    np.put_along_axis(marks, np.argsort(-scores, axis=1, kind="stable")[:, :size], 1.0, axis=1)
    return marks


def tag_columns(tags: TagScores, candidate: Ints, past: Past, facets: bool = False) -> Columns:
    """`tag_liking`: signed affinity to the candidate's scores; `tag_overlap`: liked minus disliked share of its strongest tags.

    Sums over facets; with `facets` also `tag_liking_<facet>` and `tag_overlap_<facet>`.
    """
    valid = past.valid & tags.present[past.items]
    seen = Past(past.items, past.labels, past.ages, valid)
    weights = weights_of(seen, signed(seen), len(tags.scores))
    marked = weights_of(seen, np.where(seen.liked, 1.0, -1.0).astype(np.float32), len(tags.scores))
    events = valid.sum(1).astype(np.float32) + SHRINKAGE
    columns: Columns = {}
    for facet in sorted(set(tags.facets)):
        scores = tags.scores[:, [name == facet for name in tags.facets]]
        tops = strongest(scores)
        liking = ((weights @ scores) * scores[candidate]).sum(1) / scores.shape[1]
        overlap = ((marked @ tops) * tops[candidate]).sum(1) / tops[candidate].sum(1)
        columns |= float32({f"tag_liking_{facet}": liking / events, f"tag_overlap_{facet}": overlap / events})
    totals = {kind: [values for name, values in columns.items() if name.startswith(kind)] for kind in ("tag_liking", "tag_overlap")}
    summed = float32({kind: np.sum(np.stack(values), axis=0) for kind, values in totals.items() if values})
    columns = summed | columns if facets else summed
    missing = ~tags.present[candidate]
    return {name: np.where(missing, np.float32(np.nan), values) for name, values in columns.items()}
