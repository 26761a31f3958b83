"""What clicks say about the head of a candidate's semantic id: the statistics a tree can use where it cannot use a code.

Items that share a head are near each other, so a cold item borrows the click rate of its neighbourhood and the user's
liking of it. All of it is known strictly before the row's moment.
"""

import numpy as np

from nightshift.features.affinity import SHRINKAGE, signed
from nightshift.features.content import ItemCodes
from nightshift.features.counts import overall_rate, smoothed
from nightshift.features.rows import Columns, Rows, float32
from nightshift.features.settings import CountSettings
from nightshift.history import EventLog, Ints, Past

DEPTHS = (1, 2)
"""Lengths of the heads that get columns; longer ones are nearly the item itself."""


def prefix_columns(log: EventLog, codes: ItemCodes, rows: Rows, past: Past, counts: CountSettings) -> Columns:
    """`code1_*` and `code12_*` (rows,): smoothed click rate, events, the user's liking; NaN and `codes_missing` 1 without codes."""
    columns: Columns = {}
    for depth in DEPTHS:
        name = "code" + "".join(str(level + 1) for level in range(depth))
        head = codes.prefix(depth)
        columns |= {f"{name}_{kind}": values for kind, values in _head_columns(log, head, rows, past, counts).items()}
    return columns | float32({"codes_missing": ~codes.present[rows.item]})


def _head_columns(log: EventLog, head: Ints, rows: Rows, past: Past, counts: CountSettings) -> Columns:
    """Rate, events and liking of one length of head; `head` (items,)."""
    wanted = head[rows.item]
    line = log.by_group(head)
    start, stop = line.window(np.maximum(wanted, 0), rows.moment)
    rate = smoothed(line.positives(start, stop), stop - start, overall_rate(log, rows.moment), counts.smoothing)
    same = past.valid & (head[past.items] == wanted[:, None])  # (rows, length)
    liking = (signed(past) * same).sum(1) / (same.sum(1) + SHRINKAGE)
    columns = float32({"rate": rate, "events": stop - start, "liking": liking})
    return {name: np.where(wanted < 0, np.float32(np.nan), values) for name, values in columns.items()}
