"""The feature columns of candidates for one user at one moment: the families of `Builder`, by the same
functions, for a single list."""

import numpy as np

from nightshift.features.affinity import attribute_columns
from nightshift.features.collaborative import NAMES, applied
from nightshift.features.counts import tally_columns
from nightshift.features.history import Ints, Past
from nightshift.features.lists import is_placed, one_list
from nightshift.features.preferences import preferred
from nightshift.features.rows import Columns, float32, prefixed
from nightshift.features.similarity import borrowed, dimension_columns, history_columns
from nightshift.features.tags import tag_columns
from nightshift.serving.codes import code_columns
from nightshift.serving.live import History, Live, beside, past_of, user_tally
from nightshift.serving.stage import stage_columns

FAMILIES = {"base": (), "text": ("raw",), "llm": ("hidden", "tags", "facts")}
"""Families that can be served, and the views each of them reads. The placebo cannot."""


def candidate_columns(
    live: Live, user_id: str, history: History, item: Ints, moment: int, families: tuple[str, ...]
) -> Columns:
    """Columns (rows,), or (1,) where all rows share the value. `moment` is after all events of `live`;
    `item` are its numbers.

    `history` is the user's, from `live.user`.
    """
    items, times, labels = history
    past = past_of(items, times, labels, moment, live.night.settings.history_length)
    columns: Columns = {}
    if "base" in families:
        counted = _counts(live, item, user_tally(times, labels, moment, live), moment)
        columns |= prefixed(
            "base__", counted | _base(live, item, moment, past) | stage_columns(live.night, item, history)
        )
    for family in ("text", "llm"):
        if family in families:
            columns |= prefixed(f"{family}__", _views(live, item, past, FAMILIES[family]))
    if "llm" in families:
        columns |= prefixed("llm__", _written(live, user_id, item, past))
    return columns | _listed(columns, len(item)) if live.night.settings.lists else columns


def _counts(live: Live, item: Ints, user: dict[str, float], moment: int) -> Columns:
    seen = beside(live.item_tally(item, moment), user)
    both = tally_columns(seen, np.array([moment]), live.prior, live.night.settings.counts)
    return {f"user_{name}": values[-1:] for name, values in both.items()} | {
        f"item_{name}": values[:-1] for name, values in both.items()
    }


def _base(live: Live, item: Ints, moment: int, past: Past) -> Columns:
    size = np.array([len(item) if live.night.about["lists"] else np.nan], np.float32)
    return (
        {"list_size": size}
        | attribute_columns(live.night.attributes, item, past)
        | _collaborative(live, item, moment, past)
    )


def _collaborative(live: Live, item: Ints, moment: int, past: Past) -> Columns:
    fitted = live.fit_at(moment)
    columns = applied(fitted, item, past) if fitted else dict.fromkeys(NAMES, np.full(1, np.nan, np.float32))
    return columns | float32({"collab_missing": np.isnan(columns["collab_odds"])})


def _views(live: Live, item: Ints, past: Past, names: tuple[str, ...]) -> Columns:
    """Similarities, borrowed click rates and what semantic ids say, of every view the night has."""
    columns: Columns = {}
    for name in names:
        view = live.night.content.views.get(name)
        if view is not None:
            settings = live.night.settings.similarity
            found = history_columns(view, item, past, settings) | _borrowed(live, name, item)
            columns |= prefixed(f"{name}_", found | dimension_columns(view, item, settings.emit_dimensions))
        if live.night.settings.codes and name in live.night.about["codebooks"]:
            columns |= prefixed(f"{name}_", code_columns(live, name, item, past))
    return columns


def _borrowed(live: Live, name: str, item: Ints) -> Columns:
    return borrowed(*live.borrowed(name, item), live.prior, live.night.settings.counts)


def _written(live: Live, user_id: str, item: Ints, past: Past) -> Columns:
    night = live.night
    tagged = tag_columns(night.marked, item, past, night.settings.similarity.facets)
    return tagged | preferred(night.preferring.of([user_id]), item, night.content)


def _listed(columns: Columns, rows: int) -> Columns:
    """Rank and z-score of every score among the candidates."""
    names = [name for name in columns if is_placed(name)]
    if rows < 2 or not names:
        return {f"{name}_{kind}": np.full(1, np.nan, np.float32) for name in names for kind in ("rank", "z")}
    scores = np.empty((len(names), rows), np.float32)
    for number, name in enumerate(names):
        scores[number] = columns[name]
    rank, z = one_list(scores)
    ranked = {f"{name}_rank": values for name, values in zip(names, rank, strict=True)}
    return ranked | {f"{name}_z": values for name, values in zip(names, z, strict=True)}
