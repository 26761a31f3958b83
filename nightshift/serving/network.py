"""DIN at serving: a user's history as it is now against the candidates, by the functions that made its
training rows.

Item vectors do not depend on the request. They are made once a night and network, mapped like the night's
other arrays, and looked up; so a request costs its columns, the similarities to its history, and one run
of the graph.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.history import Floats, Ints
from nightshift.rankers.din.batches import Slots, gap_of
from nightshift.rankers.din.onnx import BATCH, OnnxDIN
from nightshift.rankers.din.saved import FEATURES_FILE, WEIGHTS_FILE
from nightshift.rankers.din.tiers import shared_histograms
from nightshift.serving.memory_map import Arrays, opened
from nightshift.serving.night import ServedNight
from nightshift.serving.request import Request, families_of
from nightshift.storage.content_key import content_key

KEPT = 8
"""Folders of item vectors that stay: a few rankers on a few nights."""


class Network:
    """A saved DIN, and the vectors it has for the items of a night."""

    engine = "onnxruntime"

    def __init__(self, model: OnnxDIN, key: str, folder: Path) -> None:
        """`key` names the network, `folder` holds the mapped vectors."""
        inputs = model.inputs
        self.model, self.codes, self._key, self._folder = model, bool(inputs.catalogue.codes), key, folder
        self.reads = (*inputs.features, *inputs.tier_views, *inputs.catalogue.reads)
        self._families = families_of(inputs.features)

    @classmethod
    def load(cls, saved: Path, folder: Path) -> "Network":
        """Read a saved ranker. Raises ModelUnavailable when there is none, or onnxruntime is not
        installed."""
        model = OnnxDIN.load(saved)
        digests = (sha256((saved / name).read_bytes()).hexdigest() for name in (FEATURES_FILE, WEIGHTS_FILE))
        return cls(model, content_key(*digests)[:16], folder)

    def read(self, night: ServedNight) -> None:
        """Map the night's item vectors; make them first where they are not there yet, or where they are
        damaged."""
        mine = self._folder / f"as_of={night.as_of}-{content_key(night.key, self._key)[:16]}"
        night.kept[self._key] = opened(mine, lambda: (self._made(night), {}), KEPT)[0]["vectors"]

    def chances(self, request: Request) -> NDArray[np.float64]:
        """Probabilities (rows,) in the order of the candidates."""
        dense, candidate, keys, mask = self.given(request)
        parts = [slice(start, start + BATCH) for start in range(0, len(dense), BATCH)]
        return np.concatenate([self.model.score(dense[part], candidate[part], keys, mask) for part in parts])

    def given(self, request: Request) -> tuple[Floats, Floats, Floats, Floats]:
        """What the graph eats: scaled columns (rows, width), candidates (rows, d), keys (1, length, d) and
        mask (1, length)."""
        inputs, night = self.model.inputs, request.live.night
        vectors, past = night.kept[self._key], Recent.of(request, inputs.history_length)
        scaled = inputs.scaler(request.matrix(inputs.features, self._families))
        return (
            np.hstack([scaled, *self._tiers(night, request.item, past)]),
            vectors[request.item],
            *self._keys(vectors, past),
        )

    def _tiers(self, night: ServedNight, item: Ints, past: "Recent") -> list[Floats]:
        """Histograms (rows, 2 x tiers) of each view; zeros for a view that the night lacks."""
        inputs, views = self.model.inputs, night.content.views
        names = [name.split("__", 1)[1] for name in inputs.tier_views]
        nothing = np.zeros((len(item), 2 * inputs.tiers), np.float32)
        return [
            shared_histograms(views[name], item, past.item, past.liked, inputs.tiers)
            if name in views
            else nothing
            for name in names
        ]

    def _keys(self, vectors: Floats, past: "Recent") -> tuple[Floats, Floats]:
        """Keys (1, length, d) of the history and their mask (1, length); one masked event where there is
        none."""
        if not len(past.item):
            return np.zeros((1, 1, vectors.shape[1]), np.float32), np.zeros((1, 1), np.float32)
        return self.model.keys(vectors[past.item], past.kinds)[None], np.ones((1, len(past.item)), np.float32)

    def _made(self, night: ServedNight) -> Arrays:
        """Vectors (items + 1, d) of the whole catalogue, and behind it of the item that nobody knows."""
        catalogue, items = self.model.inputs.catalogue, len(night.items)
        codes = {view.name: night.codes.get(view.name.split("__", 1)[1]) for view in catalogue.codes}
        heads = catalogue.head_rows({name: found for name, found in codes.items() if found}, items)
        attributes = catalogue.attribute_rows(*_attributes(night), items)
        names = _in_order(night.items.names, night.items.numbers)
        views = {
            one.name: night.content.views.get(one.name.split("__", 1)[1]) for one in catalogue.references
        }
        vectors = catalogue.text_vectors({name: view for name, view in views.items() if view}, names)
        slots = Slots.of(catalogue.id_rows(names), heads, *attributes, vectors)
        return {"vectors": self.model.vectors(slots)}


@dataclass(frozen=True)
class Recent:
    """The newest events of a user, oldest first (length,)."""

    item: Ints
    kinds: Ints
    """2 x gap bucket + liked."""
    liked: Ints

    @classmethod
    def of(cls, request: Request, length: int) -> "Recent":
        """Of the user's history as of the request."""
        items, times, labels = request.history
        liked = (labels[-length:] > 0.5).astype(np.int64)
        return cls(items[-length:], 2 * gap_of(request.moment - times[-length:]) + liked, liked)


def _in_order(names: NDArray[np.bytes_], numbers: NDArray[np.int32]) -> pl.Series:
    """Names in the order of their numbers."""
    found = np.empty(len(names), names.dtype)
    found[numbers] = names
    return _decoded(found)


def _decoded(names: NDArray[np.bytes_]) -> pl.Series:
    return pl.Series([name.decode() for name in names.tolist()], dtype=pl.String)


def _attributes(night: ServedNight) -> tuple[pl.Series, Ints, Ints]:
    """What `attribute_lists` gave when the night was made."""
    matrix = night.attributes
    owner = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return _decoded(night.arrays["attributes_names"]), owner, matrix.indices.astype(np.int64)
