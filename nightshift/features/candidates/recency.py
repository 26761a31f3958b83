"""How fast a history ages: the half-life, in events, that finds the users' last items best.

What somebody chose lately says more of what comes next on some sets (cosmetics) and no more than the rest on
others (books read for years), so it is chosen from the events themselves: each user's last liked item is left
out, item neighbours are fitted on what is left, and of the half-lives that rank it within one standard error
of the best (Breiman et al., Classification and Regression Trees, 1984) the longest is taken.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from nightshift.features.candidates.asked import Asked
from nightshift.features.history import EventLog, Floats, Ints
from nightshift.features.rows import Doubles

HALF_LIVES = (None, 16.0, 8.0, 4.0, 2.0, 1.0)
"""Liked events after which one weighs half, longest first; None: all weigh alike."""
MOST_USERS = 4_000
"""Users whose last item is looked for, evenly spread."""
FEWEST_USERS = 100
"""Under so many nothing is chosen."""
SHORTEST = 3
"""Liked events of a user who is asked: with fewer there is nothing to weigh."""
CUT = 10
"""Places that count: NDCG@10."""
Neighbours = Callable[[sp.csr_array], sp.csr_array]


def chosen_half_life(past: EventLog, neighbours: Neighbours) -> float | None:
    """The half-life in liked events that ranks the users' last liked items best; None for the plain history.

    `neighbours` fits (items, items) weights from a 0/1 matrix (users, items).
    """
    judged, target, kept = _left_out(past)
    if len(judged) < FEWEST_USERS:
        return None
    asked = Asked(kept, past.users.gather(judged), judged, np.full(len(judged), np.iinfo(np.int64).max))
    near = neighbours(liked_ones(kept))
    gains = [_gains(asked.history(half), near, asked.seen, target) for half in HALF_LIVES]
    best = max(gains, key=lambda gain: float(gain.mean()))
    return next(half for half, gain in zip(HALF_LIVES, gains, strict=True) if not _clearly_less(gain, best))


def _clearly_less(gain: Doubles, best: Doubles) -> bool:
    """Whether the mean of the paired differences is more than its standard error."""
    less = best - gain
    return bool(less.mean() > less.std() / np.sqrt(len(less)))


def _left_out(past: EventLog) -> tuple[Ints, Ints, EventLog]:
    """Users with a last liked item, that item, and the log without its event."""
    liked = np.flatnonzero(past.label > 0.5)
    last = np.zeros(past.users.len() + 1, np.int64)
    last[past.user[liked]] = liked  # by time: the last one written is the newest
    user = np.flatnonzero(np.bincount(past.user[liked], minlength=len(last)) >= SHORTEST)
    user = user[:: -(-len(user) // MOST_USERS) or 1]
    kept = np.ones(len(past.user), np.bool_)
    kept[last[user]] = False
    user_kept, item_kept, time_kept = past.user[kept], past.item[kept], past.time[kept]
    rest = EventLog(past.users, past.items, user_kept, item_kept, time_kept, past.label[kept])
    return user, past.item[last[user]], rest


def liked_ones(log: EventLog) -> sp.csr_array:
    """(users, items) 1 where a user liked an item."""
    liked = log.label > 0.5
    user, item = log.user[liked], log.item[liked]
    shape = (log.users.len() + 1, log.items.len())
    matrix = sp.csr_array((np.ones(len(user), np.float32), (user, item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _gains(history: sp.csr_array, near: sp.csr_array, seen: sp.csr_array, target: Ints) -> Doubles:
    """(users,) NDCG@10 of one sought item each; an item without a score, or met before, is never found."""
    scores = sp.csr_array(history @ near)
    scores = sp.csr_array(scores - scores.multiply(seen))
    wanted: Floats = np.asarray(scores[np.arange(len(target)), target]).ravel()
    row = np.repeat(np.arange(len(target)), np.diff(scores.indptr))
    above = np.bincount(row, scores.data > wanted[row], len(target))
    return np.where((wanted > 0) & (above < CUT), 1.0 / np.log2(above + 2.0), 0.0)
