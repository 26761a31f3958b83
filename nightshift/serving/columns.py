"""The feature columns of candidates for one user at one moment: the families of `Builder`, by the same
functions, for a single list."""

import numpy as np

from nightshift.features.affinity import attribute_columns
from nightshift.features.collaborative import NAMES, applied
from nightshift.features.counts import smoothed, tally_columns
from nightshift.features.history import Ints, Past
from nightshift.features.lists import is_placed, one_list
from nightshift.features.preferences import preferred, read_off
from nightshift.features.prefixes import DEPTHS, head_columns, head_name
from nightshift.features.rows import Columns, float32, prefixed
from nightshift.features.similarity import borrowed, dimension_columns, history_columns
from nightshift.features.tags import tag_columns
from nightshift.serving.live import History, Live, beside, past_of, user_tally
from nightshift.serving.stage import stage_columns

FAMILIES = ("base", "text", "llm")
"""Families that can be served. The placebo cannot."""


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
        columns |= prefixed("base__", counted | _base(live, item, moment, past) | _stage(live, item, history))
    for family in ("text", "llm"):
        if family in families:
            columns |= prefixed(f"{family}__", _read(live, user_id, item, past, family))
    return columns | _listed(live, columns, len(item)) if live.night.settings.lists else columns


def _stage(live: Live, item: Ints, history: History) -> Columns:
    return stage_columns(live.night.arrays, live.night.about["stage"], item, history)


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
            columns |= prefixed(f"{name}_", _codes(live, name, item, past))
    return columns


def _codes(live: Live, view: str, item: Ints, past: Past) -> Columns:
    """What `nightshift.features.prefixes.prefix_columns` gives for candidates (rows,) of one moment, after
    all known events."""
    columns: Columns = {}
    for depth in DEPTHS:
        head = live.night.arrays[f"codes_{view}_head{depth}"]
        wanted = head[item]
        events, positives = live.heads[view, depth][wanted].T
        rate = smoothed(positives, events, live.prior, live.night.settings.counts.smoothing)
        columns |= prefixed(f"{head_name(depth)}_", head_columns(head, wanted, past, rate, events))
    return columns | float32({"codes_missing": wanted < 0})


def _borrowed(live: Live, name: str, item: Ints) -> Columns:
    return borrowed(*live.borrowed(name, item), live.prior, live.night.settings.counts)


def _read(live: Live, user_id: str, item: Ints, past: Past, family: str) -> Columns:
    """What an encoder or a language model made."""
    night, spec = live.night, live.night.spec
    columns = _views(live, item, past, spec.similar(family))
    if spec.affinity and spec.affinity.family == family:
        columns |= tag_columns(night.marked, item, past, night.settings.similarity.facets)
    if spec.preference and spec.preference.family == family:
        columns |= preferred([user_id], item, night.content)
    return columns | read_off(night.content, family, [user_id], item)


def _listed(live: Live, columns: Columns, rows: int) -> Columns:
    """Rank and z-score of every score among the candidates."""
    unranked = live.night.spec.unranked
    names = [name for name in columns if is_placed(name) and name.partition("__")[2] not in unranked]
    if rows < 2 or not names:
        return {f"{name}_{kind}": np.full(1, np.nan, np.float32) for name in names for kind in ("rank", "z")}
    scores = np.empty((len(names), rows), np.float32)
    for number, name in enumerate(names):
        scores[number] = columns[name]
    rank, z = one_list(scores)
    ranked = {f"{name}_rank": values for name, values in zip(names, rank, strict=True)}
    return ranked | {f"{name}_z": values for name, values in zip(names, z, strict=True)}
