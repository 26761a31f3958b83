"""What the network knows an item by: its id, the heads of its semantic ids, its attributes, its text
vectors if asked for.

numpy and polars only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl

from nightshift.features.affinity import attribute_lists
from nightshift.features.content import ItemCodes, View
from nightshift.features.history import Floats, Ints, encode
from nightshift.rankers.context import Context
from nightshift.rankers.din.reference import Reference
from nightshift.rankers.din.settings import DINSettings

REFERENCE = "reference_"
"""Begins the names of saved reference vectors."""
DEPTHS = 2
"""Heads of a semantic id that are embedded: c1 and c1c2; a longer one is nearly the item itself."""


@dataclass(frozen=True)
class CodeView:
    """Semantic ids of one view, as they were when the network was fitted."""

    name: str
    """`<family>__<view>`"""
    codebook: str
    size: int
    """Codes of a level."""

    @property
    def rows(self) -> int:
        """Embeddings of all heads: none, c1, c1c2."""
        return 1 + self.size + self.size**2

    def heads(self, codes: np.ndarray[Any, np.dtype[np.int32]]) -> Ints:
        """(items, DEPTHS) embedding rows of the heads; 0 without codes."""
        first, second = codes[:, 0].astype(np.int64), codes[:, min(1, codes.shape[1] - 1)].astype(np.int64)
        inside = (first >= 0) & (first < self.size) & (second < self.size)
        heads = np.stack([1 + first, 1 + self.size + first * self.size + second], axis=1)
        return np.where(inside[:, None], heads, 0)


@dataclass(frozen=True)
class Catalogue:
    """Vocabularies that were fixed when the network was fitted."""

    ids: pl.Series
    """Known items; an id's embedding row is its place plus one, 0 is the unknown id."""
    attributes: pl.Series
    """Known attributes; the same."""
    codes: tuple[CodeView, ...]
    references: tuple[Reference, ...] = ()
    """Views whose frozen vectors are read, one learned projection each."""

    @classmethod
    def fit(cls, context: Context, until: int, settings: DINSettings) -> Self:
        """Items with enough events before a moment, the catalogue's attributes, and the newest codebooks."""
        past = context.log.before(until)
        known = np.bincount(past.item, minlength=context.items.height) >= settings.least_events
        names = attribute_lists(context.items)[0] if settings.attributes else pl.Series([], dtype=pl.String)
        newest = context.codes(len(context.builder.nights) - 1) if settings.codes else {}
        views = tuple(
            CodeView(name, found.codebook, int(found.codes.max()) + 1)
            for name, found in newest.items()
            if found.present.any()
        )
        items = context.items["item_id"]
        vectors = context.views(len(context.builder.nights) - 1) if settings.text_vectors else {}
        references = tuple(
            Reference.of(name, view, items) for name, view in vectors.items() if view.present.any()
        )
        return cls(items.filter(pl.Series(known)), names, views, references)

    @property
    def code_rows(self) -> int:
        """Embeddings of all views' heads."""
        return sum(view.rows for view in self.codes)

    def id_rows(self, items: pl.Series) -> Ints:
        """(items,) embedding row of each id."""
        place = encode(items, self.ids)
        return np.where(place < self.ids.len(), place + 1, 0)

    def head_rows(self, found: Mapping[str, ItemCodes], items: int) -> Ints:
        """(items, DEPTHS x views) embedding rows of semantic ids by `<family>__<view>`; those of another
        codebook count as none."""
        parts, offset = [np.zeros((items, 0), np.int64)], 0
        for view in self.codes:
            codes = found.get(view.name)
            same = codes is not None and codes.codebook == view.codebook
            parts.append(
                offset
                + (
                    view.heads(codes.codes)
                    if codes is not None and same
                    else np.zeros((items, DEPTHS), np.int64)
                )
            )
            offset += view.rows
        return np.hstack(parts)

    def attribute_rows(self, names: pl.Series, owner: Ints, attribute: Ints, items: int) -> tuple[Ints, Ints]:
        """Embedding rows of all items' attributes one after the other, and where each item's begin (items
        + 1,).

        As `attribute_lists` gives them: names, and for every attribute of every item the item's place and
        the attribute's.
        """
        known = self.attribute_places(names)[attribute]
        kept = known > 0
        begins = np.concatenate([[0], np.cumsum(np.bincount(owner[kept], minlength=items))])
        return known[kept], begins.astype(np.int64)

    def attribute_places(self, names: pl.Series) -> Ints:
        """(names,) embedding row of each attribute, 0 for an unknown one."""
        place = encode(names, self.attributes)
        return np.where(place < self.attributes.len(), place + 1, 0)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the views whose codes or vectors are read."""
        return (*(view.name for view in self.codes), *(one.name for one in self.references))

    @property
    def vector_width(self) -> int:
        """Length of all views' frozen vectors together."""
        return sum(one.vectors.shape[1] for one in self.references)

    def text_vectors(self, views: Mapping[str, View], items: pl.Series) -> Floats:
        """(items, vector_width) frozen vectors of a night's views by `<family>__<view>`, beside each
        other; zero where missing."""
        return np.hstack(
            [
                np.zeros((items.len(), 0), np.float32),
                *(one.turned(views.get(one.name), items) for one in self.references),
            ]
        )

    def arrays(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """What is saved beside `about`."""
        return {f"{REFERENCE}{one.name}": one.vectors for one in self.references}

    def about(self) -> dict[str, Any]:
        """What is saved, as JSON."""
        codes = [{"name": view.name, "codebook": view.codebook, "size": view.size} for view in self.codes]
        references = [{"name": one.name, "items": one.items.to_list()} for one in self.references]
        return {
            "ids": self.ids.to_list(),
            "attributes": self.attributes.to_list(),
            "codes": codes,
            "references": references,
        }

    @classmethod
    def of(cls, about: dict[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> Self:
        """Back from what was saved."""
        ids, attributes = (pl.Series(about[name], dtype=pl.String) for name in ("ids", "attributes"))
        saved = [
            (one["name"], pl.Series(one["items"], dtype=pl.String)) for one in about.get("references", [])
        ]
        references = tuple(Reference(name, items, arrays[f"{REFERENCE}{name}"]) for name, items in saved)
        return cls(ids, attributes, tuple(CodeView(**view) for view in about["codes"]), references)


NIGHTS_KEPT = 4
"""Nights whose semantic-id rows and text vectors are kept; a block of rows reads few."""


class Lookups:
    """Embedding rows of a whole catalogue, found once for all blocks."""

    def __init__(self, catalogue: Catalogue, context: Context) -> None:
        self.catalogue, self.context = catalogue, context
        self._heads: dict[int, Ints] = {}
        self._vectors: dict[int, Floats] = {}

    @cached_property
    def ids(self) -> Ints:
        """(items,) see `Catalogue.id_rows`."""
        return self.catalogue.id_rows(self.context.items["item_id"])

    @cached_property
    def attributes(self) -> tuple[Ints, Ints]:
        """See `Catalogue.attribute_rows`."""
        return self.catalogue.attribute_rows(*attribute_lists(self.context.items), self.context.items.height)

    def heads(self, night: int) -> Ints:
        """(items, heads) see `Catalogue.head_rows`; the newest few nights are kept."""
        if night not in self._heads:
            while len(self._heads) >= NIGHTS_KEPT:
                del self._heads[next(iter(self._heads))]
            found = self.context.codes(night) if self.catalogue.codes else {}
            self._heads[night] = self.catalogue.head_rows(found, self.context.items.height)
        return self._heads[night]

    def text_vectors(self, night: int) -> Floats:
        """(items, vector_width) see `Catalogue.text_vectors`; the newest few nights are kept."""
        if night not in self._vectors:
            while len(self._vectors) >= NIGHTS_KEPT:
                del self._vectors[next(iter(self._vectors))]
            views = self.context.views(night) if self.catalogue.references else {}
            self._vectors[night] = self.catalogue.text_vectors(views, self.context.items["item_id"])
        return self._vectors[night]
