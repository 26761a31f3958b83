"""Semantic ids of a night at serving: the paths themselves, and what the events say about their heads.

Clicks of a head are those of its items, so they are summed once a night and, where events came in since,
once more for the heads of those events; a request looks them up.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightshift.features.content import ItemCodes
from nightshift.features.history import EventLog, Ints
from nightshift.features.prefixes import DEPTHS
from nightshift.features.rows import Doubles
from nightshift.serving.memory_map import Arrays


def code_arrays(codes: dict[str, ItemCodes], tallies: Doubles, heads: bool) -> Arrays:
    """Paths (items, levels) of every view, -1 for no code; with `heads`, the number of each head and the
    events of its items.

    `tallies` (items + 1, ...): events and positive ones of every item by the night.
    """
    arrays: Arrays = {}
    for view, found in codes.items():
        arrays[f"codes_{view}_paths"] = found.codes
        for depth in DEPTHS if heads else ():
            head = np.append(found.prefix(depth), -1)
            arrays[f"codes_{view}_head{depth}"] = head.astype(np.int32)
            arrays[f"codes_{view}_events{depth}"] = _summed(
                head, tallies[:, 0], tallies[:, 1], max(int(head.max()), 0) + 1
            )
    return arrays


def _summed(head: Ints, events: Doubles, positives: Doubles, heads: int) -> Doubles:
    """(heads, 2) events and positive ones of each head."""
    known = head >= 0
    sums = [np.bincount(head[known], each[known], heads) for each in (events, positives)]
    return np.stack(sums, axis=1).astype(np.float64)


def with_added(
    arrays: Mapping[str, NDArray[Any]], views: Iterable[str], added: EventLog
) -> dict[tuple[str, int], Doubles]:
    """(heads, 2) events and positive ones by view and depth: the night's, and those since."""
    return {(view, depth): _since(arrays, view, depth, added) for view in views for depth in DEPTHS}


def _since(arrays: Mapping[str, NDArray[Any]], view: str, depth: int, added: EventLog) -> Doubles:
    base: Doubles = arrays[f"codes_{view}_events{depth}"]
    if not len(added.time):
        return base
    head = arrays[f"codes_{view}_head{depth}"][added.item]
    return base + _summed(head, np.ones(len(head)), added.label.astype(np.float64), len(base))
