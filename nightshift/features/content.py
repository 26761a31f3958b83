"""What the models wrote by one night, aligned to the catalogue: vectors by view, tag scores, users'
preferences.

Tables come in as snapshots (frames of `nightshift.tables`, any may be empty) and leave as arrays in
catalogue order, with a mask for the items they do not cover.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import VectorMismatch
from nightshift.features.history import Floats, Ints, encode
from nightshift.features.settings import SimilaritySettings
from nightshift.features.whitening import Whitening, fit_whitening, settled, unit
from nightshift.tables import (
    ITEM_CODES,
    ITEM_EMBEDDINGS,
    ITEM_FACTS,
    ITEM_TAG_SCORES,
    USER_EMBEDDINGS,
    USER_PREFERENCES,
)

FEW_ITEMS = 5000
"""Items from which a view keeps 128 dimensions."""
LONG_RUN = 8
"""Mean rows with one history from which a product for each history is quicker than one for each row (nine
times at 200 rows)."""
LARGEST_SQUARE = 6000
"""Items up to which all cosines of a view are kept as one square (144 MB); above, pairs are computed as
they are asked."""


UNWRITTEN = ("raw", "template")
"""Views that no language model wrote: they are never dealt to other items."""

TIE_BREAK = 1e-12
"""Added for each place in the catalogue; far below the last decimal of a cosine for catalogues under a
million items."""


def cosines(left: Floats, right: Floats) -> Floats:
    """(l, d), (r, d) unit rows -> (l, r) cosines, the same in every process."""
    return settled(left.astype(np.float64) @ right.astype(np.float64).T)


@dataclass(frozen=True)
class Snapshot:
    """One night's model-written tables. The features of a row come from the newest snapshot at or before
    its day."""

    item_tag_scores: pl.DataFrame = field(default_factory=ITEM_TAG_SCORES.empty)
    item_embeddings: pl.DataFrame = field(default_factory=ITEM_EMBEDDINGS.empty)
    item_facts: pl.DataFrame = field(default_factory=ITEM_FACTS.empty)
    user_preferences: pl.DataFrame = field(default_factory=USER_PREFERENCES.empty)
    user_embeddings: pl.DataFrame = field(default_factory=USER_EMBEDDINGS.empty)
    item_codes: pl.DataFrame = field(default_factory=ITEM_CODES.empty)


def dimensions_for(items: int) -> int:
    """Whitened dimensions that tell a catalogue's items apart; few items leave little to fit more on."""
    return 32 if items < FEW_ITEMS else 128


@dataclass(frozen=True)
class View:
    """One kind of vector for the whole catalogue: (items, d) whitened unit rows, zero where `present` is
    false."""

    name: str
    vectors: Floats
    present: NDArray[np.bool_]
    nearest: int
    whitening: Whitening
    dimensions: Floats
    """(items, d) whitened coordinates before they are scaled to unit length."""

    @classmethod
    def of(cls, name: str, raw: Floats, present: NDArray[np.bool_], settings: SimilaritySettings) -> "View":
        """Whiten raw vectors (items, D) on the items that have one."""
        whitening = fit_whitening(raw[present], settings.dimensions or dimensions_for(len(raw)))
        dimensions = whitening(raw) * present[:, None]
        return cls(name, unit(dimensions), present, settings.nearest, whitening, dimensions)

    @cached_property
    def square(self) -> Floats | None:
        """(items, items) cosines, or None for a catalogue too large to hold them."""
        return cosines(self.vectors, self.vectors) if len(self.vectors) <= LARGEST_SQUARE else None

    def cosines(self, candidate: Ints, history: Ints) -> Floats:
        """(rows,), (rows, length) -> (rows, length) cosine of each candidate with each history item."""
        if self.square is not None:
            return np.asarray(self.square[candidate[:, None], history])
        changes = np.flatnonzero((history[1:] != history[:-1]).any(1)) + 1
        exact = np.empty(history.shape)
        if len(changes) * LONG_RUN < len(history):  # lists of candidates
            for start, stop in pairwise([0, *changes.tolist(), len(history)]):
                exact[start:stop] = self._exact(candidate[start:stop]) @ self._exact(history[start]).T
        else:
            for start in range(0, len(history), 512):
                part = slice(start, start + 512)
                exact[part] = np.einsum(
                    "rd,rld->rl", self._exact(candidate[part]), self._exact(history[part])
                )
        return settled(exact)

    def _exact(self, items: Ints) -> NDArray[np.float64]:
        return self.vectors[items].astype(np.float64)

    @cached_property
    def neighbours(self) -> Ints:
        """(items, nearest) codes of the nearest other items that have a vector; -1 for an item without
        one."""
        found = np.full((len(self.vectors), self.nearest), -1, np.int64)
        others = np.flatnonzero(self.present)
        wanted = min(self.nearest, len(others) - 1)
        for start in range(0, len(others) if wanted > 0 else 0, 1024):
            rows = others[start : start + 1024]
            far = -cosines(self.vectors[rows], self.vectors[others]).astype(np.float64)
            far += (
                np.arange(len(others)) * TIE_BREAK
            )  # equal cosines: the item that comes first in the catalogue
            far[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
            found[rows, :wanted] = others[np.argpartition(far, wanted - 1, axis=1)[:, :wanted]]
        return found

    def permuted(self, mapping: Ints) -> "View":
        """The view in which item i has the vector of item mapping[i]."""
        present, dimensions = self.present[mapping], self.dimensions[mapping]
        return View(self.name, self.vectors[mapping], present, self.nearest, self.whitening, dimensions)


@dataclass(frozen=True)
class TagScores:
    """Tag scores (items, tags), standardized per tag over the items that have them; zero where `present`
    is false."""

    names: tuple[str, ...]
    facets: tuple[str, ...]
    scores: Floats
    present: NDArray[np.bool_]

    def permuted(self, mapping: Ints) -> "TagScores":
        """The scores in which item i has those of item mapping[i]."""
        return TagScores(self.names, self.facets, self.scores[mapping], self.present[mapping])


@dataclass(frozen=True)
class ItemCodes:
    """Semantic ids of one view for the whole catalogue: (items, levels), -1 where an item has none."""

    codebook: str
    codes: NDArray[np.int32]

    @property
    def present(self) -> NDArray[np.bool_]:
        """(items,) whether an item has a path of codes."""
        return np.asarray(self.codes[:, 0] >= 0)

    def prefix(self, depth: int) -> Ints:
        """(items,) a number for each distinct head of `depth` codes, -1 without codes."""
        heads, found = self.codes[:, :depth], np.full(len(self.codes), -1, np.int64)
        found[self.present] = np.unique(heads[self.present], axis=0, return_inverse=True)[1].ravel()
        return found

    def permuted(self, mapping: Ints) -> "ItemCodes":
        """The codes in which item i has those of item mapping[i]."""
        return ItemCodes(self.codebook, self.codes[mapping])


@dataclass(frozen=True)
class NightContent:
    """A snapshot in catalogue order."""

    as_of: date | None
    views: dict[str, View]
    tags: TagScores
    user_ids: pl.Series
    """Users with preferences or a `facts` vector."""
    liked_tags: Floats
    disliked_tags: Floats
    """(users, tags) 1 where the user's preferences name the tag."""
    user_facts: Floats
    """(users, d) unit vectors in the `facts` view's whitened space; zero where missing."""
    codes: dict[str, ItemCodes] = field(default_factory=dict)
    """Semantic ids by view."""

    def permuted(self, mapping: Ints) -> "NightContent":
        """The placebo: every item gets the answers of item mapping[i]; users keep theirs."""
        views = {name: view.permuted(mapping) for name, view in self.views.items() if name not in UNWRITTEN}
        tags = self.tags.permuted(mapping)
        codes = {name: codes.permuted(mapping) for name, codes in self.codes.items() if name not in UNWRITTEN}
        return NightContent(
            self.as_of,
            views,
            tags,
            self.user_ids,
            self.liked_tags,
            self.disliked_tags,
            self.user_facts,
            codes,
        )


def _vectors(frame: pl.DataFrame, owner: str, ids: pl.Series) -> tuple[Floats, NDArray[np.bool_]]:
    """(ids, dimension) vectors and a mask, from rows of one view."""
    encoders = frame["encoder_id"].unique().to_list()
    lengths = frame["vector"].list.len().unique().to_list()
    if len(encoders) > 1 or len(lengths) > 1:
        view = frame["view"][0]
        raise VectorMismatch(
            f"view {view!r} of {owner}_embeddings mixes encoders {sorted(encoders)} of lengths "
            f"{sorted(lengths)}"
        )
    codes = encode(frame[f"{owner}_id"], ids)
    known = codes < ids.len()
    flat = frame["vector"].explode(empty_as_null=False).cast(pl.Float32).to_numpy().reshape(frame.height, -1)
    vectors, present = np.zeros((ids.len(), flat.shape[1]), np.float32), np.zeros(ids.len(), np.bool_)
    vectors[codes[known]], present[codes[known]] = flat[known], True
    return vectors, present


def _tag_scores(frame: pl.DataFrame, items: pl.Series) -> TagScores:
    tags = frame.select("facet", "tag").unique().sort("facet", "tag").with_row_index("column")
    placed = frame.join(tags, on=["facet", "tag"], maintain_order="left")
    codes = encode(placed["item_id"], items)
    known = codes < items.len()
    scores, present = np.zeros((items.len(), tags.height), np.float32), np.zeros(items.len(), np.bool_)
    scores[codes[known], placed["column"].to_numpy()[known]] = placed["score"].to_numpy()[known]
    present[codes[known]] = True
    if present.any():
        spread = scores[present].std(0)
        scores = (scores - scores[present].mean(0)) / np.where(spread > 0, spread, 1.0) * present[:, None]
    return TagScores(tuple(tags["tag"]), tuple(tags["facet"]), scores.astype(np.float32), present)


def _item_views(
    snapshot: Snapshot, items: pl.Series, tags: TagScores, settings: SimilaritySettings
) -> dict[str, View]:
    views = {}
    for name in ("raw", "template", "facts", "hidden"):
        rows = snapshot.item_embeddings.filter(pl.col("view") == name)
        if rows.height:
            views[name] = View.of(name, *_vectors(rows, "item", items), settings)
    if tags.present.any():
        views["tags"] = View.of("tags", tags.scores, tags.present, settings)
    return views


def _named_tags(frame: pl.DataFrame, column: str, users: pl.Series, tags: TagScores) -> Floats:
    """(users, tags) 1 where the list names the tag, in every facet that has it."""
    marks = np.zeros((users.len(), len(tags.names)), np.float32)
    columns = pl.DataFrame(
        {"tag": tags.names, "column": range(len(tags.names))}, schema={"tag": pl.String, "column": pl.Int64}
    )
    named = (
        frame.select("user_id", pl.col(column).alias("tag"))
        .explode("tag")
        .drop_nulls()
        .join(columns, on="tag")
    )
    marks[encode(named["user_id"], users), named["column"].to_numpy()] = 1.0
    return marks


def _user_facts(snapshot: Snapshot, users: pl.Series, views: dict[str, View]) -> Floats:
    rows = snapshot.user_embeddings.filter(pl.col("view") == "facts")
    if not rows.height or "facts" not in views:
        return np.zeros((users.len(), 1), np.float32)
    encoders = {
        *rows["encoder_id"],
        *snapshot.item_embeddings.filter(pl.col("view") == "facts")["encoder_id"],
    }
    if len(encoders) > 1:
        raise VectorMismatch(
            f"view 'facts' of items and users comes from different encoders: {sorted(encoders)}"
        )
    vectors, present = _vectors(rows, "user", users)
    return np.asarray(unit(views["facts"].whitening(vectors)) * present[:, None], np.float32)


def _item_codes(frame: pl.DataFrame, items: pl.Series) -> dict[str, ItemCodes]:
    """Semantic ids by view. Raises VectorMismatch when a view mixes codebooks."""
    found = {}
    for (view,), rows in frame.group_by("view", maintain_order=True):
        versions = rows["codebook"].unique().to_list()
        if len(versions) > 1:
            raise VectorMismatch(f"view {view!r} of item_codes mixes codebooks {sorted(versions)}")
        place = encode(rows["item_id"], items)
        paths = rows["codes"].explode(empty_as_null=False).to_numpy().reshape(rows.height, -1)
        codes = np.full((items.len(), paths.shape[1]), -1, np.int32)
        codes[place[place < items.len()]] = paths[place < items.len()]
        found[str(view)] = ItemCodes(versions[0], codes)
    return found


def night_content(
    as_of: date | None, snapshot: Snapshot, items: pl.Series, settings: SimilaritySettings
) -> NightContent:
    """Align a snapshot to the catalogue's item ids. Raises VectorMismatch when one view mixes encoders."""
    tags = _tag_scores(snapshot.item_tag_scores, items)
    views = _item_views(snapshot, items, tags, settings)
    preferences = snapshot.user_preferences
    users = pl.concat([preferences["user_id"], snapshot.user_embeddings["user_id"]]).unique().sort()
    likes, dislikes = (_named_tags(preferences, column, users, tags) for column in ("likes", "dislikes"))
    codes = _item_codes(snapshot.item_codes, items)
    return NightContent(
        as_of, views, tags, users, likes, dislikes, _user_facts(snapshot, users, views), codes
    )
