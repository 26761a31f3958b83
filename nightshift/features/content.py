"""What the models wrote by one night, aligned to the catalogue: vectors by view, tag scores, users'
preferences.

Tables come in as snapshots (frames of `nightshift.tables`, any may be empty) and leave as arrays in
catalogue order, with a mask for the items they do not cover.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import VectorMismatch
from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.features.history import EventLog, Floats, Ints, encode
from nightshift.features.parts import Dealing, Named, Part, Users, part_of
from nightshift.features.rows import Columns, Rows
from nightshift.features.settings import SimilaritySettings
from nightshift.features.specs import PreferenceMatch, TagAffinity
from nightshift.features.whitening import Whitening, fit_whitening, settled, unit
from nightshift.tables import ITEM_CODES, ITEM_EMBEDDINGS, USER_EMBEDDINGS, Table

FEW_ITEMS = 5000
"""Items from which a view keeps 128 dimensions."""
LONG_RUN = 8
"""Mean rows with one history from which a product for each history is quicker than one for each row (nine
times at 200 rows)."""
LARGEST_SQUARE = 6000
"""Items up to which all cosines of a view are kept as one square (144 MB); above, pairs are computed as
they are asked."""


NO_SCORES = pl.DataFrame(
    schema={"item_id": pl.String, "facet": pl.String, "tag": pl.String, "score": pl.Float32}
)
NO_LISTS = pl.DataFrame(
    schema={"user_id": pl.String, "liked": pl.List(pl.String), "disliked": pl.List(pl.String)}
)
TIE_BREAK = 1e-12
"""Added for each place in the catalogue; far below the last decimal of a cosine for catalogues under a
million items."""


def cosines(left: Floats, right: Floats) -> Floats:
    """(l, d), (r, d) unit rows -> (l, r) cosines, the same in every process."""
    return settled(left.astype(np.float64) @ right.astype(np.float64).T)


class Snapshot(dict[str, pl.DataFrame]):
    """One night's tables by name; one that the night lacks has no rows. The features of a row come from the
    newest snapshot at or before its day."""

    def rows(self, table: Table) -> pl.DataFrame:
        """A table's rows."""
        return self.get(table.name, table.empty())


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
class Stated:
    """What users' rows say: tags they name, and their text."""

    users: Users
    """Users with a row, or with a vector."""
    liked: Floats
    disliked: Floats
    """(users, tags) 1 where the user's row names the tag."""
    vectors: Floats
    """(users, d) unit vectors in the whitened space of the items' view; zero where missing."""


NOTHING_STATED = Stated(Named(pl.Series([], dtype=pl.String)), *(np.zeros((0, 1), np.float32),) * 3)
"""Where no feature reads what users' rows say."""


@dataclass(frozen=True)
class NightContent:
    """A snapshot in catalogue order."""

    as_of: date | None
    spec: ContentSpec
    views: dict[str, View]
    tags: TagScores
    stated: Stated
    codes: dict[str, ItemCodes] = field(default_factory=dict)
    """Semantic ids by view."""
    parts: tuple[Part, ...] = ()
    """One for each of `spec.read_off`."""

    def dealt(self, dealing: Dealing) -> "NightContent":
        """The placebo: every item gets the answers of another item, and every user those of another user
        where the feature says so."""
        written, items = self.spec.written, dealing.items
        pairs = zip(self.spec.read_off, self.parts, strict=True)
        return replace(
            self,
            views={name: view.permuted(items) for name, view in self.views.items() if name in written},
            tags=self.tags.permuted(items),
            codes={name: codes.permuted(items) for name, codes in self.codes.items() if name in written},
            parts=tuple(part.dealt(dealing, one) if one.family == "llm" else part for one, part in pairs),
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
    snapshot: Snapshot, items: pl.Series, tags: TagScores, settings: SimilaritySettings, spec: ContentSpec
) -> dict[str, View]:
    views, embedded = {}, snapshot.rows(ITEM_EMBEDDINGS)
    for name in spec.embedded:
        rows = embedded.filter(pl.col("view") == name)
        if rows.height:
            views[name] = View.of(name, *_vectors(rows, "item", items), settings)
    if spec.affinity and tags.present.any():
        assert isinstance(spec.affinity.spec, TagAffinity)
        name = spec.affinity.spec.view
        views[name] = View.of(name, tags.scores, tags.present, settings)
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


def _stated(
    snapshot: Snapshot, tags: TagScores, views: dict[str, View], spec: PreferenceMatch, table: str
) -> Stated:
    texts = snapshot.rows(USER_EMBEDDINGS).filter(pl.col("view") == spec.view)
    rows = snapshot.get(table, NO_LISTS.rename({"liked": spec.liked, "disliked": spec.disliked}))
    users = pl.concat([rows["user_id"], texts["user_id"]]).unique().sort()
    liked, disliked = (_named_tags(rows, column, users, tags) for column in (spec.liked, spec.disliked))
    return Stated(Named(users), liked, disliked, _user_texts(snapshot, texts, users, views, spec.view))


def _user_texts(
    snapshot: Snapshot, rows: pl.DataFrame, users: pl.Series, views: dict[str, View], view: str
) -> Floats:
    if not rows.height or view not in views:
        return np.zeros((users.len(), 1), np.float32)
    embedded = snapshot.rows(ITEM_EMBEDDINGS).filter(pl.col("view") == view)
    encoders = {*rows["encoder_id"], *embedded["encoder_id"]}
    if len(encoders) > 1:
        raise VectorMismatch(
            f"view {view!r} of items and users comes from different encoders: {sorted(encoders)}"
        )
    vectors, present = _vectors(rows, "user", users)
    return np.asarray(unit(views[view].whitening(vectors)) * present[:, None], np.float32)


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
    as_of: date | None,
    snapshot: Snapshot,
    items: pl.Series,
    settings: SimilaritySettings,
    spec: ContentSpec | None = None,
) -> NightContent:
    """Align a snapshot to the catalogue's item ids. Raises VectorMismatch when one view mixes encoders."""
    spec = spec or first_spec()
    scored = snapshot.get(spec.affinity.table, NO_SCORES) if spec.affinity else NO_SCORES
    tags = _tag_scores(scored, items)
    views = _item_views(snapshot, items, tags, settings, spec)
    stated = NOTHING_STATED
    if spec.preference:
        assert isinstance(spec.preference.spec, PreferenceMatch)
        stated = _stated(snapshot, tags, views, spec.preference.spec, spec.preference.table)
    parts = tuple(part_of(one, snapshot, items) for one in spec.read_off)
    return NightContent(
        as_of, spec, views, tags, stated, _item_codes(snapshot.rows(ITEM_CODES), items), parts
    )


FeatureFunction = Callable[[EventLog, Rows, NightContent], Columns]
"""Events, rows and the night's content in; columns out. It must look at events strictly before each row's
moment only."""
