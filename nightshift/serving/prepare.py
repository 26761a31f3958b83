"""From a night's Parquet tables to the arrays that serving maps: whitened vectors, tallies, timelines, the
collaborative fit.

Everything that does not depend on the request is computed here, once a night, with the functions that make
the training rows. Arrays of items have one row more than the catalogue: the last one is the item nobody
knows, with no vector, no attribute and no event, so that an unknown candidate is a row like any other.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.affinity import attribute_lists, attribute_matrix
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.collaborative import Fit, fit, refit_moments
from nightshift.features.content import NightContent, Snapshot, View, night_content
from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.features.counts import tally
from nightshift.features.history import EventLog, midnight
from nightshift.features.parts import Named, Users
from nightshift.features.settings import CountSettings, FeatureSettings
from nightshift.features.tags import Marked
from nightshift.serving.codes import code_arrays
from nightshift.serving.complete_night import WholeNight
from nightshift.serving.ids import Ids
from nightshift.serving.memory_map import Arrays
from nightshift.serving.stage import served_sources, stage_arrays
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, ITEMS

FIXED = ("events", "positives", "newest_events", "newest_positives", "first", "last")
"""Columns of `item_tallies`: fields of `Tally` that do not depend on the moment of a request. Moments are
whole in float64."""
FORMAT = 5
"""Raised when the arrays change their names or meaning; part of the key."""


def night_arrays(
    store: Store,
    night: WholeNight,
    settings: FeatureSettings,
    candidates: CandidateSettings | None = None,
    spec: ContentSpec | None = None,
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a whole night, and what is to be said of them; with `candidates`, its stage too.
    IntegrityError: a damaged table."""
    spec = spec or first_spec()
    items = night.read(store, ITEMS.name)
    snapshot = Snapshot({name: night.read(store, name) for name in spec.tables if name in night.tables})
    content = night_content(night.as_of, snapshot, items["item_id"], settings.similarity, spec)
    events = night.read(store, INTERACTIONS.name)
    log = EventLog.of(events, items["item_id"]).before(midnight(night.as_of))
    arrays, about = arrays_of(items, content, log, settings)
    arrays |= stage_arrays(log, night.as_of, candidates)
    return arrays, about | {
        "stage": served_sources(candidates),
        "lists": events["request_id"].null_count() < events.height,
    }


def arrays_of(
    items: pl.DataFrame, content: NightContent, log: EventLog, settings: FeatureSettings
) -> tuple[Arrays, dict[str, Any]]:
    """The same from what the tables hold; `log` ends at the night."""
    assert content.as_of is not None
    moment = midnight(content.as_of)
    arrays: Arrays = _prefixed("items", Ids.arrays(items["item_id"])) | _prefixed(
        "users", Ids.arrays(log.users)
    )
    arrays |= _user_arrays(log) | _item_arrays(log, moment, settings.counts) | _attributes(items)
    for name, view in content.views.items():
        arrays |= _prefixed(
            f"view_{name}", _view(view, arrays["item_tallies"], settings.similarity.emit_dimensions)
        )
    arrays |= _prefixed("tags", _tags(Marked.of(content.tags))) | _preferences(content)
    arrays |= _parts(content)
    arrays |= code_arrays(content.codes, arrays["item_tallies"], settings.codes)
    moments = refit_moments([log.time], settings.collaborative)
    moments = moments[moments <= moment]
    if len(moments):
        arrays |= _prefixed("fit", _fit(log.before(int(moments[-1])), settings))
    about = {
        "views": list(content.views),
        "facets": list(content.tags.facets),
        "codebooks": {view: codes.codebook for view, codes in content.codes.items()},
        "events": len(log.time),
        "positives": float(log.label.sum(dtype=np.float64)),
        "first_event": int(log.time[0]) if len(log.time) else None,
        "refit": int(moments[-1]) if len(moments) else None,
        "stage": [],
    }
    return arrays, about


def _prefixed(prefix: str, arrays: dict[str, NDArray[Any]]) -> Arrays:
    return {f"{prefix}_{name}": values for name, values in arrays.items()}


def _starts(owner: NDArray[np.int64], owners: int) -> NDArray[np.int64]:
    """(owners + 2,) where each owner's events begin and, one further, end; the last owner is the unknown
    one."""
    return np.searchsorted(owner, np.arange(owners + 2))


def _user_arrays(log: EventLog) -> Arrays:
    line = log.by_user
    starts = _starts(line.owner, log.users.len())
    mine: dict[str, NDArray[Any]] = {
        "start": starts,
        "item": line.other.astype(np.int32),
        "time": line.time,
        "label": line.label,
    }
    return _prefixed("user", mine) | {"time": log.time}


def _item_arrays(log: EventLog, moment: int, counts: CountSettings) -> Arrays:
    """Tallies as of the night (items + 1,), and what finds the recent events of an item at a later moment."""
    line, item = log.by_item, np.arange(log.items.len() + 1)
    moments = np.unique(log.time)
    keys = line.owner * (len(moments) + 1) + np.searchsorted(moments, line.time)
    running = np.concatenate([[0.0], np.cumsum(line.label, dtype=np.float64)])
    seen = tally(line, item, np.full(len(item), moment), counts)
    tallies = np.stack([getattr(seen, name) for name in FIXED], axis=1).astype(np.float64)
    starts = _starts(line.owner, log.items.len())
    return {
        "item_tallies": tallies,
        "item_start": starts,
        "item_keys": keys,
        "item_running": running,
        "moments": moments,
    }


def _attributes(items: pl.DataFrame) -> Arrays:
    matrix, names = attribute_matrix(items), attribute_lists(items)[0]
    ends = np.append(matrix.indptr, matrix.indptr[-1]).astype(np.int64)
    shape = np.array([matrix.shape[1]])
    named = np.array([name.encode() for name in names.to_list()], dtype=bytes)
    parts: Arrays = {
        "start": ends,
        "code": matrix.indices,
        "value": matrix.data,
        "count": shape,
        "names": named,
    }
    return _prefixed("attributes", parts)


def _beyond(values: NDArray[Any], last: Any = 0) -> NDArray[Any]:
    """The array with the row of the unknown item behind it."""
    return np.concatenate([values, np.full((1, *values.shape[1:]), last, values.dtype)])


def _view(view: View, tallies: NDArray[np.float64], emitted: int) -> dict[str, NDArray[Any]]:
    """Vectors and neighbours, and how many events, and positive ones, the neighbours had by the night."""
    neighbours = _beyond(view.neighbours, -1).astype(np.int32)
    near = np.zeros((len(neighbours), 2))
    for column in neighbours.T:
        near += tallies[column, :2]  # -1 is the unknown item, which has none
    arrays = {"vectors": _beyond(view.vectors), "present": _beyond(view.present), "neighbours": neighbours}
    arrays |= {"near": near, "near_known": np.asarray((neighbours >= 0).any(1))}
    return arrays | ({"dimensions": _beyond(view.dimensions[:, :emitted])} if emitted else {})


def _tags(marked: Marked) -> dict[str, NDArray[Any]]:
    shares = {"share": marked.share, "top_share": marked.top_share}
    return {
        "scores": _beyond(marked.scores),
        "tops": _beyond(marked.tops.astype(np.uint8)),
        "present": _beyond(marked.present),
        **shares,
    }


def _preferences(content: NightContent) -> Arrays:
    arrays: Arrays = {
        "liked_tags": content.stated.liked,
        "disliked_tags": content.stated.disliked,
        "user_facts": content.stated.vectors,
    }
    return _prefixed("preferring", _names(content.stated.users)) | arrays


def _parts(content: NightContent) -> Arrays:
    """What is read off tables by itself: `part<place>_...`, by the place of the feature in the spec."""
    arrays: Arrays = {}
    for place, part in enumerate(content.parts):
        arrays |= _prefixed(f"part{place}", part.arrays())
        if part.users is not None:
            arrays |= _prefixed(f"part{place}_users", _names(part.users))
    return arrays


def _names(users: Users) -> dict[str, NDArray[Any]]:
    assert isinstance(users, Named)
    return Ids.arrays(users.ids)


def _fit(past: EventLog, settings: FeatureSettings) -> dict[str, NDArray[Any]]:
    fitted = fit_of(past.user, past.item, past.label, past.items.len(), settings)
    names = ("slot", "odds_liked", "odds_disliked", "cosine", "ease", "item_rate", "factors")
    return {name: getattr(fitted, name) for name in names} | {"overall": np.array([fitted.overall])}


def fit_of(
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    label: NDArray[np.float32],
    items: int,
    settings: FeatureSettings,
) -> Fit:
    """The collaborative fit of events, with a slot for the unknown item behind those of the catalogue."""
    numbered = np.unique(user, return_inverse=True)[1].astype(np.int64)
    fitted = fit(numbered, item, label, items, settings.collaborative)
    return replace(fitted, slot=_beyond(fitted.slot, -1))
