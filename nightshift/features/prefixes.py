"""What clicks say about the head of a candidate's semantic id: the statistics a tree can use where it
cannot use a code.

Items that share a head are near each other, so a cold item borrows the click rate of its neighbourhood and
the user's liking of it. All of it is known strictly before the row's moment.
"""

import numpy as np

from nightshift.features.affinity import SHRINKAGE, shared, signed
from nightshift.features.content import ItemCodes
from nightshift.features.counts import overall_rate, smoothed
from nightshift.features.history import EventLog, Ints, Past
from nightshift.features.rows import Columns, Doubles, Rows, float32, prefixed
from nightshift.features.settings import CountSettings

DEPTHS = (1, 2)
"""Lengths of the heads that get columns; longer ones are nearly the item itself."""

NO_HEAD = np.iinfo(np.int64).max
"""No item has this head."""


def head_name(depth: int) -> str:
    """How the columns of heads of so many codes begin: `code1`, `code12`."""
    return "code" + "".join(str(level + 1) for level in range(depth))


def prefix_columns(log: EventLog, codes: ItemCodes, rows: Rows, past: Past, counts: CountSettings) -> Columns:
    """`code1_*` and `code12_*` (rows,): smoothed click rate, events, the user's liking; NaN and
    `codes_missing` 1 without codes."""
    columns: Columns = {}
    prior = overall_rate(log, rows.moment)
    for depth in DEPTHS:
        head = codes.prefix(depth)
        wanted, line = head[rows.item], log.by_group(head)
        start, stop = line.window(np.maximum(wanted, 0), rows.moment)
        seen = smoothed(line.positives(start, stop), stop - start, prior, counts.smoothing), stop - start
        columns |= prefixed(f"{head_name(depth)}_", head_columns(head, wanted, past, *seen))
    return columns | float32({"codes_missing": ~codes.present[rows.item]})


def head_columns(head: Ints, wanted: Ints, past: Past, rate: Doubles, events: Ints | Doubles) -> Columns:
    """Rate, events and liking of one length of head; `head` (items,), `wanted` (rows,) those of the
    candidates, -1 for none."""
    heard, count = _liking(head, wanted, past)
    columns = float32({"rate": rate, "events": events, "liking": heard / (count + SHRINKAGE)})
    return {name: np.where(wanted < 0, np.float32(np.nan), values) for name, values in columns.items()}


def _liking(head: Ints, wanted: Ints, past: Past) -> tuple[Doubles, Doubles]:
    """Signed labels (rows,) and number of the past events whose item has the wanted head."""
    if not shared(past):
        same = past.valid & (head[past.items] == wanted[:, None])  # (rows, length)
        return (signed(past) * same).sum(1), same.sum(1).astype(np.float64)
    heads, place = np.unique(np.where(past.valid[0], head[past.items[0]], -1), return_inverse=True)
    heads = np.append(heads, NO_HEAD)
    signs, count = (np.bincount(place, each, len(heads)) for each in (signed(past)[0], past.valid[0]))
    found = np.searchsorted(heads, wanted)
    found = np.where(heads[found] == wanted, found, len(heads) - 1)
    return signs[found].astype(np.float64), count[found].astype(
        np.float64
    )  # bincount of nothing is whole numbers
