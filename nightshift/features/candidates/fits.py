"""What the collaborative sources learn from the events before a night: popularity, item neighbours, EASE.

Only which users consumed which items counts, so equal events give equal fits, whoever else is in the log.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import scipy.linalg.lapack as lapack
import scipy.sparse as sp

from nightshift.errors import NightFailed
from nightshift.features.candidates.asked import Asked
from nightshift.features.candidates.mapped import mapped, mapped_csr, room
from nightshift.features.candidates.recency import chosen_half_life, liked_ones
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.history import DAY, EventLog, Floats, Ints, midnight

log = logging.getLogger(__name__)

BLOCK = 1024
"""Items whose pairs are counted at a time."""


@dataclass(frozen=True)
class Ease:
    """EASE's item weights (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019)."""

    items: Ints
    """(known,) item codes, ascending."""
    weights: Floats
    """(known, known): what having consumed the row's item says for the column's."""


def blocks_of_pairs(matrix: sp.csr_array) -> Iterator[tuple[int, sp.csc_array]]:
    """First column and (items, BLOCK) counts of users that two items share, from a 0/1 matrix (users,
    items)."""
    by_item = sp.csc_array(matrix)
    items = sp.csr_array(by_item.T)
    for start in range(0, matrix.shape[1], BLOCK):
        yield start, sp.csc_array(items @ by_item[:, start : start + BLOCK])


def fit_ease(matrix: sp.csr_array, items: Ints, l2: float) -> Ease:
    """EASE on the given items of a 0/1 matrix (users, items). One (known, known) float32 array is all it
    holds."""
    part = sp.csr_array(matrix[:, items])
    square = np.empty((len(items), len(items)), np.float32, order="F")
    for start, shared in blocks_of_pairs(part):
        square[:, start : start + BLOCK] = shared.toarray()
    square[np.diag_indices_from(square)] += l2
    square, wrong = lapack.spotrf(square, lower=1, overwrite_a=1)
    square, failed = lapack.spotri(square, lower=1, overwrite_c=1)
    if wrong or failed:
        raise NightFailed(
            f"EASE cannot invert {len(items)} items with l2 {l2:g}; raise examples.candidates.l2"
        )
    _mirror(square)
    weights = square.T  # symmetric, and in C order as sparse products want it
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return Ease(items, weights)


def _mirror(square: Floats) -> None:
    """Copy the lower triangle to the upper one, block by block."""
    for start in range(0, len(square), BLOCK):
        stop = min(start + BLOCK, len(square))
        own = square[start:stop, start:stop]
        own[:] = np.tril(own) + np.tril(own, -1).T
        square[start:stop, stop:] = square[stop:, start:stop].T


def fit_neighbours(matrix: sp.csr_array, neighbours: int, shrinkage: float) -> sp.csr_array:
    """(items, items) cosine of the users of two items, shrunk; only each column's strongest `neighbours`
    rows are kept.

    Item-based nearest neighbours (Sarwar et al., WWW 2001; Deshpande and Karypis, TOIS 2004).
    """
    length = np.sqrt(np.asarray(matrix.sum(axis=0)).ravel())
    kept = []
    for start, shared in blocks_of_pairs(matrix):
        column = np.repeat(np.arange(shared.shape[1]), np.diff(shared.indptr))
        shared.data = shared.data / (length[shared.indices] * length[start + column] + shrinkage)
        shared.data[shared.indices == start + column] = 0.0
        kept.append(_strongest(shared, column, neighbours))
    return sp.csr_array(sp.hstack(kept)) if kept else sp.csr_array(matrix.shape[::-1])


def _strongest(matrix: sp.csc_array, column: Ints, most: int) -> sp.csc_array:
    """The largest `most` entries of each column; equal ones by row."""
    order = np.lexsort((matrix.indices, -matrix.data, column))
    place = np.arange(len(order)) - matrix.indptr[column[order]]
    chosen = order[(place < most) & (matrix.data[order] > 0)]
    values = (matrix.data[chosen].astype(np.float32), (matrix.indices[chosen], column[chosen]))
    return sp.csc_array(values, shape=matrix.shape)


@dataclass(frozen=True)
class Learnt:
    """What the events strictly before a night say of pairs of items; each part when it is first asked for."""

    past: EventLog
    settings: CandidateSettings

    @cached_property
    def matrix(self) -> sp.csr_array:
        """(users, items) 1 where a user liked an item."""
        return liked_ones(self.past)

    @cached_property
    def neighbours(self) -> sp.csr_array:
        """(items, items) shrunk cosines, history item by candidate."""
        return self._neighbours(self.matrix)

    @cached_property
    def half_life(self) -> float | None:
        """Liked events after which one weighs half in a history; None where all weigh alike."""
        recency = self.settings.recency
        return chosen_half_life(self.past, self._neighbours) if recency == "auto" else recency

    def _neighbours(self, matrix: sp.csr_array) -> sp.csr_array:
        return fit_neighbours(matrix, self.settings.neighbours, self.settings.shrinkage)

    @cached_property
    def ease(self) -> Ease:
        """EASE on the most active items, ties by code."""
        count = np.asarray(self.matrix.sum(axis=0)).ravel()
        chosen = np.lexsort((np.arange(len(count)), -count))[
            : min(self.settings.ease_items, int((count > 0).sum()))
        ]
        return fit_ease(self.matrix, np.sort(chosen), self.settings.l2)

    @property
    def bytes(self) -> int:
        """Size of what was fitted so far."""
        ease, near = self.__dict__.get("ease"), self.__dict__.get("neighbours")
        parts = ([ease.weights] if ease else []) + (
            [near.data, near.indices, near.indptr] if near is not None else []
        )
        return sum(part.nbytes for part in parts)

    def put_away(self) -> None:
        """Leave what was fitted on disk: it takes memory only while it is read. What was not asked for is
        still not fitted."""
        known = self.__dict__
        known.pop("matrix", None)
        if "ease" in known:
            known["ease"] = Ease(self.ease.items, mapped(self.ease.weights))
        if "neighbours" in known:
            known["neighbours"] = mapped_csr(self.neighbours)


@dataclass(frozen=True)
class Fit:
    """What was learnt from the events strictly before a night."""

    learnt: Learnt
    moment: int

    @cached_property
    def popular(self) -> Floats:
        """(items,) positive events in the window before the night, on a logarithmic scale from 0 to 1."""
        past = self.learnt.past
        recent = (past.time >= self.moment - int(self.learnt.settings.window_days * DAY)) & (past.label > 0.5)
        counts = np.log1p(np.bincount(past.item[recent], minlength=past.items.len()))
        return np.asarray(counts / max(counts.max(initial=0.0), 1.0), np.float32)

    @property
    def neighbours(self) -> sp.csr_array:
        """(items, items) shrunk cosines, history item by candidate."""
        return self.learnt.neighbours

    @property
    def ease(self) -> Ease:
        """EASE on the most active items."""
        return self.learnt.ease

    def history(self, asked: Asked) -> sp.csr_array:
        """(asked, items) what each item of the liked histories weighs."""
        return asked.history(self.learnt.half_life)


@dataclass
class Fits:
    """Fits by the content of the events behind them: the newest few in memory, the others on disk while
    there is room.

    Lists, their columns and both proofs read all nights in turn; with two fits alone, each would be made
    anew every time.
    """

    settings: CandidateSettings
    keep: int = 2
    """Fits in memory."""
    disk: float = 0.25
    """Most of the free disk under TMPDIR that the others take together, as a share."""
    _learnt: "OrderedDict[str, Learnt]" = field(default_factory=OrderedDict)
    _last: tuple[EventLog, date, Fit] | None = None

    def of(self, log: EventLog, night: date) -> Fit:
        """The fit on the events strictly before a night, or before the newest day of the grid that is not
        after it."""
        night = date.fromordinal(night.toordinal() - night.toordinal() % self.settings.refit_days)
        if self._last is None or self._last[0] is not log or self._last[1] != night:
            self._last = (log, night, Fit(self._found(log.before(midnight(night))), midnight(night)))
        return self._last[2]

    def _found(self, past: EventLog) -> Learnt:
        user = np.unique(past.user, return_inverse=True)[1].astype(np.int64)
        parts = (user, past.item, past.time, past.label)
        key = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
        if key not in self._learnt:
            self._learnt[key] = Learnt(past, self.settings)
        self._learnt.move_to_end(key)
        self._put_away()
        return self._learnt[key]

    def _put_away(self) -> None:
        """All but the newest few leave memory; those that the disk has no room for are fitted again when
        they are wanted."""
        taken = 0
        for key in list(self._learnt)[: -self.keep]:
            taken += self._learnt[key].bytes
            if not (room(taken, self.disk) and self._stored(self._learnt[key])):
                taken -= self._learnt.pop(key).bytes

    @staticmethod
    def _stored(learnt: Learnt) -> bool:
        """Whether it is on disk now; a disk that somebody else filled meanwhile costs a fit and no night."""
        try:
            learnt.put_away()
        except OSError as error:
            log.warning(
                "a fit of %d bytes has no room on disk and will be made again: %s", learnt.bytes, error
            )
            return False
        return True
