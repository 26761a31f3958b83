"""Semantic ids: every item as a short path of codes, near items sharing the head of it.

A view's vectors are whitened and quantized level by level: the first code names the nearest of a few
centroids, the next one the nearest centroid of what is left, and so on (residual quantization; Rajput et
al., Recommender Systems with Generative Retrieval, 2023). Trees read click rates and likings of a path's
head, DIN embeds it: both give a cold item what its neighbours earned. A codebook is fitted once, on
vectors alone, and frozen (`nightshift.features.codebooks`): codes of two codebooks mean different things
and carry different versions.

faiss fits (`Train_default`, beam 1: the same error as its slow default at a twentieth of the time,
measured); encoding is numpy in float64, so that reading a codebook needs no faiss and a code does not move
between processes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import ModelUnavailable, VectorMismatch
from nightshift.features.history import Floats, encode
from nightshift.features.settings import CodesSettings
from nightshift.features.whitening import Whitening, fit_whitening
from nightshift.storage.content_key import content_key
from nightshift.tables import ITEM_CODES

Codes = NDArray[np.int32]

AUTOMATIC = ((5_000, 32), (20_000, 64), (100_000, 128))
"""(items below, centroids a level): small catalogues get few codes, so that a code gathers enough clicks
to be a statistic."""
LARGEST = 256
_ABOUT = ("view", "encoder_id", "fitted_on", "version")


@dataclass(frozen=True)
class Vectors:
    """One view of a night as it is quantized: ids, raw vectors (items, D), and who made them."""

    view: str
    encoder_id: str
    item_ids: pl.Series
    raw: Floats


@dataclass(frozen=True)
class Codebook:
    """A frozen map from a view's raw vectors to codes."""

    view: str
    encoder_id: str
    fitted_on: str
    """The night whose vectors it was fitted on."""
    whitening: Whitening
    centroids: NDArray[np.float32]
    """(levels, size, d) centroids of the residuals in whitened space."""
    version: str = ""
    """Names the codebook by the codes of what it was fitted on; codes of different versions are never
    compared. Its floats would name it worse: threads add in another order, and the last digits of two
    equal fits differ."""

    def encode(self, vectors: Vectors) -> Codes:
        """(items, levels) codes. Raises VectorMismatch for vectors of another encoder."""
        if vectors.encoder_id != self.encoder_id:
            raise VectorMismatch(
                f"codebook of view {self.view!r} reads {self.encoder_id}, not {vectors.encoder_id}; "
                f"fit another one"
            )
        left = self.whitening(vectors.raw).astype(np.float64)
        codes = np.empty((len(left), len(self.centroids)), np.int32)
        for level, centroids in enumerate(self.centroids.astype(np.float64)):
            codes[:, level] = _nearest(left, centroids)
            left -= centroids[codes[:, level]]
        return codes

    def save(self, path: Path) -> None:
        """Write one `.npz` of plain arrays."""
        about = json.dumps({name: getattr(self, name) for name in _ABOUT})
        with path.open("wb") as file:
            np.savez(
                file,
                about=about,
                mean=self.whitening.mean,
                directions=self.whitening.directions,
                centroids=self.centroids,
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """The codebook as it was saved."""
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            whitening = Whitening(arrays["mean"], arrays["directions"])
            return cls(whitening=whitening, centroids=arrays["centroids"], **about)


def _nearest(
    points: NDArray[np.float64], centroids: NDArray[np.float64], rows: int = 16_384
) -> NDArray[np.int64]:
    """(points,) number of the nearest centroid; the lowest one of equals."""
    offset = (centroids**2).sum(1)
    parts = [points[start : start + rows] for start in range(0, len(points), rows)]
    return np.concatenate(
        [np.argmin(offset - 2.0 * part @ centroids.T, axis=1) for part in parts] or [np.zeros(0, np.int64)]
    )


def size_of(items: int, settings: CodesSettings) -> int:
    """Centroids of a level for a catalogue of so many vectors: a power of two, never more than the
    vectors."""
    automatic = next((size for below, size in AUTOMATIC if items < below), LARGEST)
    wanted: int = settings.size or automatic
    return min(wanted, 1 << max(items.bit_length() - 1, 0))


def fit_codebook(
    vectors: Vectors, fitted_on: str, settings: CodesSettings | None = None, seed: int = 0
) -> Codebook | None:
    """Fit levels of centroids on the vectors; None for fewer than two. Raises ModelUnavailable without
    faiss."""
    settings = settings or CodesSettings()
    if len(vectors.raw) < 2:
        return None
    whitening = fit_whitening(vectors.raw, settings.dimensions)
    if not whitening.directions.shape[1]:
        return None
    centroids = _residual_centroids(
        whitening(vectors.raw), settings.levels, size_of(len(vectors.raw), settings), seed
    )
    codebook = Codebook(vectors.view, vectors.encoder_id, fitted_on, whitening, centroids)
    fitted = content_key(
        vectors.view, vectors.encoder_id, *vectors.item_ids, codebook.encode(vectors).tobytes().hex()
    )
    return replace(codebook, version=fitted[:12])


def _residual_centroids(points: Floats, levels: int, size: int, seed: int) -> NDArray[np.float32]:
    """(levels, size, d) centroids by faiss."""
    try:
        import faiss
    except ImportError as error:
        hint = "pip install 'nightshift[codes]', or set codes.enabled: false"
        raise ModelUnavailable(f"semantic ids are fitted with faiss-cpu: {hint}") from error
    quantizer = faiss.ResidualQuantizer(points.shape[1], levels, size.bit_length() - 1)
    quantizer.train_type = faiss.ResidualQuantizer.Train_default
    quantizer.max_beam_size = 1
    quantizer.cp.seed = 1234 + seed  # 1234 is faiss's own default
    quantizer.cp.min_points_per_centroid = 1  # small catalogues are fine: quality is reported, not assumed
    quantizer.train(np.ascontiguousarray(points, np.float32))
    return np.asarray(faiss.vector_to_array(quantizer.codebooks).reshape(levels, size, points.shape[1]))


def codes_table(codebook: Codebook, vectors: Vectors) -> pl.DataFrame:
    """Rows of the `item_codes` table for one view."""
    codes = pl.Series("codes", codebook.encode(vectors)).cast(pl.List(pl.Int32))
    frame = pl.DataFrame({"item_id": vectors.item_ids, "codes": codes})
    return ITEM_CODES.conform(
        frame.with_columns(view=pl.lit(codebook.view), codebook=pl.lit(codebook.version))
    )


def vectors_of(embeddings: pl.DataFrame, scores: Mapping[str, pl.DataFrame]) -> list[Vectors]:
    """What a night's `item_embeddings` and its tables of scores, by view, give to quantize: one `Vectors` a
    view that has rows.

    Raises VectorMismatch when a view mixes encoders.
    """
    found = [_embedded(str(view), part) for (view,), part in embeddings.group_by("view", maintain_order=True)]
    scored = [vectors for view, rows in scores.items() for vectors in _scored(view, rows)]
    return sorted([*found, *scored], key=lambda vectors: vectors.view)


def _embedded(view: str, rows: pl.DataFrame) -> Vectors:
    encoders = rows["encoder_id"].unique().to_list()
    if len(encoders) > 1:
        raise VectorMismatch(f"view {view!r} of item_embeddings mixes encoders {sorted(encoders)}")
    raw = rows["vector"].explode(empty_as_null=False).cast(pl.Float32).to_numpy().reshape(rows.height, -1)
    return Vectors(view, encoders[0], rows["item_id"], raw)


def _scored(view: str, tag_scores: pl.DataFrame) -> list[Vectors]:
    """The tag scores as a view of their own; its encoder is the vocabulary's tags and the model that most
    rows come from."""
    if not tag_scores.height:
        return []
    tags = tag_scores.select("facet", "tag").unique().sort("facet", "tag").with_row_index("column")
    items = tag_scores["item_id"].unique(maintain_order=True)
    raw = np.zeros((items.len(), tags.height), np.float32)
    placed = tag_scores.join(tags, on=["facet", "tag"], maintain_order="left")
    raw[encode(placed["item_id"], items), placed["column"].to_numpy()] = placed["score"].to_numpy()
    model = (
        tag_scores.group_by("prompt_id", "model_id")
        .len()
        .sort("len", "prompt_id", "model_id", descending=True)
        .row(0)
    )
    names = content_key(*(text for row in tags.select("facet", "tag").iter_rows() for text in row))[:12]
    return [Vectors(view, f"{model[0]}|{model[1]}|{names}", items, raw)]
