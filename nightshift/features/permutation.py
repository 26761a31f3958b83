"""The placebo: answers dealt to the wrong items, within items of like popularity.

A permuted item keeps every property an answer might share with popularity and loses what the answer says
about the item. Deciles count events before the first snapshot, which lies before every training row, so
the mapping knows nothing that a row may not know; it is one mapping for all nights, as an item's wrong
answer must not change overnight.
"""

import numpy as np

from nightshift.features.content import UNWRITTEN, NightContent
from nightshift.features.history import EventLog, Ints, midnight

DECILES = 10


def first_seen(nights: list[NightContent], items: int) -> Ints:
    """(items,) number of the first night with any model-written content of an item; len(nights) for none."""
    seen = np.full(items, len(nights), np.int64)
    for number in range(len(nights) - 1, -1, -1):
        for mask in (
            nights[number].tags.present,
            *(v.present for n, v in nights[number].views.items() if n not in UNWRITTEN),
        ):
            seen[mask] = number
    return seen


def permutation(log: EventLog, nights: list[NightContent], seed: int, dealing: int = 0) -> Ints:
    """(items,) whose answer each item gets: shuffled among items of one popularity decile that were first
    written on one night.

    `dealing` numbers independent draws of the placebo: one draw alone would be luck that no interval knows
    of.
    """
    items = log.items.len()
    opened = nights[0].as_of
    past = log.before(midnight(opened)) if opened else log
    events = np.bincount(past.item, minlength=items)
    random = np.random.default_rng([seed, dealing] if dealing else seed)
    place = np.empty(items, np.int64)
    place[np.lexsort((random.random(items), events))] = np.arange(items)  # ties dealt at random
    stratum = first_seen(nights, items) * DECILES + place * DECILES // items
    mapping = np.arange(items)
    for number in np.unique(stratum):
        members = np.flatnonzero(stratum == number)
        mapping[members] = random.permutation(members)
    return mapping
