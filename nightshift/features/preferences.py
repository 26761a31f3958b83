"""How a candidate fits what the night wrote about the user: named tags, and the vector of the user's own summary."""

import numpy as np

from nightshift.features.content import NightContent
from nightshift.features.rows import Columns, Rows, float32
from nightshift.history import Floats, encode


def _named(marks: Floats, scores: Floats) -> Floats:
    """Mean score (rows,) of the named tags; NaN where none is named."""
    named = marks.sum(1)
    return np.where(named > 0, (marks * scores).sum(1) / np.maximum(named, 1.0), np.nan).astype(np.float32)


def preference_columns(rows: Rows, content: NightContent) -> Columns:
    """Scores of the tags the user likes and dislikes, cosine of user and item `facts`; NaN and an indicator for unknown users."""
    user = encode(rows.user_ids, content.user_ids)
    missing = user >= content.user_ids.len()
    if content.user_ids.len() == 0:
        return float32({"preference_missing": missing})
    user = np.where(missing, 0, user)
    scores = content.tags.scores[rows.item]
    unknown = missing | ~content.tags.present[rows.item]
    liked, disliked = _named(content.liked_tags[user], scores), _named(content.disliked_tags[user], scores)
    difference = np.nan_to_num(liked) - np.nan_to_num(disliked)
    columns = {"preference_liked": liked, "preference_disliked": disliked, "preference_difference": difference}
    columns = {name: np.where(unknown, np.nan, values) for name, values in columns.items()}
    return float32({**columns, "preference_summary": _summary(rows, content, user, missing), "preference_missing": missing})


def _summary(rows: Rows, content: NightContent, user: np.ndarray, missing: np.ndarray) -> Floats:
    facts = content.views.get("facts")
    if facts is None or content.user_facts.shape[1] != facts.vectors.shape[1]:
        return np.full(len(rows), np.nan, np.float32)
    vectors = content.user_facts[user]
    known = ~missing & facts.present[rows.item] & vectors.any(1)
    return np.where(known, (vectors * facts.vectors[rows.item]).sum(1), np.nan).astype(np.float32)
