"""The candidate stage: every source scores the whole catalogue for a user at a moment, and gives its best
items.

| source | an item's score |
| --- | --- |
| popular | events in a window before the night |
| item_knn | summed cosine with the items of the user's history |
| ease | summed EASE weights of the items of the history |
| a view of items | cosine with the mean liked vector, newer events weighing more, in the whitened view |
| a preference | cosine with the vector of what was written about the user |

What is learnt (popularity, neighbours, EASE, whitening, written facts) is that of the newest night at or
before the moment; the history it is applied to ends strictly before the moment itself. For item_knn and ease
its newer events weigh more where that finds more (nightshift.features.candidates.recency). Equal scores are
ordered by the catalogue; a collaborative score of 0 says nothing and gives no candidate.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nightshift.features.candidates.asked import Asked
from nightshift.features.candidates.fits import Fit, Fits
from nightshift.features.candidates.settings import COLLABORATIVE, CandidateSettings, SourceName
from nightshift.features.content import NightContent
from nightshift.features.history import EventLog, Floats, Ints
from nightshift.features.rows import Columns, Rows, float32
from nightshift.features.specs import PreferenceMatch
from nightshift.features.whitening import unit

DECIMALS = 6
"""Decimals of a score that count: the last bits of a sum differ between machines and must not order items."""
LEAST = 0.5 * 10.0**-DECIMALS
"""Size below which a score is 0."""
TIE_BREAK = 1e-12
"""Taken off for each place in the catalogue: of equal scores the item that comes first wins."""
NOTHING = np.float32(-np.inf)


@dataclass(frozen=True)
class Found:
    """Candidates (found,), by asked user, then source, then rank."""

    asked: Ints
    """Place among the asked."""
    source: Ints
    """Number of the source in `settings.sources`."""
    item: Ints
    rank: Ints
    """0 for the source's best."""
    score: Floats


@dataclass
class Stage:
    """The sources of one configuration, with the fits of the newest nights."""

    settings: CandidateSettings = field(default_factory=CandidateSettings)

    def __post_init__(self) -> None:
        self.fits = Fits(self.settings)

    def scores(self, source: SourceName, asked: Asked, content: NightContent) -> Floats:
        """(asked, items) scores of one source as of a night; minus infinity where the source has nothing
        to say."""
        if source in COLLABORATIVE:
            return _collaborative(source, asked, content, self.fits)
        stated = content.spec.preference
        if stated and isinstance(stated.spec, PreferenceMatch) and source == stated.spec.prefix:
            return _preference(asked, content, stated.spec.view)
        return _text(source, asked, content, self.settings.half_life)

    def find(self, asked: Asked, content: NightContent) -> Found:
        """Each source's best items for everybody asked, all of whom read the same night."""
        parts = [
            part
            for start in range(0, len(asked), self.settings.batch)
            for part in self._batch(asked, start, content)
        ]
        columns = [
            np.concatenate([part[column] for part in parts]) if parts else np.zeros(0, np.int64)
            for column in range(5)
        ]
        order = np.lexsort((columns[3], columns[1], columns[0]))
        who, source, item, rank, score = (column[order] for column in columns)
        return Found(who, source, item, rank, score.astype(np.float32))

    def _batch(
        self, asked: Asked, start: int, content: NightContent
    ) -> Iterator[tuple[Ints, Ints, Ints, Ints, Floats]]:
        here = np.arange(start, min(start + self.settings.batch, len(asked)))
        part = asked.part(here)
        for number, source in enumerate(self.settings.sources):
            scores = self.scores(source, part, content)
            if source in COLLABORATIVE:
                scores[np.abs(scores) < LEAST] = NOTHING  # else the order of the catalogue would be listed
            if not self.settings.repeats:
                scores[part.seen.nonzero()] = NOTHING
            row, item, rank = best(scores, self.settings.per_source)
            yield here[row], np.full(len(row), number), item, rank, scores[row, item]

    def columns(self, log: EventLog, rows: Rows, content: NightContent) -> Columns:
        """`from_<source>` (rows,): the score of each collaborative source for each row; NaN where the
        source has nothing to say."""
        sources = [
            source
            for source in self.settings.sources
            if source in COLLABORATIVE and self.settings.score_columns
        ]
        if content.as_of is None or not sources:
            return {}
        pairs = np.stack([rows.user, rows.moment], axis=1)
        first, place = np.unique(pairs, axis=0, return_index=True, return_inverse=True)[1:]
        asked = Asked(log, rows.user_ids.gather(first), rows.user[first], rows.moment[first])
        values = {f"from_{source}": np.full(len(rows), np.nan, np.float32) for source in sources}
        order = np.argsort(place.ravel(), kind="stable")
        ends = np.searchsorted(
            place.ravel()[order], np.arange(len(asked) + self.settings.batch, step=self.settings.batch)
        )
        for number, start in enumerate(range(0, len(asked), self.settings.batch)):
            part = asked.part(np.arange(start, min(start + self.settings.batch, len(asked))))
            index = order[ends[number] : ends[number + 1]]
            for source in sources:
                scores = self.scores(source, part, content)[place.ravel()[index] - start, rows.item[index]]
                values[f"from_{source}"][index] = np.where(np.isfinite(scores), scores, np.nan)
        return float32(dict(values))


def best(scores: Floats, most: int) -> tuple[Ints, Ints, Ints]:
    """Row, item and rank of the `most` largest finite scores of each row (rows, items), equal ones in the
    order of the catalogue."""
    items = scores.shape[1]
    keys = np.round(scores.astype(np.float64), DECIMALS) - np.arange(items) * TIE_BREAK
    chosen = np.argpartition(-keys, min(most, items) - 1, axis=1)[:, :most]
    order = np.argsort(-np.take_along_axis(keys, chosen, 1), axis=1)
    chosen = np.take_along_axis(chosen, order, 1)
    row, rank = np.nonzero(np.isfinite(np.take_along_axis(scores, chosen, 1)))
    return row, chosen[row, rank], rank


def _collaborative(source: str, asked: Asked, content: NightContent, fits: Fits) -> Floats:
    scores = np.full((len(asked), asked.log.items.len()), NOTHING, np.float32)
    if content.as_of is None:
        return scores
    fit = fits.of(asked.log, content.as_of)
    if source == "popular":
        scores[:] = np.where(fit.popular > 0, fit.popular, NOTHING)
        return scores
    if source == "ease":
        return _ease(fit, asked, scores)
    summed = fit.history(asked) @ fit.neighbours
    summed.sum_duplicates()
    scores[summed.nonzero()] = summed.data[summed.data != 0]
    return scores


def _ease(fit: Fit, asked: Asked, scores: Floats) -> Floats:
    known = fit.history(asked)[:, fit.ease.items]
    predicted = known @ fit.ease.weights
    predicted[np.diff(known.indptr) == 0] = NOTHING  # without a history EASE gives every item 0
    scores[:, fit.ease.items] = predicted
    return scores


def _text(view_name: str, asked: Asked, content: NightContent, half_life: float) -> Floats:
    view = content.views.get(view_name)
    if view is None:
        return np.full((len(asked), asked.log.items.len()), NOTHING, np.float32)
    return _near(unit(np.asarray(asked.recent(half_life) @ view.vectors)), view.vectors, view.present)


def _preference(asked: Asked, content: NightContent, name: str) -> Floats:
    view, stated = content.views.get(name), content.stated
    if view is None or stated.vectors.shape[1] != view.vectors.shape[1] or not len(stated.users):
        return np.full((len(asked), asked.log.items.len()), NOTHING, np.float32)
    place = stated.users.of(asked.user_ids)
    known = place < len(stated.users)
    vectors = np.where(known[:, None], stated.vectors[np.where(known, place, 0)], np.float32(0))
    return _near(vectors, view.vectors, view.present)


def _near(users: Floats, items: Floats, present: np.ndarray) -> Floats:
    """(users, items) cosines of unit rows; minus infinity for a user without a vector and an item without
    one."""
    cosines = np.asarray(users @ items.T, np.float32)
    cosines[~users.any(1)] = NOTHING
    cosines[:, ~present] = NOTHING
    return cosines
