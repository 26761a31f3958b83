"""How a candidate fits what the night wrote about the user: named tags, and the vector of the user's own
summary."""

import numpy as np
from numpy.typing import NDArray

from nightshift.features.content import NightContent
from nightshift.features.history import Floats, Ints, encode
from nightshift.features.rows import Columns, Doubles, Rows, blanked, float32


def _inner(one: Floats, other: NDArray[np.floating]) -> Doubles:
    """Inner products (rows,) of (rows or 1, k) with (rows, k)."""
    left, right = one.astype(np.float64), np.asarray(other, np.float64)
    return np.asarray(right @ left[0] if len(left) == 1 else np.einsum("rk,rk->r", left, right))


def _named(marks: Floats, scores: Doubles) -> Doubles:
    """Mean score (rows,) of the named tags; NaN where none is named."""
    named = marks.sum(1)
    return np.where(named > 0, _inner(marks, scores) / np.maximum(named, 1.0), np.nan)


def preference_columns(rows: Rows, content: NightContent) -> Columns:
    """Scores of the tags the user likes and dislikes, cosine of user and item `facts`; NaN and an
    indicator for unknown users."""
    return preferred(encode(rows.user_ids, content.user_ids), rows.item, content)


def preferred(user: Ints, candidate: Ints, content: NightContent) -> Columns:
    """The same for users by their number in the night's content: one for each candidate (rows,), or one
    that all share."""
    missing = user >= len(content.liked_tags)
    alone = np.broadcast_to(missing, len(candidate))
    if len(content.liked_tags) == 0:
        return float32({"preference_missing": alone})
    user = np.where(missing, 0, user)
    scores = content.tags.scores[candidate].astype(np.float64)
    unknown = missing | ~content.tags.present[candidate]
    liked, disliked = _named(content.liked_tags[user], scores), _named(content.disliked_tags[user], scores)
    difference = np.where(np.isnan(liked), 0.0, liked) - np.where(np.isnan(disliked), 0.0, disliked)
    columns = float32(
        {"preference_liked": liked, "preference_disliked": disliked, "preference_difference": difference}
    )
    summary = float32({"preference_summary": _summary(user, candidate, content, missing)})
    return blanked(columns, unknown) | summary | {"preference_missing": alone.astype(np.float32)}


def _summary(user: Ints, candidate: Ints, content: NightContent, missing: np.ndarray) -> Doubles:
    facts = content.views.get("facts")
    if facts is None or content.user_facts.shape[1] != facts.vectors.shape[1]:
        return np.full(len(candidate), np.nan)
    vectors = content.user_facts[user]
    known = ~missing & facts.present[candidate] & vectors.any(1)
    return np.where(known, _inner(vectors, facts.vectors[candidate]), np.nan)
