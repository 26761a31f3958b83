"""The placebo: answers dealt to the wrong items, within items of like popularity, and to the wrong users,
within users of like activity.

A permuted item keeps every property an answer might share with popularity and loses what the answer says
about the item. Deciles count events before the first snapshot, which lies before every training row, so
the mapping knows nothing that a row may not know; it is one mapping for all nights, as an item's wrong
answer must not change overnight.

Users are dealt among those who were first written about on one night, by their events before that night:
most users come later than the first night and had none before it. Draws depend on who was written about,
never on who else is in the log, so that a row rebuilt from its past alone finds the same wrong answers.
"""

import numpy as np
import polars as pl

from nightshift.features.content import NightContent
from nightshift.features.history import EventLog, Ints, encode, midnight
from nightshift.features.parts import Dealing, Named

DECILES = 10
LEAST = 5
"""Users that are dealt among each other at least, where there are so many."""


def first_seen(nights: list[NightContent], items: int) -> Ints:
    """(items,) number of the first night with any model-written content of an item; len(nights) for none."""
    seen = np.full(items, len(nights), np.int64)
    for number in range(len(nights) - 1, -1, -1):
        for mask in _written(nights[number]):
            seen[mask] = number
    return seen


def _written(night: NightContent) -> list[np.ndarray]:
    """(items,) each, items that a language model's answers are there for."""
    viewed = [view.present for name, view in night.views.items() if name in night.spec.written]
    parts = zip(night.spec.read_off, night.parts, strict=True)
    seen = [part.seen for one, part in parts if one.family == "llm"]
    return [night.tags.present, *viewed, *(mask for mask in seen if mask is not None)]


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


Seen = dict[str, tuple[pl.Series, Ints]]


def users_seen(nights: list[NightContent]) -> Seen:
    """By table the users that dealt features speak of, sorted, and the first night (users,) of each.

    Tables are dealt apart: a user who is in one table and not in another keeps that.
    """
    first: dict[str, dict[str, int]] = {}
    for number, night in enumerate(nights):
        for one, part in zip(night.spec.read_off, night.parts, strict=True):
            if one.family == "llm" and one.spec.deals_users and isinstance(part.users, Named):
                mine = first.setdefault(one.users_table, {})
                for user in part.users.ids.to_list():
                    mine.setdefault(user, number)
    return {
        table: (
            pl.Series(sorted(mine), dtype=pl.String),
            np.array([mine[user] for user in sorted(mine)], int),
        )
        for table, mine in first.items()
    }


def givers(
    log: EventLog, nights: list[NightContent], users: pl.Series, first: Ints, seed: int, dealing: int = 0
) -> Ints:
    """(users,) whose answer each user gets: of the next one in a drawn order of users who were first seen on
    the same night and were as active before it. Nobody keeps their own, where a night has two."""
    mapping, code = np.arange(users.len()), encode(users, log.users)
    for number in np.unique(first):
        opened = nights[number].as_of
        assert opened is not None
        members = np.flatnonzero(first == number)
        events = np.bincount(log.before(midnight(opened)).user, minlength=log.users.len() + 1)[code[members]]
        random = np.random.default_rng([seed, dealing, 1, int(number)]).random(len(members))
        place = np.empty(len(members), np.int64)
        place[np.lexsort((random, events))] = np.arange(len(members))
        groups = max(1, min(DECILES, len(members) // LEAST))
        decile = place * groups // len(members)
        again = np.random.default_rng([seed, dealing, 2, int(number)]).random(len(members))
        for group in range(groups):
            mine = np.flatnonzero(decile == group)
            circle = members[mine[np.argsort(again[mine], kind="stable")]]
            mapping[circle] = np.roll(circle, 1)
    return mapping


def dealt_on(
    log: EventLog, nights: list[NightContent], number: int, seen: Seen, seed: int, dealing: int
) -> Dealing:
    """Whose answers everybody gets on one night; of users only those that were seen by then."""
    users = {}
    for table, (ids, first) in seen.items():
        mine, nights_of = ids.filter(pl.Series(first <= number, dtype=pl.Boolean)), first[first <= number]
        users[table] = mine, givers(log, nights, mine, nights_of, seed, dealing)
    return Dealing(permutation(log, nights, seed, dealing), users, (seed, dealing))
