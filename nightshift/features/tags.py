"""How a candidate's tag scores agree with the user's signed history, facet by facet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightshift.features.affinity import SHRINKAGE, profiles
from nightshift.features.content import TagScores
from nightshift.features.history import Floats, Ints, Past
from nightshift.features.names import facet_labels
from nightshift.features.rows import Columns, Doubles, blanked, float32

STRONGEST = 3
"""Tags of a facet that an item is said to have when tags are counted rather than weighed."""


def strongest(scores: Floats, size: int = STRONGEST) -> Floats:
    """(items, tags of one facet) 1 for each item's `size` highest scores."""
    size = min(size, scores.shape[1])
    marks = np.zeros_like(scores)
    np.put_along_axis(marks, np.argsort(-scores, axis=1, kind="stable")[:, :size], 1.0, axis=1)
    return marks


@dataclass(frozen=True)
class Marked:
    """Tag scores as they are compared: (items, tags) scores and 1 for the strongest of each facet, (tags,
    facets) shares."""

    facets: tuple[str, ...]
    scores: Floats
    tops: Floats
    present: NDArray[np.bool_]
    share: Doubles
    """1 / tags of the facet where the tag is of the facet, else 0."""
    top_share: Doubles
    """1 / strongest tags of the facet where the tag is of the facet, else 0."""

    @classmethod
    def of(cls, tags: TagScores) -> "Marked":
        """Mark the strongest tags of every item, facet by facet."""
        names = tuple(sorted(set(tags.facets)))
        member = np.array([[facet == name for name in names] for facet in tags.facets]).reshape(
            len(tags.facets), len(names)
        )
        tops = np.zeros_like(tags.scores)
        for number in range(len(names)):
            tops[:, member[:, number]] = strongest(tags.scores[:, member[:, number]])
        size = member.sum(0)
        return cls(
            names, tags.scores, tops, tags.present, member / size, member / np.minimum(size, STRONGEST)
        )


def tag_columns(tags: TagScores | Marked, candidate: Ints, past: Past, facets: bool = False) -> Columns:
    """`tag_liking`: signed affinity to the candidate's scores; `tag_overlap`: liked minus disliked share
    of its strongest tags.

    Sums over facets; with `facets` also `tag_liking_<facet>` and `tag_overlap_<facet>`. `past` is one row
    for each candidate, or a single row that all share.
    """
    tags = tags if isinstance(tags, Marked) else Marked.of(tags)
    if not tags.facets:
        return {}
    valid = past.valid & tags.present[past.items]
    seen = Past(past.items, past.labels, past.ages, valid)
    marks = np.where(valid, np.where(seen.liked, 1.0, -1.0), 0.0)
    events = (valid.sum(1) + SHRINKAGE)[:, None]
    (liking,), (overlap,) = profiles(seen, tags.scores, seen.signed), profiles(seen, tags.tops, marks)
    sides = (
        ("tag_liking", liking, tags.scores, tags.share),
        ("tag_overlap", overlap, tags.tops, tags.top_share),
    )
    columns: dict[str, Doubles] = {}
    labels = facet_labels(tags.facets) if facets else []
    for name, mine, matrix, share in sides:
        columns |= _by_facet(name, mine / events, matrix[candidate].astype(np.float64), share, labels)
    missing = ~tags.present[candidate]
    return blanked(float32({**columns}), missing)


def _by_facet(
    name: str, mine: Doubles, wanted: Doubles, share: Doubles, facets: list[str]
) -> dict[str, Doubles]:
    """Inner products of profiles (rows or 1, tags) and candidates (rows, tags): their sum over facets, and
    each of `facets`."""
    if len(mine) == 1 and not facets:
        return {name: wanted @ (mine[0] * share.sum(1))}
    by_facet = (mine * wanted) @ share  # (rows, facets)
    return {name: by_facet.sum(1)} | {
        f"{name}_{facet}": by_facet[:, number] for number, facet in enumerate(facets)
    }
