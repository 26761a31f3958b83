"""The nightly feature tables: one flat row an item and one a user, as of 00:00 UTC of the night.

They hold what does not depend on a candidate pair, from the same functions as the training rows: a ranker
of any make can read them beside its own features. NaN where missing, with an indicator.
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from nightshift.features.affinity import SHRINKAGE, attribute_lists, signed, weights_of
from nightshift.features.content import NightContent, Snapshot, View, night_content
from nightshift.features.content_spec import TEMPLATE, ContentSpec
from nightshift.features.counts import overall_rate, side_columns
from nightshift.features.history import EventLog, Floats, Ints, Past, midnight
from nightshift.features.names import column_labels
from nightshift.features.parts import Values
from nightshift.features.rows import Columns, float32, prefixed
from nightshift.features.settings import FeatureSettings
from nightshift.features.similarity import neighbour_columns
from nightshift.tables import ITEM_FEATURES, USER_FEATURES

NOBODY = pl.Series([], dtype=pl.String)
TOP_ATTRIBUTES = 32
"""Most common attributes that get a column in the users' table."""
TOLD_DIMENSIONS = 32
"""First whitened coordinates of a view that get a column; similarities use all of them."""


def item_features(
    items: pl.DataFrame,
    interactions: pl.DataFrame,
    snapshot: Snapshot,
    as_of: date,
    settings: FeatureSettings | None = None,
    spec: ContentSpec | None = None,
) -> pl.DataFrame:
    """The `item_features` table: counts and rates, tag scores, whitened vectors, click rates of the
    nearest items."""
    settings = settings or FeatureSettings()
    log, content = _opened(items, interactions, snapshot, as_of, settings, spec)
    item = np.arange(items.height)
    moment = np.full(items.height, midnight(as_of))
    columns = prefixed(
        "base__", side_columns(log.by_item, item, moment, overall_rate(log, moment), settings.counts)
    )
    for name, view in _told(content).items():
        family = _family(content, name)
        near = neighbour_columns(log, view, item, moment, settings.counts)
        columns |= prefixed(f"{family}{name}_", near | _dimensions(view))
    tags = np.where(content.tags.present[:, None], content.tags.scores, np.float32(np.nan))
    columns |= _named("llm__tag_", _tag_labels(content), tags) if tags.shape[1] else {}
    columns |= _own(content, "item", NOBODY, item)
    return ITEM_FEATURES.conform(_table("item_id", items["item_id"], columns))


def user_features(
    items: pl.DataFrame,
    interactions: pl.DataFrame,
    snapshot: Snapshot,
    as_of: date,
    settings: FeatureSettings | None = None,
    spec: ContentSpec | None = None,
) -> pl.DataFrame:
    """The `user_features` table: counts and rates, liking of common attributes and of tags, the mean liked
    vector of every view."""
    settings = settings or FeatureSettings()
    log, content = _opened(items, interactions, snapshot, as_of, settings, spec)
    user, moment = np.arange(log.users.len()), np.full(log.users.len(), midnight(as_of))
    past = log.past(user, moment, settings.history_length)
    columns = prefixed(
        "base__", side_columns(log.by_user, user, moment, overall_rate(log, moment), settings.counts)
    )
    columns |= _attribute_likings(items, past)
    for name, view in _told(content).items():
        columns |= prefixed(_family(content, name), _mean_liked(view, past))
    columns |= prefixed("llm__", _tag_likings(content, past) | _written_preferences(log.users, content))
    columns |= _own(content, "user", log.users, user)
    known = np.bincount(log.user, minlength=log.users.len()) > 0
    return USER_FEATURES.conform(
        _table("user_id", log.users, columns).filter(pl.Series(known, dtype=pl.Boolean))
    )


def _opened(
    items: pl.DataFrame,
    interactions: pl.DataFrame,
    snapshot: Snapshot,
    as_of: date,
    settings: FeatureSettings,
    spec: ContentSpec | None,
) -> tuple[EventLog, NightContent]:
    log = EventLog.of(interactions, items["item_id"]).before(midnight(as_of))
    return log, night_content(as_of, snapshot, items["item_id"], settings.similarity, spec)


def _told(content: NightContent) -> dict[str, View]:
    """The views of the tables: the template's is a placebo, which is judged and not published."""
    return {name: view for name, view in content.views.items() if name != TEMPLATE}


def _family(content: NightContent, view: str) -> str:
    """Who pays for a view's columns."""
    return "llm__" if view in content.spec.written else "text__"


def _own(content: NightContent, entity: str, users: pl.Series, item: Ints) -> Columns:
    """Columns of the features that speak of an item or of a user alone."""
    columns: Columns = {}
    for one, part in zip(content.spec.read_off, content.parts, strict=True):
        if isinstance(part, Values) and one.entity == entity:
            columns |= prefixed(f"{one.family}__", part.columns(users, item))
    return columns


def _table(key: str, ids: pl.Series, columns: Columns) -> pl.DataFrame:
    named: dict[str, Any] = {key: ids, **columns}
    return pl.DataFrame(named)


def _named(prefix: str, labels: list[str], values: Floats) -> Columns:
    """One column a label, from the columns of `values` (rows, labels)."""
    return {f"{prefix}{label}": values[:, number].astype(np.float32) for number, label in enumerate(labels)}


def _tag_labels(content: NightContent) -> list[str]:
    """`<facet>_<tag>`, one for each tag."""
    return column_labels(list(zip(content.tags.facets, content.tags.names, strict=True)))


def _dimensions(view: View) -> Columns:
    """Whitened coordinates `00`, `01`, ... of every item and `missing`."""
    values = np.where(view.present[:, None], view.dimensions[:, :TOLD_DIMENSIONS], np.float32(np.nan))
    numbered: Columns = {f"{number:02d}": values[:, number] for number in range(values.shape[1])}
    return numbered | float32({"missing": ~view.present})


def _attribute_likings(items: pl.DataFrame, past: Past) -> Columns:
    """Signed mean label of each user for the most common attributes, shrunk towards 0."""
    names, item, attribute = attribute_lists(items)
    common = np.argsort(-np.bincount(attribute, minlength=names.len()), kind="stable")[:TOP_ATTRIBUTES]
    marks = np.zeros((items.height, names.len()), np.float32)
    marks[item, attribute] = 1.0
    liking = weights_of(past, signed(past), items.height) @ marks[:, common]
    seen = weights_of(past, past.valid.astype(np.float64), items.height) @ marks[:, common]
    labels = column_labels([(name,) for name in names])
    return _named(
        "base__liking_",
        [labels[place] for place in common],
        np.asarray(liking / (seen + SHRINKAGE), np.float32),
    )


def _mean_liked(view: View, past: Past) -> Columns:
    """`<view>_liked_<nn>`: mean whitened coordinates of what the user liked; NaN, and `missing` 1, for
    users who liked nothing known."""
    liked = (past.liked & view.present[past.items]).astype(np.float64)
    count = liked.sum(1)
    mean = (
        weights_of(past, liked, len(view.vectors))
        @ view.dimensions[:, :TOLD_DIMENSIONS]
        / np.maximum(count, 1.0)[:, None]
    )
    mean = np.where(count[:, None] > 0, mean, np.nan).astype(np.float32)
    numbered: Columns = {
        f"{view.name}_liked_{number:02d}": mean[:, number] for number in range(mean.shape[1])
    }
    return numbered | float32({f"{view.name}_liked_missing": count == 0})


def _tag_likings(content: NightContent, past: Past) -> Columns:
    """`liking_<facet>_<tag>`: signed mean label of the user weighed by the tag's score."""
    if not content.tags.names:
        return {}
    valid = past.valid & content.tags.present[past.items]
    seen = Past(past.items, past.labels, past.ages, valid)
    liking = weights_of(seen, signed(seen), len(content.tags.scores)) @ content.tags.scores
    return _named("liking_", _tag_labels(content), liking / (valid.sum(1)[:, None] + SHRINKAGE))


def _written_preferences(users: pl.Series, content: NightContent) -> Columns:
    """`prefers_<facet>_<tag>`: 1 the model wrote that the user likes it, -1 dislikes, 0 neither; NaN
    without preferences."""
    stated = content.stated
    code: Ints = stated.users.of(users)
    missing = code >= len(stated.users)
    columns = float32({"preferences_missing": missing})
    if not content.tags.names or len(stated.users) == 0:
        return columns
    code = np.where(missing, 0, code)
    marks = np.where(missing[:, None], np.float32(np.nan), stated.liked[code] - stated.disliked[code])
    return columns | _named("prefers_", _tag_labels(content), marks)
