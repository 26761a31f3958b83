"""How a candidate fits what the night wrote about the user: named tags, and the vector of the user's own
summary."""

import numpy as np
from numpy.typing import NDArray

from nightshift.features.content import NightContent
from nightshift.features.history import Floats, Ints
from nightshift.features.parts import Names
from nightshift.features.rows import Columns, Doubles, Rows, blanked, float32, prefixed
from nightshift.features.specs import PreferenceMatch


def _inner(one: Floats, other: NDArray[np.floating]) -> Doubles:
    """Inner products (rows,) of (rows or 1, k) with (rows, k)."""
    left, right = one.astype(np.float64), np.asarray(other, np.float64)
    return np.asarray(right @ left[0] if len(left) == 1 else np.einsum("rk,rk->r", left, right))


def _named(marks: Floats, scores: Doubles) -> Doubles:
    """Mean score (rows,) of the named tags; NaN where none is named."""
    named = marks.sum(1)
    return np.where(named > 0, _inner(marks, scores) / np.maximum(named, 1.0), np.nan)


def preference_columns(rows: Rows, content: NightContent) -> Columns:
    """Scores of the tags the user likes and dislikes, cosine of user and item text; NaN and an indicator
    for unknown users."""
    return preferred(rows.user_ids, rows.item, content)


def preferred(users: Names, candidate: Ints, content: NightContent) -> Columns:
    """The same for users by id: one for each candidate (rows,), or one that all share."""
    assert content.spec.preference is not None
    spec = content.spec.preference.spec
    assert isinstance(spec, PreferenceMatch)
    return prefixed(f"{spec.prefix}_", _preferred(content.stated.users.of(users), candidate, content, spec))


def _preferred(user: Ints, candidate: Ints, content: NightContent, spec: PreferenceMatch) -> Columns:
    stated = content.stated
    missing = user >= len(stated.liked)
    alone = np.broadcast_to(missing, len(candidate))
    if len(stated.liked) == 0:
        return float32({"missing": alone})
    user = np.where(missing, 0, user)
    scores = content.tags.scores[candidate].astype(np.float64)
    unknown = missing | ~content.tags.present[candidate]
    liked, disliked = _named(stated.liked[user], scores), _named(stated.disliked[user], scores)
    difference = np.where(np.isnan(liked), 0.0, liked) - np.where(np.isnan(disliked), 0.0, disliked)
    columns = float32({"liked": liked, "disliked": disliked, "difference": difference})
    summary = float32({"summary": _summary(user, candidate, content, missing, spec.view)})
    return blanked(columns, unknown) | summary | {"missing": alone.astype(np.float32)}


def _summary(user: Ints, candidate: Ints, content: NightContent, missing: np.ndarray, name: str) -> Doubles:
    view, told = content.views.get(name), content.stated.vectors
    if view is None or told.shape[1] != view.vectors.shape[1]:
        return np.full(len(candidate), np.nan)
    vectors = told[user]
    known = ~missing & view.present[candidate] & vectors.any(1)
    return np.where(known, _inner(vectors, view.vectors[candidate]), np.nan)


def read_off(content: NightContent, family: str, users: Names, candidate: Ints) -> Columns:
    """Columns of the features of a family that are read off a table by itself."""
    columns: Columns = {}
    for one, part in zip(content.spec.read_off, content.parts, strict=True):
        if one.family == family:
            columns |= part.columns(users, candidate)
    return columns
